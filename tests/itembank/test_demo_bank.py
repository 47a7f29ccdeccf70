"""The demonstration bank: every key proven twice, every item distinct, enough of everything."""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter, defaultdict
from typing import Any

import pytest
from sqlalchemy import func, select

from itembank.content import open_content
from itembank.domain.duplicates import find_duplicates, normalise
from itembank.domain.generated_item import GeneratedItem
from itembank.domain.item import TRUE, ItemKind, validate
from itembank.domain.item_template import CalculationTemplate, ClaimsTemplate, FactsTemplate, WrittenItem
from itembank.domain.spec_table import find_problems, find_supply_problems
from itembank.domain.states import ItemState
from itembank.importers.bank_files import DEMO_BANK, demo_items, demo_spec_table, demo_templates
from itembank.models import Item, ItemSignature, ItemVersion
from itembank.readiness import bank_readiness
from itembank.services.load_demo_bank import load_demo_bank
from server.audit.log import verify
from server.core.clock import SystemClock
from server.storage.database import Database
from tests.factories.itembank import KEEPER, VAULT, a_uow

TEMPLATES = {template.id: template for template in demo_templates()}
ITEMS = demo_items()


def items_of(family: type) -> list[GeneratedItem]:
    return [item for item in ITEMS if isinstance(TEMPLATES[item.template_id], family)]


# --- The second computation -------------------------------------------------------------------------------------------
# Nothing of itembank's evaluator is used: Python's own floating point evaluates the template's *proof* formula.

FUNCTIONS: dict[str, Any] = {
    "sqrt": math.sqrt, "floor": math.floor, "abs": abs, "min": min, "max": max, "pi": math.pi, "mod": math.fmod,
    "sin_deg": lambda a: math.sin(math.radians(a)), "cos_deg": lambda a: math.cos(math.radians(a)),
    "binary": lambda n: format(round(n), "b"), "hexadecimal": lambda n: format(round(n), "X"),
    "octal": lambda n: format(round(n), "o"), "number": lambda text, base: int(text, round(base)),
    "bcd": lambda n: " ".join(format(int(digit), "04b") for digit in str(round(n))),
}  # fmt: skip


def computed_again(template: CalculationTemplate, item: GeneratedItem) -> float | str:
    names = {name: value if isinstance(value, str) else float(value) for name, value in item.names}
    return eval(compile(template.proof, template.id, "eval"), {"__builtins__": {}, **FUNCTIONS}, names)  # type: ignore[no-any-return]


def bare_value(template: CalculationTemplate, text: str) -> str:
    return text.removesuffix(template.unit).strip()


def says(template: CalculationTemplate, text: str, value: float | str) -> bool:
    """Whether the option's text is the value, to the last place shown."""
    shown = bare_value(template, text)
    if isinstance(value, str):
        return shown == value
    return abs(float(shown) - value) <= 0.5 * 10.0**-template.decimals + 1e-9 * max(1.0, abs(value))


def test_every_computed_key_is_proven_by_a_second_computation() -> None:
    checked = 0
    for item in items_of(CalculationTemplate):
        template = TEMPLATES[item.template_id]
        assert isinstance(template, CalculationTemplate)
        assert template.proof.replace(" ", "") != template.key.replace(" ", ""), template.id
        value = computed_again(template, item)
        if item.content.kind is ItemKind.TRUE_FALSE:
            told = f"{item.content.stem}|"
            prefix, _, suffix = template.statement.partition("{answer}")
            shown = dict(item.names)
            for name, number in shown.items():
                text = number if isinstance(number, str) else f"{float(number):.6f}".rstrip("0").rstrip(".")
                prefix, suffix = prefix.replace(f"{{{name}}}", text), suffix.replace(f"{{{name}}}", text)
            answer = told.removeprefix(prefix).removesuffix(f"{suffix}|")
            assert says(template, answer, value) == (TRUE in item.content.key), item.content.stem
        else:
            right = [says(template, option.text, value) for option in item.content.options]
            named = [option.id in item.content.key for option in item.content.options]
            assert right == named, (item.content.stem, value)
        checked += 1
    assert checked > 250


def test_every_fact_is_stated_twice_and_every_key_follows_from_the_second_statement() -> None:
    """The `check` line, written value first, decides the truth of each statement the items make."""
    for item in items_of(FactsTemplate):
        template = TEMPLATES[item.template_id]
        assert isinstance(template, FactsTemplate)
        truth = second_statement(template)
        content = item.content
        if content.kind is ItemKind.TRUE_FALSE:
            assert (content.stem in truth) == (TRUE in content.key), content.stem
        elif content.stem.startswith("下列关于") and content.kind is ItemKind.MULTIPLE:
            for option in content.options:
                assert (f"{option.text}。" in truth) == (option.id in content.key), option.text
        else:
            for option in content.options:
                assert answers(template, content.stem, option.text) == (option.id in content.key), (
                    content.stem,
                    option.text,
                )


def second_statement(template: FactsTemplate) -> set[str]:
    """All true statements, by the check line."""
    true: set[str] = set()
    for value_part, subject_part in template.check:
        subjects = [row[0] for row in template.rows if row[0] == subject_part] or [
            row[0] for row in template.rows if subject_part in row[0]
        ]
        values = {row[1] for row in template.rows if value_part in row[1] and row[0] in subjects}
        assert len(subjects) == 1, (template.id, subject_part)
        assert len(values) == 1, (template.id, value_part)
        true.add(template.statement.replace("{0}", subjects[0]).replace("{1}", values.pop()))
    return true


def answers(template: FactsTemplate, stem: str, option: str) -> bool:
    """Whether the option answers the question truly, by trying every question the table can ask."""
    truth = second_statement(template)
    subjects, values = {row[0] for row in template.rows}, {row[1] for row in template.rows}
    for subject in subjects:
        if template.forward and template.forward.replace("{0}", subject) == stem:
            return template.statement.replace("{0}", subject).replace("{1}", option) in truth
    for value in values:
        stems = {template.backward.replace("{1}", value)}
        stems |= {template.member.replace("{1}", value).replace("{kind}", word) for word in ("是", "有")}
        if stem in stems:
            return template.statement.replace("{0}", option).replace("{1}", value) in truth
    raise AssertionError(f"nobody asked: {stem}")


def test_every_key_among_claims_is_a_right_claim_and_no_claim_is_on_both_sides() -> None:
    for template in TEMPLATES.values():
        if isinstance(template, ClaimsTemplate):
            right = {normalise(claim) for claim in template.right}
            wrong = {normalise(claim) for claim, _ in template.wrong}
            corrections = {normalise(correction) for _, correction in template.wrong}
            assert not right & wrong, template.id
            assert not corrections & wrong, template.id
            assert len(right) == len(template.right), template.id
    for item in items_of(ClaimsTemplate):
        template = TEMPLATES[item.template_id]
        assert isinstance(template, ClaimsTemplate)
        right = {claim.rstrip("。") for claim in template.right}
        asks_wrong = "错误的" in item.content.stem and item.content.kind is ItemKind.SINGLE
        if item.content.kind is ItemKind.TRUE_FALSE:
            assert (item.content.stem.rstrip("。") in right) == (TRUE in item.content.key)
        else:
            for option in item.content.options:
                assert ((option.text in right) != asks_wrong) == (option.id in item.content.key), item.content.stem


def test_written_items_keep_the_side_they_were_written_on() -> None:
    """Read again with nothing but the TOML reader."""
    written: dict[str, dict[str, Any]] = {}
    for path in sorted((DEMO_BANK / "templates").glob("*.toml")):
        for number, entry in enumerate(tomllib.loads(path.read_text()).get("item", ()), start=1):
            written[f"{path.stem}-item-{number:03d}"] = entry
    assert len(written) >= 120
    for item in items_of(WrittenItem):
        entry = written[item.template_id]
        if "answer" in entry:
            assert (TRUE in item.content.key) == entry["answer"]
        else:
            assert item.content.key_texts() == set(entry["right"])
            assert {option.text for option in item.content.options} == {*entry["right"], *entry["wrong"]}


# --- The bank as a whole ----------------------------------------------------------------------------------------------


def test_the_bank_is_large_enough_and_balanced() -> None:
    kinds = Counter(item.content.kind for item in ITEMS)
    assert len(ITEMS) >= 1200
    assert kinds[ItemKind.SINGLE] >= 720
    assert kinds[ItemKind.MULTIPLE] >= 240
    assert kinds[ItemKind.TRUE_FALSE] >= 240
    right = sum(TRUE in item.content.key for item in ITEMS if item.content.kind is ItemKind.TRUE_FALSE)
    assert 0.45 <= right / kinds[ItemKind.TRUE_FALSE] <= 0.55


def test_every_item_is_sound_and_no_two_are_the_same() -> None:
    assert [item.ref for item in ITEMS if validate(item.content)] == []
    assert find_duplicates((item.ref, item.content) for item in ITEMS) == []
    assert len({item.ref for item in ITEMS}) == len(ITEMS)


def test_options_differ_after_normalising_and_no_blank_is_left_in_a_text() -> None:
    for item in ITEMS:
        if item.content.kind is not ItemKind.TRUE_FALSE:
            texts = [normalise(option.text) for option in item.content.options]
            assert len(set(texts)) == len(texts), item.content
        for text in (item.content.stem, *(option.text for option in item.content.options)):
            assert not re.search(r"[{}]|None|。。|，。", text), text


def test_true_false_stems_are_statements_and_choices_leave_a_gap() -> None:
    for item in ITEMS:
        assert ("（　）" in item.content.stem) == (item.content.kind is not ItemKind.TRUE_FALSE), item.content.stem


def test_items_of_one_template_are_enemies_and_templates_stay_small() -> None:
    groups: dict[str, set[str]] = defaultdict(set)
    sizes = Counter(item.template_id for item in ITEMS)
    for item in ITEMS:
        if not isinstance(TEMPLATES[item.template_id], WrittenItem):
            groups[item.template_id].add(item.enemy_group)
    assert all(len(marks) == 1 and "" not in marks for marks in groups.values())
    assert all(sizes[template.id] <= 8 for template in TEMPLATES.values() if isinstance(template, CalculationTemplate))
    assert max(sizes.values()) <= 15


def test_key_letters_are_spread() -> None:
    letters = Counter(min(item.content.key) for item in ITEMS if item.content.kind is ItemKind.SINGLE)
    assert min(letters.values()) > 0.2 * sum(letters.values())


def test_the_spec_table_is_sound_and_every_point_has_four_items() -> None:
    table = demo_spec_table()
    assert find_problems(table) == []
    assert len(table.points) >= 150
    assert table.depth() == 3
    held = Counter(item.point for item in ITEMS)
    assert find_supply_problems(table, held) == []
    assert set(held) == set(table.point_by_path)


def test_the_same_templates_always_give_the_same_items() -> None:
    demo_items.cache_clear()
    assert [(item.ref, item.content) for item in demo_items()] == [(item.ref, item.content) for item in ITEMS]


# --- In the database --------------------------------------------------------------------------------------------------


def test_the_bank_loads_once_quickly_and_signed(database: Database) -> None:
    uow = a_uow(database)
    clock = SystemClock()
    started = clock.monotonic()
    first = load_demo_bank(uow, VAULT, KEEPER)
    assert clock.monotonic() - started < 10  # a slow shared machine; alone it takes under one second
    assert load_demo_bank(uow, VAULT, KEEPER) == first
    assert (first.items, first.points) == (len(ITEMS), len(demo_spec_table().points))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Item)) == len(ITEMS)
        assert set(session.scalars(select(Item.state))) == {ItemState.ACCEPTED.value}
        an_item = session.scalars(select(Item).order_by(Item.source_ref)).first()
        assert an_item is not None
        panel = session.scalars(
            select(ItemSignature.by).where(ItemSignature.item_id == an_item.id, ItemSignature.step == "accept")
        ).all()
        assert len(set(panel)) >= 5
        assert all(name.startswith("示例") for name in panel)
        version = session.get_one(ItemVersion, an_item.current_version_id)
        by_ref = {f"demo:{item.ref}": item.content for item in ITEMS}
        assert open_content(VAULT, version) == by_ref[an_item.source_ref]
        assert verify(session).ok
        ready = bank_readiness(session, "6-31-01-03", 4, 1200, 4)
    assert ready.ready, ready.lacks
    assert ready.papers_possible >= 6
    assert ready.duplicates == 0


@pytest.mark.parametrize("word", ["AI", "人工智能", "TODO", "示例题"])
def test_no_foreign_words_in_the_bank(word: str) -> None:
    assert not [item.ref for item in ITEMS if word in item.content.stem]
