"""What a response matrix accepts, and what it refuses with which words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.domain.statistics.answer_text import option_labels, read_choice, read_number
from scoring.domain.statistics.response_matrix import (
    ANSWERED,
    NOT_ON_FORM,
    NOT_REACHED,
    OMITTED,
    ResponseMatrix,
    label_of,
    matrix_of_answers,
    matrix_of_scores,
)
from server.core.errors import InvalidInput


def matrix(rows: list[list[str]], keys: list[str], **more: object) -> ResponseMatrix:
    items = [f"Q{number + 1}" for number in range(len(rows[0]) if rows else len(keys))]
    persons = [f"P{number + 1}" for number in range(len(rows))]
    return matrix_of_answers(persons, items, np.array(rows, dtype=str), keys, **more)  # type: ignore[arg-type]


def code_of(work: object) -> str:
    with pytest.raises(InvalidInput) as refusal:
        work()  # type: ignore[operator]
    assert refusal.value.message_zh
    assert refusal.value.message_en
    return refusal.value.code


def test_letters_are_marked_against_the_key_whatever_their_order_and_width() -> None:
    read = matrix([["ACD", "B"], ["d,c,a", "Ｂ"], ["AC", "b"], ["A、C、D", "C"]], ["ACD", "B"])
    assert read.scores.tolist() == [[1, 1], [1, 1], [0, 1], [1, 0]]
    assert label_of(read, 1, 0) == "ACD"


def test_marks_may_differ() -> None:
    read = matrix([["A", "B"], ["A", "A"]], ["A", "B"], marks=[0.5, 2])
    assert read.totals.tolist() == [2.5, 0.5]


def test_empty_cells_are_wrong_and_the_last_ones_were_not_reached() -> None:
    read = matrix([["A", "", "B", "", ""], ["", "", "", "", ""], ["A", "A", "A", "A", "A"]], ["A"] * 5)
    assert read.state[0].tolist() == [ANSWERED, OMITTED, ANSWERED, NOT_REACHED, NOT_REACHED]
    assert read.state[1].tolist() == [NOT_REACHED] * 5
    assert read.totals.tolist() == [1, 0, 5]


def test_items_not_on_the_form_are_told_apart_from_omitted_ones() -> None:
    read = matrix([["A", "-", "B"], ["A", "NA", ""], ["-", "B", "B"]], ["A", "B", "B"])
    assert read.state[:, 1].tolist() == [NOT_ON_FORM, NOT_ON_FORM, ANSWERED]
    assert read.state[1, 2] == NOT_REACHED
    assert [rows.tolist() for rows in read.forms()] == [[0, 1], [2]]


def test_thirty_two_options_are_labelled_as_in_a_spreadsheet() -> None:
    assert option_labels(32)[25:] == ["Z", "AA", "AB", "AC", "AD", "AE", "AF"]
    read = matrix([["AF"], ["AA"], ["Z"], ["aa;af"]], ["AF"], option_counts=[32])
    assert read.scores[:, 0].tolist() == [1, 0, 0, 0]
    assert label_of(read, 3, 0) == "AA;AF"
    assert code_of(lambda: matrix([["AG"]], ["AF"], option_counts=[32])) == "ANSWER_NOT_AN_OPTION"


def test_thirty_two_numbered_options() -> None:
    read = matrix([["32"], ["1"], ["031"]], ["32"])
    assert read.scores[:, 0].tolist() == [1, 0, 0]


def test_true_and_false_in_many_spellings() -> None:
    read = matrix([["对"], ["√"], ["T"], ["错"], ["×"], ["false"]], ["正确"])
    assert read.scores[:, 0].tolist() == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.5", 1234.5),
        ("１２", 12),
        (" 0.5 ", 0.5),
        ("1 000", 1000),
        ("-3", -3),
        ("1,23", None),
        ("B", None),
        ("", None),
    ],
)
def test_numbers_with_thousands_separators(text: str, number: float | None) -> None:
    assert read_number(text) == number


def test_a_key_of_the_wrong_length_is_refused() -> None:
    assert code_of(lambda: matrix([["A", "B"]], ["A"])) == "KEY_LENGTH_WRONG"
    assert code_of(lambda: matrix([["A", "B"]], ["A", "B", "C"])) == "KEY_LENGTH_WRONG"


def test_what_is_no_letter_is_refused_with_the_item_and_the_cell() -> None:
    with pytest.raises(InvalidInput) as refusal:
        matrix([["A", "?"]], ["A", "B"])
    assert refusal.value.code == "ANSWER_UNREADABLE"
    assert refusal.value.data == {"item": "Q2", "value": "?"}
    assert code_of(lambda: matrix([["E"]], ["A"], option_counts=[4])) == "ANSWER_NOT_AN_OPTION"
    assert code_of(lambda: matrix([["AA"]], ["A"])) == "ANSWER_UNREADABLE"


def test_the_same_candidate_twice_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as refusal:
        matrix_of_answers(["P1", "P2", "P1"], ["Q1"], np.array([["A"], ["B"], ["A"]]), ["A"])
    assert refusal.value.code == "PERSON_REPEATED"
    assert refusal.value.data["repeated"] == ["P1"]


def test_nothing_at_all_is_refused() -> None:
    assert code_of(lambda: matrix_of_answers([], ["Q1"], np.zeros((0, 1), dtype=str), ["A"])) == "RESPONSES_EMPTY"
    assert code_of(lambda: matrix_of_answers(["P1"], [], np.zeros((1, 0), dtype=str), [])) == "RESPONSES_EMPTY"


def test_scores_beyond_the_full_mark_are_refused() -> None:
    assert code_of(lambda: matrix_of_scores(np.array([[2.0]]))) == "SCORE_OUT_OF_RANGE"
    assert code_of(lambda: matrix_of_scores(np.array([[1.0]]), marks=[0.0])) == "MARKS_NOT_POSITIVE"
    assert code_of(lambda: matrix([["B"]], [""])) == "SCORE_UNREADABLE"


@given(st.text(max_size=8))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        choice = read_choice(text)
    except InvalidInput:
        return
    assert len(set(choice)) == len(choice)
