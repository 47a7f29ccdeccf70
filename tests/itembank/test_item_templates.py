"""Templates are data: what they may say, and what is refused before an item is made."""

from __future__ import annotations

import tomllib
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.domain.expression import evaluate, show
from itembank.domain.generated_item import GeneratedItem
from itembank.domain.item import TRUE, ItemKind, validate
from itembank.domain.item_generation import generate_items
from itembank.domain.item_template import read_templates
from itembank.services.generate_items import generate_items as generate_into_bank
from server.core.errors import InvalidInput
from server.storage.database import Database
from tests.factories.itembank import KEEPER, VAULT, a_uow

OHM = """
[[calculation]]
id = "ohm"
point = "A/01/001"
stem = "电阻 {R} Ω，电压 {U} V，电流是（　）。"
statement = "电阻 {R} Ω，电压 {U} V，电流是 {answer}。"
variables = { R = [2, 4, 5, 10], U = [10, 20, 40, 60] }
key = "U / R"
proof = "U * U / R / U"
unit = "A"
count = 4
mistakes = [["R / U", "颠倒"], ["U * R", "相乘"], ["U / R * 2", "多乘 2"], ["U + R", "相加"]]
"""
SYMBOLS = """
[[facts]]
id = "symbols"
point = "A/01/002"
topic = "文字符号"
forward = "{0}的文字符号是（　）。"
backward = "文字符号 {1} 表示（　）。"
statement = "{0}的文字符号是 {1}。"
rows = [["断路器", "QF"], ["接触器", "KM"], ["熔断器", "FU"], ["按钮", "SB"]]
check = "QF=断路器; KM=接触器; FU=熔断器; SB=按钮"
"""


def made_from(text: str) -> list[GeneratedItem]:
    return generate_items(read_templates(tomllib.loads(text), "test"))


def refusal(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        made_from(text)
    return refused.value


def test_a_calculation_gives_choices_and_statements_of_one_enemy_group() -> None:
    items = made_from(OHM)
    assert [item.content.kind for item in items] == [ItemKind.SINGLE] * 4 + [ItemKind.TRUE_FALSE] * 2
    assert {item.enemy_group for item in items} == {"ohm"}
    assert [TRUE in item.content.key for item in items[4:]] == [True, False]
    assert all(validate(item.content) == [] for item in items)
    assert made_from(OHM) == items


def test_a_table_of_facts_gives_all_three_kinds() -> None:
    items = made_from(SYMBOLS)
    assert {item.content.kind for item in items} == set(ItemKind)
    for item in items:
        if item.content.stem == "断路器的文字符号是（　）。":
            assert item.content.key_texts() == {"QF"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"U * U / R / U"', '"U / R + 1"', "KEY_NOT_PROVEN"),
        ('key = "U / R"', 'key = "U / Q"', "EXPRESSION_INVALID"),
        ('key = "U / R"', 'key = "U.__class__"', "EXPRESSION_INVALID"),
        ('key = "U / R"', "key = \"__import__('os')\"", "EXPRESSION_INVALID"),
        ("R = [2, 4, 5, 10]", "R = [2]", "TEMPLATE_TOO_NARROW"),
        ("{U} V，电流是（", "{V} V，电流是（", "TEMPLATE_INVALID"),
        ('unit = "A"', 'unti = "A"', "TEMPLATE_INVALID"),
        ('["U / R * 2", "多乘 2"], ["U + R", "相加"]', "", "TEMPLATE_INVALID"),
        ("R = [2, 4, 5, 10]", "R = {from = 1, to = 0, step = 1}", "TEMPLATE_INVALID"),
        ("[[calculation]]", "[[calcs]]", "TEMPLATE_INVALID"),
    ],
)
def test_a_template_that_contradicts_itself_is_refused(old: str, new: str, code: str) -> None:
    assert old in OHM
    found = refusal(OHM.replace(old, new, 1))
    assert found.code == code
    assert found.message_zh


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("QF=断路器; ", ""),
        ("QF=断路器", "KM=断路器"),
        ("QF=断路器", "QF=器"),
        ("QF=断路器", "QF断路器"),
        ('["按钮", "SB"]', '["按钮"]'),
    ],
)
def test_facts_that_their_second_statement_does_not_confirm_are_refused(old: str, new: str) -> None:
    assert refusal(SYMBOLS.replace(old, new, 1)).code == "TEMPLATE_INVALID"


def test_two_templates_of_one_id_are_refused() -> None:
    assert refusal(OHM + OHM).code == "TEMPLATE_INVALID"


@given(
    a=st.fractions(min_value=-1000, max_value=1000, max_denominator=50),
    b=st.fractions(min_value=1, max_value=1000, max_denominator=50),
)
def test_arithmetic_is_exact(a: Fraction, b: Fraction) -> None:
    assert evaluate("a / b * b", {"a": a, "b": b}) == a
    assert evaluate("(a + b) ** 2 - (a - b) ** 2", {"a": a, "b": b}) == 4 * a * b


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        ("0.1 + 0.2", 2, "0.3"),
        ("1 / 8", 2, "0.13"),
        ("5.0", 2, "5"),
        ("0 - 1 / 1000", 2, "0"),
        ("100", 0, "100"),
        ("sqrt(9)", 2, "3"),
    ],
)
def test_results_are_shown_rounded_half_up_without_trailing_zeros(value: str, decimals: int, text: str) -> None:
    assert show(evaluate(value, {}), decimals) == text


@pytest.mark.parametrize(
    "bad",
    ["1 / 0", "9 ** 9 ** 9 ** 9", "[x for x in 'a']", "open('x')", "a +", "'a' + 1", "lambda: 1", "sqrt(-1)", "1 if"],
)
def test_an_expression_can_only_calculate(bad: str) -> None:
    with pytest.raises(InvalidInput, match="EXPRESSION_INVALID"):
        evaluate(bad, {"a": Fraction(1)})


def test_generating_into_a_bank_twice_stores_once(database: Database) -> None:
    uow = a_uow(database)
    templates: list[Any] = read_templates(tomllib.loads(OHM + SYMBOLS), "test")
    first = generate_into_bank(uow, VAULT, templates, "6-31-01-03", 4, "test", KEEPER)
    second = generate_into_bank(uow, VAULT, templates, "6-31-01-03", 4, "test", KEEPER)
    assert (first.stored, first.known) == (first.generated, 0)
    assert (second.stored, second.known) == (0, first.generated)
