"""How one answer is marked."""

from __future__ import annotations

from fractions import Fraction

import pytest

from scoring.domain.mark_scheme import marker_for
from scoring.domain.markers.base import REASON_TEXTS, Mark, MarkReason, MarkRule, MultipleRule
from server.core.errors import InvalidInput

FULL = 200
ALL = MarkRule()
HALF = MarkRule(MultipleRule.PARTIAL_FIXED)
EACH = MarkRule(MultipleRule.PARTIAL_EACH, each=50)


def mark(kind: str, chosen: str, key: str, rule: MarkRule = ALL, points: int = FULL) -> Mark:
    return marker_for(kind).mark(frozenset(chosen), frozenset(key), points, rule)


@pytest.mark.parametrize("kind", ["single", "true_false"])
def test_the_one_right_option_earns_everything(kind):
    assert mark(kind, "T", "T") == Mark(FULL, MarkReason.CORRECT)
    assert mark(kind, "F", "T") == Mark(0, MarkReason.WRONG)


@pytest.mark.parametrize("kind", ["single", "true_false"])
def test_two_marks_earn_nothing_even_with_the_right_one_among_them(kind):
    assert mark(kind, "TF", "T") == Mark(0, MarkReason.TWO_MARKS)


def test_a_penalty_is_subtracted_for_a_wrong_true_false_answer_only_when_the_rule_says_so():
    assert mark("true_false", "F", "T", MarkRule(penalty=50)) == Mark(-50, MarkReason.WRONG)


def test_multiple_choice_is_all_or_nothing_by_default():
    assert mark("multiple", "ABD", "ABD") == Mark(FULL, MarkReason.CORRECT)
    assert mark("multiple", "AB", "ABD") == Mark(0, MarkReason.INCOMPLETE)
    assert mark("multiple", "ABCD", "ABD") == Mark(0, MarkReason.WRONG)
    assert mark("multiple", "C", "ABD") == Mark(0, MarkReason.WRONG)


def test_a_part_of_the_key_earns_a_fixed_fraction_rounded_half_up():
    assert mark("multiple", "AB", "ABD", HALF) == Mark(100, MarkReason.INCOMPLETE)
    assert mark("multiple", "AB", "ABD", HALF, points=75) == Mark(38, MarkReason.INCOMPLETE)
    third = MarkRule(MultipleRule.PARTIAL_FIXED, fraction=Fraction(1, 3))
    assert mark("multiple", "A", "ABD", third, points=100) == Mark(33, MarkReason.INCOMPLETE)


def test_a_part_of_the_key_earns_so_much_per_option_but_never_as_much_as_the_whole():
    assert mark("multiple", "A", "ABD", EACH) == Mark(50, MarkReason.INCOMPLETE)
    assert mark("multiple", "AB", "ABD", EACH) == Mark(100, MarkReason.INCOMPLETE)
    assert mark("multiple", "ABD", "ABDE", MarkRule(MultipleRule.PARTIAL_EACH, each=100)) == Mark(
        FULL - 1, MarkReason.INCOMPLETE
    )


@pytest.mark.parametrize("rule", [ALL, HALF, EACH])
def test_one_wrong_option_makes_the_answer_wrong_under_every_rule(rule):
    assert mark("multiple", "AC", "ABD", rule) == Mark(0, MarkReason.WRONG)


def test_any_accepted_key_is_enough():
    keys = [frozenset("A"), frozenset("C")]
    assert marker_for("single").best_mark(frozenset("C"), keys, FULL, ALL) == Mark(FULL, MarkReason.CORRECT)


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(InvalidInput) as refusal:
        marker_for("essay")
    assert refusal.value.code == "ITEM_KIND_NOT_MARKABLE"
    assert refusal.value.data == {"kind": "essay"}


def test_every_reason_has_a_chinese_and_an_english_text():
    assert set(REASON_TEXTS) == set(MarkReason)
    assert all(chinese and english for chinese, english in REASON_TEXTS.values())


def test_a_rule_survives_its_document():
    rule = MarkRule(MultipleRule.PARTIAL_FIXED, Fraction(2, 5), each=30, penalty=10)
    assert MarkRule.from_document(rule.to_document()) == rule
