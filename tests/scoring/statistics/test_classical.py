"""Item analysis: against plain recomputation, in odd shapes, and whatever the order of rows, columns and options."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.domain.statistics.classical import analyse_classically
from scoring.domain.statistics.flags import flag_item
from scoring.domain.statistics.response_matrix import (
    NOT_ON_FORM,
    ResponseMatrix,
    matrix_of_answers,
    matrix_of_codes,
    matrix_of_scores,
)

SMALL = st.integers(2, 30).flatmap(
    lambda n: st.integers(2, 7).flatmap(
        lambda j: st.lists(st.lists(st.integers(-1, 3), min_size=j, max_size=j), min_size=n, max_size=n)
    )
)


def coded(rows: list[list[int]]) -> ResponseMatrix:
    codes = np.array(rows, dtype=np.int16)
    return matrix_of_codes(codes, np.zeros(codes.shape[1], dtype=np.int64), 4)


def plain(report: object) -> object:
    """As JSON without a NaN, or an error."""
    return json.loads(json.dumps(asdict(report), allow_nan=False))  # type: ignore[call-overload]


def correlation(x: list[float], y: list[float]) -> float | None:
    try:
        return statistics.correlation(x, y)
    except statistics.StatisticsError:
        return None


@settings(max_examples=40, deadline=None)
@given(SMALL)
def test_figures_are_those_of_a_plain_recomputation(rows: list[list[int]]) -> None:
    matrix = coded(rows)
    report = analyse_classically(matrix)
    totals = [float(sum(answer == 0 for answer in row)) for row in rows]
    for column, item in enumerate(report.items):
        x = [float(row[column] == 0) for row in rows]
        rest = [total - each for total, each in zip(totals, x, strict=True)]
        assert item.p == pytest.approx(statistics.fmean(x))
        assert item.sd == pytest.approx(statistics.stdev(x))
        for ours, theirs in ((item.item_total_r, correlation(x, totals)), (item.item_rest_r, correlation(x, rest))):
            if ours is None or theirs is None:
                # a plain loop may find 1e-17 of a variance where there is none
                assert ours is None
            else:
                assert ours == pytest.approx(theirs, abs=1e-7)
        if item.alpha_if_deleted is not None:
            others = [[float(answer == 0) for at, answer in enumerate(row) if at != column] for row in rows]
            k = len(others[0])
            within = sum(statistics.variance(each) for each in zip(*others, strict=True))
            assert item.alpha_if_deleted == pytest.approx(k / (k - 1) * (1 - within / statistics.variance(rest)))


@settings(max_examples=40, deadline=None)
@given(SMALL)
def test_no_figure_is_ever_not_a_number(rows: list[list[int]]) -> None:
    plain(analyse_classically(coded(rows)))


@settings(max_examples=25, deadline=None)
@given(SMALL, st.randoms(use_true_random=False))
def test_the_order_of_candidates_and_items_changes_nothing(rows: list[list[int]], random: object) -> None:
    matrix = coded(rows)
    order = list(range(matrix.count))
    random.shuffle(order)  # type: ignore[attr-defined]
    columns = list(range(matrix.item_count))[::-1]
    turned = matrix.take(np.array(order), np.array(columns))
    one, other = analyse_classically(matrix), analyse_classically(turned)
    again = {item.item: item for item in other.items}
    for item in one.items:
        for name in ("p", "sd", "item_total_r", "item_rest_r", "d27_shared", "alpha_if_deleted"):
            assert getattr(again[item.item], name) == pytest.approx(getattr(item, name), abs=1e-9)
    assert other.test.alpha == pytest.approx(one.test.alpha, abs=1e-9)


def test_renaming_the_options_changes_only_their_names() -> None:
    random = np.random.default_rng(1)
    letters = random.choice(list("ABCD"), size=(200, 6))
    turned = np.vectorize({"A": "C", "B": "A", "C": "D", "D": "B"}.get)(letters)
    persons, items = [str(row) for row in range(200)], list("uvwxyz")
    one = analyse_classically(matrix_of_answers(persons, items, letters, ["A"] * 6))
    other = analyse_classically(matrix_of_answers(persons, items, turned, ["C"] * 6))
    for first, second in zip(one.items, other.items, strict=True):
        assert first.item_rest_r == second.item_rest_r
        assert sorted((option.n, option.point_biserial_rest) for option in first.options) == sorted(
            (option.n, option.point_biserial_rest) for option in second.options
        )


def test_unequal_marks_weigh_in_the_total() -> None:
    random = np.random.default_rng(2)
    right = (random.random((300, 4)) < [0.8, 0.5, 0.4, 0.6]).astype(float)
    marks = [1.0, 2.0, 0.5, 4.0]
    report = analyse_classically(matrix_of_scores(right * marks, marks))
    totals = right @ marks
    assert report.items[1].p == pytest.approx(right[:, 1].mean())
    assert report.items[3].item_rest_r == pytest.approx(np.corrcoef(right[:, 3], totals - 4 * right[:, 3])[0, 1])
    assert report.test.mean == pytest.approx(totals.mean())
    assert report.test.kr20 is None
    assert "KR_NEEDS_EQUAL_RIGHT_WRONG_MARKS" in report.test.reasons


def test_one_candidate_has_a_difficulty_and_reasons_for_the_rest() -> None:
    report = analyse_classically(coded([[0, 1, 2]]))
    plain(report)
    assert report.items[0].p == 1
    assert report.items[0].item_rest_r is None
    assert "ONE_CANDIDATE" in report.items[0].reasons
    assert report.test.alpha is None


def test_a_constant_item_says_so() -> None:
    report = analyse_classically(coded([[0, 0, 1], [0, 1, 0], [0, 0, 0], [0, 2, 2]]))
    plain(report)
    assert (report.items[0].p, report.items[0].sd, report.items[0].item_total_r) == (1, 0, None)
    assert report.items[0].reasons == ("CONSTANT_ITEM",)


def test_letters_of_a_multiple_answer_count_one_by_one() -> None:
    rows = np.array([["ACD"], ["ACD"], ["AC"], ["B"], [""], ["D"]] * 10)
    report = analyse_classically(matrix_of_answers([str(n) for n in range(60)], ["Q"], rows, ["ACD"]))
    counts = {option.option: (option.n, option.is_key) for option in report.items[0].options}
    assert counts == {"": (10, False), "A": (30, True), "B": (10, False), "C": (30, True), "D": (30, True)}


def simulated(n: int, j: int, seed: int, masked: bool = False) -> tuple[ResponseMatrix, np.ndarray]:
    random = np.random.default_rng(seed)
    ability, level = random.normal(size=(n, 1)), random.normal(size=j)
    right = (random.random((n, j)) < 1 / (1 + np.exp(-1.2 * (ability - level)))).astype(float)
    if not masked:
        return matrix_of_scores(right), right
    state = np.zeros((n, j), dtype=np.int8)
    half = n // 2
    state[:half, : j // 3] = NOT_ON_FORM
    state[half:, -(j // 3) :] = NOT_ON_FORM
    return matrix_of_scores(right, state=state), right


def test_several_forms_are_computed_within_forms_and_pooled() -> None:
    matrix, right = simulated(2000, 30, 3, masked=True)
    report = analyse_classically(matrix)
    assert len(report.forms) == 2
    assert [form.test.n for form in report.forms] == [1000, 1000]
    first = matrix.take(np.arange(1000), np.arange(10, 30))
    assert report.forms[0].test.alpha == pytest.approx(analyse_classically(first).test.alpha)
    only_on_first = next(item for item in report.items if item.item == matrix.items[29])
    alone = analyse_classically(first).items[-1]
    assert only_on_first.n == 1000
    assert only_on_first.item_rest_r == pytest.approx(alone.item_rest_r)
    assert only_on_first.p == pytest.approx(right[:1000, 29].mean())
    common = report.items[15]
    assert common.n == 2000
    assert common.p == pytest.approx(right[:, 15].mean())


def test_individual_forms_are_judged_by_the_share_of_marks_on_the_other_items() -> None:
    random = np.random.default_rng(4)
    ability, level = random.normal(size=(1500, 1)), random.normal(size=80)
    right = (random.random((1500, 80)) < 1 / (1 + np.exp(-1.2 * (ability - level)))).astype(float)
    state = np.full((1500, 80), NOT_ON_FORM, dtype=np.int8)
    for row in range(1500):
        state[row, random.choice(80, 40, replace=False)] = 0
    report = analyse_classically(matrix_of_scores(right, state=state))
    plain(report)
    values = np.array([item.item_rest_r for item in report.items])
    complete = np.array([item.item_rest_r for item in analyse_classically(matrix_of_scores(right)).items])
    assert np.corrcoef(values, complete)[0, 1] > 0.7
    assert abs(values.mean() - complete.mean()) < 0.06


def test_a_wrong_key_is_suspected_and_the_right_letter_named() -> None:
    random = np.random.default_rng(5)
    ability, level = random.normal(size=(600, 1)), random.normal(size=20)
    right = random.random((600, 20)) < 1 / (1 + np.exp(-1.3 * (ability - level)))
    codes = np.where(right, 0, random.integers(1, 4, (600, 20))).astype(np.int16)
    key = np.zeros(20, dtype=np.int64)
    key[7] = 2
    report = analyse_classically(matrix_of_codes(codes, key, 4))
    suspected = {item.item: flag_item(item)[0] for item in report.items if flag_item(item)}
    flag = suspected["I008"]
    assert (flag.code, flag.option) == ("WRONG_KEY_SUSPECTED", "A")
    assert "答案" in flag.words_zh
    others = [flags.code for name, flags in suspected.items() if name != "I008"]
    assert "WRONG_KEY_SUSPECTED" not in others


def test_dead_distractors_and_easy_items_are_flagged() -> None:
    codes = np.zeros((400, 3), dtype=np.int16)
    codes[:4, 0] = 1
    codes[:200, 1] = np.arange(200) % 2 + 1
    codes[:, 2] = np.arange(400) % 4
    report = analyse_classically(matrix_of_codes(codes, np.zeros(3, dtype=np.int64), 4))
    flags = [{(flag.code, flag.option) for flag in flag_item(item)} for item in report.items]
    assert {("TOO_EASY", None), ("DEAD_DISTRACTOR", "B"), ("DEAD_DISTRACTOR", "D")} <= flags[0]
    assert ("DEAD_DISTRACTOR", "D") in flags[1]
    assert ("DEAD_DISTRACTOR", "B") not in flags[1]


def test_decisions_at_the_cut_repeat_as_often_as_parallel_forms_say() -> None:
    random = np.random.default_rng(6)
    ability, level = random.normal(0.6, 1, size=(20000, 1)), random.normal(0, 0.3, size=60)
    p = 1 / (1 + np.exp(-(ability - level)))
    one, other = (random.random(p.shape) < p).astype(float), (random.random(p.shape) < p).astype(float)
    test = analyse_classically(matrix_of_scores(one)).test
    agree = ((one.sum(axis=1) >= 36) == (other.sum(axis=1) >= 36)).mean()
    assert test.decision is not None
    assert test.decision.consistency == pytest.approx(agree, abs=0.02)
    spread = (one.sum(axis=1) - other.sum(axis=1))[np.abs(one.sum(axis=1) - 36) <= 2].std() / np.sqrt(2)
    assert test.sem_at_cut == pytest.approx(spread, rel=0.15)
