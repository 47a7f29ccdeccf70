"""The independent checker finds every kind of fault that is planted in a sound form."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from itembank.domain.assembly import assemble_forms
from itembank.domain.blueprint import BankItem, Blueprint
from itembank.domain.checker import PaperChecker
from itembank.domain.paper_form import AssembledForm, form_label
from itembank.domain.paper_plan import PaperPlan
from server.core.errors import InvalidInput
from tests.factories.papers import a_bank, a_blueprint, a_plan

BLUEPRINT = a_blueprint(2)
BANK = {item.version_id: item for item in a_bank(list(BLUEPRINT.points), seed=2)}
FORMS = assemble_forms(BLUEPRINT, list(BANK.values()), 2, 0, seed=2).forms
FORM = FORMS[0]


def _check(
    form: AssembledForm, *others: AssembledForm, bank: dict[str, BankItem] = BANK, plan: PaperPlan | None = None
):
    checker = PaperChecker(plan or BLUEPRINT.plan, BLUEPRINT.ranges, BLUEPRINT.points, bank)
    return checker.check([form, *others])


def _codes(form: AssembledForm, *others: AssembledForm, bank: dict[str, BankItem] = BANK) -> set[str]:
    return {violation.code for violation in _check(form, *others, bank=bank).violations}


def _with_items(items: list[tuple[str, int]]) -> AssembledForm:
    return dataclasses.replace(FORM, items=tuple(items))


def _exchange(keep: Callable[[BankItem, BankItem], bool]) -> AssembledForm:
    """The form with one item replaced by the first other item that `keep(old, new)` accepts."""
    items = list(FORM.items)
    for number, (version, points) in enumerate(items):
        for other in BANK.values():
            if other.version_id not in FORM.version_ids and keep(BANK[version], other):
                items[number] = (other.version_id, points)
                return _with_items(items)
    raise AssertionError("no such exchange in this bank")


def _range(item: BankItem) -> str:
    return item.point[:4]


def test_sound_forms_have_no_violation() -> None:
    assert _check(*FORMS).violations == ()


def test_a_missing_item_is_found() -> None:
    assert {"KIND_COUNT", "TOTAL_POINTS"} <= _codes(_with_items(list(FORM.items[1:])))


def test_an_item_of_another_kind_is_found() -> None:
    assert "KIND_COUNT" in _codes(_exchange(lambda old, new: old.kind != new.kind and _range(old) == _range(new)))


def test_wrong_points_are_found() -> None:
    items = list(FORM.items)
    items[0] = (items[0][0], items[0][1] + 50)
    assert {"ITEM_POINTS", "TOTAL_POINTS"} <= _codes(_with_items(items))


def test_an_item_of_another_range_is_found() -> None:
    found = _codes(_exchange(lambda old, new: old.kind == new.kind and _range(old) != _range(new)))
    assert found & {"RANGE_COUNT", "RANGE_ROUNDING"}


def test_a_repeated_item_is_found() -> None:
    items = list(FORM.items)
    twin = next(n for n in range(1, len(items)) if BANK[items[n][0]].kind == BANK[items[0][0]].kind)
    items[twin] = items[0]
    assert "ITEM_REPEATED" in _codes(_with_items(items))


def test_enemies_on_one_form_are_found() -> None:
    first, second = FORM.version_ids[:2]
    bank = {**BANK, **{v: dataclasses.replace(BANK[v], enemy_group="same") for v in (first, second)}}
    assert "ENEMIES" in _codes(FORM, bank=bank)


def test_too_many_items_of_one_point_are_found() -> None:
    exact = BLUEPRINT.exact_above
    inside = [v for v in FORM.version_ids if exact[BANK[v].point] == exact[BANK[FORM.version_ids[0]].point]]
    point = BANK[inside[0]].point
    bank = {**BANK, **{v: dataclasses.replace(BANK[v], point=point) for v in inside}}
    assert "POINT_LIMIT" in _codes(FORM, bank=bank)


def test_an_item_that_left_the_bank_is_found() -> None:
    bank = {version: item for version, item in BANK.items() if version != FORM.version_ids[5]}
    assert _codes(FORM, bank=bank) == {"ITEM_UNKNOWN"}


def test_too_much_in_common_is_found() -> None:
    twin = dataclasses.replace(FORM, label="B")
    report = _check(FORM, twin)
    assert [(violation.code, violation.form, violation.hard) for violation in report.violations] == [
        ("OVERLAP", "A/B", True)
    ]
    assert "90 题相同" in report.hard[0].message_zh


def test_forms_of_different_difficulty_are_noticed_and_usable() -> None:
    easier = dataclasses.replace(FORMS[1], expected_scores=tuple(score + 1 for score in FORMS[1].expected_scores))
    report = _check(FORM, easier)
    assert (report.hard, [violation.code for violation in report.soft]) == ((), ["NOT_PARALLEL"])


def test_a_share_of_importance_is_a_notice_unless_the_plan_is_strict() -> None:
    for hard in (False, True):
        plan = dataclasses.replace(
            BLUEPRINT.plan,
            importance=a_plan(importance=[{"importance": "Z", "at_least": 9500, "hard": hard}]).importance,
        )
        assert [(each.code, each.hard) for each in _check(FORM, plan=plan).violations] == [("IMPORTANCE_SHARE", hard)]


def test_subranges_off_by_more_than_one_are_noticed() -> None:
    below = BANK[FORM.version_ids[0]].point[:7]
    sibling = next(point.path for point in BLUEPRINT.points if point.path[:4] == below[:4] and point.path[:7] != below)
    moved = [v for v in FORM.version_ids if BANK[v].point[:7] == below]
    bank = {**BANK, **{v: dataclasses.replace(BANK[v], point=sibling) for v in moved}}
    report = _check(FORM, bank=bank)
    assert "SUBRANGE_COUNT" in {violation.code for violation in report.soft} or len(moved) <= 1


# --- plans ---


def test_a_plan_survives_its_document() -> None:
    plan = a_plan(title="理论", target_share=6500, importance=[{"importance": "X", "at_least": 6000, "hard": True}])
    assert PaperPlan.from_document(plan.to_document()) == plan


@pytest.mark.parametrize(("change", "field"), [
    ({"sections": []}, "sections"),
    ({"sections": [{"kind": "essay", "count": 1, "points_each": 100}]}, "sections[1].kind"),
    ({"sections": [{"kind": "single", "count": 0, "points_each": 100}]}, "sections[1].count"),
    ({"sections": [{"kind": "single", "count": 5, "points_each": 0.5}]}, "sections[1].points_each"),
    ({"sections": [{"kind": "single", "count": 5, "points_each": 50}] * 2}, "sections"),
    ({"total": 99}, "total"),
    ({"minutes": 0}, "minutes"),
    ({"minutes": True}, "minutes"),
    ({"overlap_cap": 10_001}, "overlap_cap"),
    ({"target_share": 0}, "target_share"),
    ({"colour": "red"}, "plan"),
    ({"importance": [{"importance": "W"}]}, "importance[1].importance"),
    ({"importance": [{"importance": "X", "at_least": 5000, "at_most": 4000}]}, "importance[1]"),
])  # fmt: skip
def test_a_wrong_plan_is_refused_with_the_field(change: dict[str, object], field: str) -> None:
    document = {"sections": [{"kind": "single", "count": 10, "points_each": 100}], "minutes": 60, **change}
    with pytest.raises(InvalidInput) as refusal:
        PaperPlan.from_document(document)
    assert (refusal.value.code, refusal.value.data["field"]) == ("PAPER_PLAN_INVALID", field)


def test_labels_of_forms_and_backups() -> None:
    assert [form_label(n, is_backup=False) for n in (0, 3, 25, 26, 27)] == ["A", "D", "Z", "AA", "AB"]
    assert form_label(1, is_backup=True) == "S2"


def test_a_blueprint_without_points_is_refused() -> None:
    with pytest.raises(InvalidInput, match="SPEC_EMPTY"):
        Blueprint(a_plan(), (), ())
