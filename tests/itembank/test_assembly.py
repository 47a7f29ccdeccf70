"""Assembly: every form keeps the spec table, forms are parallel, what is impossible is named."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.domain.annealing import Pool
from itembank.domain.assembly import Assembly, _by_solver, assemble_forms
from itembank.domain.blueprint import BankItem, Blueprint, largest_remainder
from itembank.domain.cells import CellLayout
from itembank.domain.checker import PaperChecker
from itembank.domain.paper_form import describe_form, largest_overlap
from itembank.domain.paper_plan import PaperPlan
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange
from itembank.domain.targets import common_target
from server.core.errors import Conflict, InvalidInput
from tests.factories.papers import a_bank, a_blueprint, a_plan


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    return a_blueprint(1)


@pytest.fixture(scope="module")
def bank(blueprint: Blueprint) -> list[BankItem]:
    return a_bank(list(blueprint.points), seed=1)


@pytest.fixture(scope="module")
def paper(blueprint: Blueprint, bank: list[BankItem]) -> Assembly:
    return assemble_forms(blueprint, bank, 4, 2, seed=1)


def test_four_forms_and_two_backups_share_no_item_and_break_no_rule(paper: Assembly) -> None:
    assert [form.label for form in paper.forms] == ["A", "B", "C", "D", "S1", "S2"]
    assert paper.max_overlap == 0
    assert paper.report.violations == ()
    assert {form.points for form in paper.forms} == {10_000}


def test_second_level_ranges_get_exactly_their_largest_remainder_share(paper: Assembly, blueprint: Blueprint) -> None:
    wanted = {quota.path: quota.low for quota in blueprint.exact}
    assert sum(wanted.values()) == 90
    for form in paper.forms:
        assert {path: form.by_range[path] for path in wanted} == wanted


def test_expected_scores_of_all_forms_agree_within_a_tenth_of_a_point(paper: Assembly) -> None:
    for column in zip(*(form.expected_scores for form in paper.forms), strict=True):
        assert max(column) - min(column) <= 0.1
    loadings = [form.loading_sum for form in paper.forms]
    assert (max(loadings) - min(loadings)) / max(loadings) <= 0.01


def test_the_same_seed_gives_the_same_forms_and_another_seed_others(
    paper: Assembly, blueprint: Blueprint, bank: list[BankItem]
) -> None:
    again = assemble_forms(blueprint, list(reversed(bank)), 4, 2, seed=1)
    assert (again.digest, again.bank_digest, again.forms) == (paper.digest, paper.bank_digest, paper.forms)
    assert assemble_forms(blueprint, bank, 4, 2, seed=2).digest != paper.digest


def test_forms_share_as_little_as_the_cap_where_the_bank_is_too_small() -> None:
    blueprint = a_blueprint(1, a_plan((("single", 120, 50), ("true_false", 40, 50), ("multiple", 40, 50))))
    made = assemble_forms(blueprint, a_bank(list(blueprint.points), seed=1), 4, 2, seed=1)
    assert 0 < made.max_overlap <= 40
    assert made.report.hard == ()


def test_a_planned_difficulty_is_reached(blueprint: Blueprint, bank: list[BankItem]) -> None:
    harder = Blueprint(a_plan(target_share=6000), blueprint.ranges, blueprint.points)
    made = assemble_forms(harder, bank, 4, 0, seed=1)
    assert made.report.violations == ()
    assert all(abs(form.expected_scores[1] - 60) < 1 for form in made.forms)


def test_a_difficulty_beyond_the_bank_is_said_and_the_forms_stay_parallel(
    blueprint: Blueprint, bank: list[BankItem]
) -> None:
    harder = Blueprint(a_plan(target_share=4500), blueprint.ranges, blueprint.points)
    made = assemble_forms(harder, bank, 4, 2, seed=1)
    assert {violation.code for violation in made.report.violations} == {"DIFFICULTY"}


def test_an_empty_range_is_named(blueprint: Blueprint, bank: list[BankItem]) -> None:
    without = [item for item in bank if not item.point.startswith("A/01/")]
    with pytest.raises(Conflict) as refusal:
        assemble_forms(blueprint, without, 1, 0, seed=1)
    assert refusal.value.code == "ASSEMBLY_INFEASIBLE"
    assert {each["range"].rpartition("/")[0] for each in refusal.value.data["lacking"]} == {"A/01"}
    quota = next(quota.low for quota in blueprint.exact if quota.path == "A/01")
    assert sum(each["lacking"] for each in refusal.value.data["lacking"]) == quota


def test_a_missing_kind_is_named(blueprint: Blueprint, bank: list[BankItem]) -> None:
    few = [item for item in bank if item.kind != "multiple"]
    with pytest.raises(Conflict) as refusal:
        assemble_forms(blueprint, few, 1, 0, seed=1)
    lacking = refusal.value.data["lacking"]
    assert {each["kind"] for each in lacking} == {"multiple"}
    assert sum(each["lacking"] for each in lacking) == 10


def test_a_hard_share_of_importance_that_no_point_has_is_named(bank: list[BankItem], blueprint: Blueprint) -> None:
    plan = a_plan(importance=[{"importance": "Z", "at_least": 9000, "hard": True}])
    with pytest.raises(Conflict) as refusal:
        assemble_forms(Blueprint(plan, blueprint.ranges, blueprint.points), bank, 1, 0, seed=1)
    assert "Z" in {each["importance"] for each in refusal.value.data["lacking"]} or refusal.value.data["lacking"]


def test_too_many_forms_for_the_bank_are_refused_within_five_seconds(
    blueprint: Blueprint, bank: list[BankItem]
) -> None:
    started = time.perf_counter()
    with pytest.raises(Conflict) as refusal:
        assemble_forms(blueprint, bank[:200], 4, 2, seed=1)
    assert refusal.value.data["forms"] == 6
    assert refusal.value.data["lacking"]
    print(f"infeasible named in {time.perf_counter() - started:.2f} s")


def test_the_number_of_forms_has_limits(blueprint: Blueprint, bank: list[BankItem]) -> None:
    for forms, backups in ((0, 1), (1, -1), (61, 0)):
        with pytest.raises(InvalidInput, match="FORM_COUNT"):
            assemble_forms(blueprint, bank, forms, backups, seed=1)


def test_items_of_other_points_and_kinds_are_never_drawn(blueprint: Blueprint, bank: list[BankItem]) -> None:
    strangers = [BankItem("x1", "x1", "essay", blueprint.points[0].path, 3), BankItem("x2", "x2", "single", "Z/99", 3)]
    made = assemble_forms(blueprint, [*bank, *strangers], 1, 0, seed=1)
    assert not {"x1", "x2"} & set(made.forms[0].version_ids)


def test_a_table_with_weights_on_the_first_level_alone_is_enough() -> None:
    ranges = (SpecRange("A", "", 3000), SpecRange("A/01", "", 0), SpecRange("B", "", 7000))
    points = tuple(SpecPoint(f"{top}/{n:03d}", "", Importance.CORE) for top in ("A/01", "B") for n in range(30))
    blueprint = Blueprint(a_plan((("single", 20, 500),)), ranges, points)
    bank = [BankItem(f"v{n:03d}", f"i{n:03d}", "single", points[n % 60].path, n % 5 + 1) for n in range(240)]
    made = assemble_forms(blueprint, bank, 2, 1, seed=3)
    assert [form.by_range["A"] for form in made.forms] == [6, 6, 6]


@pytest.mark.parametrize(("total", "weights", "counts"), [
    (90, [3000, 7000], [27, 63]),
    (10, [3333, 3333, 3334], [3, 3, 4]),
    (7, [1, 1, 1, 1], [2, 2, 2, 1]),
    (5, [0, 10], [0, 5]),
])  # fmt: skip
def test_largest_remainder_gives_the_rest_to_the_largest_fractions(
    total: int, weights: list[int], counts: list[int]
) -> None:
    assert largest_remainder(total, weights) == counts


@given(st.integers(1, 300), st.lists(st.integers(0, 10_000), min_size=1, max_size=30).filter(any))
def test_largest_remainder_is_never_off_by_one_and_adds_up(total: int, weights: list[int]) -> None:
    counts = largest_remainder(total, weights)
    assert sum(counts) == total
    assert all(abs(count - total * weight / sum(weights)) < 1 for count, weight in zip(counts, weights, strict=True))


# --- random banks that hold at least the planted forms ---


@st.composite
def feasible_banks(draw: st.DrawFn) -> tuple[Blueprint, list[BankItem], int]:
    """A bank made of complete forms (so that many disjoint forms exist by construction) plus loose items."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.sampled_from([10, 20, 25, 40]))
    leaves = [f"{top}/{second}/{third}" for top in "AB" for second in "12" for third in "12"[: draw(st.integers(1, 2))]]
    held = rng.multinomial(count, np.full(len(leaves), 1 / len(leaves)))
    weight = {leaf: int(n) * 10_000 // count for leaf, n in zip(leaves, held, strict=True)}
    paths = sorted({leaf[:length] for leaf in leaves for length in (1, 3, 5)})
    ranges = tuple(
        SpecRange(path, path, sum(w for leaf, w in weight.items() if leaf.startswith(path))) for path in paths
    )
    per_leaf = draw(st.integers(3, 6))
    points = tuple(
        SpecPoint(f"{leaf}/{n:03d}", "", Importance(str(rng.choice(["X", "Y", "Z"]))))
        for leaf in leaves
        for n in range(per_leaf)
    )
    multiples = draw(st.integers(1, count // 4))
    sections = (("single", count - multiples, 100), ("multiple", multiples, 200))
    plan: PaperPlan = a_plan(sections, max_items_per_point=draw(st.sampled_from([0, count])))
    forms = draw(st.integers(1, 3))
    kinds = ["single"] * (count - multiples) + ["multiple"] * multiples
    places = [leaf for leaf, n in zip(leaves, held, strict=True) for _ in range(n)]
    bank: list[BankItem] = []

    def add(kind: str, leaf: str, enemy: str | None) -> None:
        number = len(bank)
        point = f"{leaf}/{number % per_leaf:03d}"
        bank.append(BankItem(f"v{number:05d}", f"i{number:05d}", kind, point, int(rng.integers(1, 6)), enemy))

    for _ in range(forms + 2):
        rng.shuffle(kinds)
        for kind, leaf in zip(kinds, places, strict=True):
            add(kind, leaf, None)
    for number in range(draw(st.integers(0, 60))):
        add(str(rng.choice(["single", "multiple"])), str(rng.choice(leaves)), f"E{number % 4}")
    return Blueprint(plan, ranges, points), bank, forms


@settings(max_examples=20)
@given(feasible_banks(), st.integers(0, 1000))
def test_every_form_from_a_feasible_bank_passes_the_checker(
    made: tuple[Blueprint, list[BankItem], int], seed: int
) -> None:
    blueprint, bank, forms = made
    paper = assemble_forms(blueprint, bank, forms, 1, seed)
    assert len(paper.forms) == forms + 1
    assert paper.report.hard == ()
    assert assemble_forms(blueprint, bank, forms, 1, seed).digest == paper.digest


def test_the_solver_makes_sound_forms_where_swaps_would_give_up() -> None:
    blueprint = a_blueprint(4, a_plan((("single", 30, 100), ("multiple", 5, 200)), max_items_per_point=1))
    usable = blueprint.usable(a_bank(list(blueprint.points), 700, seed=4))
    layout = CellLayout(blueprint, usable)
    target = common_target(usable, blueprint.plan, [1.0] * len(usable), 0)
    made = _by_solver(Pool(layout), 3, target, np.random.default_rng(1))
    assert made is not None
    forms = [
        describe_form(blueprint, [usable[position] for position in positions], label, is_backup=False)
        for positions, label in zip(made, "ABC", strict=True)
    ]
    checker = PaperChecker(
        blueprint.plan, blueprint.ranges, blueprint.points, {item.version_id: item for item in usable}
    )
    assert checker.check(forms).hard == ()
    assert largest_overlap(forms) == 0
