"""ID numbers: the standard's own vectors, and what is shown of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.errors import InvalidInput
from server.scheduling.domain.id_document import IdType, canonical_id_number, masked_id_number
from tests.factories.scheduling import id_number


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_the_standards_examples_are_right(number: str) -> None:
    assert canonical_id_number(IdType.RESIDENT_ID, number) == number


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("110105194912310021", "ID_NUMBER_WRONG_CHECK"),
        ("11010519491331002X", "ID_NUMBER_WRONG_DATE"),
        ("11010519490229002X", "ID_NUMBER_WRONG_DATE"),
        ("110105491231002", "ID_NUMBER_WRONG_LENGTH"),
        ("1101051949123100XX", "ID_NUMBER_WRONG_CHARACTERS"),
        ("", "ID_NUMBER_MISSING"),
        ("   ", "ID_NUMBER_MISSING"),
    ],
)
def test_a_wrong_number_says_what_is_wrong(number: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        canonical_id_number(IdType.RESIDENT_ID, number)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "typed",
    ["11010519491231002x", " 110105 19491231 002X ", "'11010519491231002X", "１１０１０５１９４９１２３１００２Ｘ"],
)
def test_usual_ways_of_typing_are_folded(typed: str) -> None:
    assert canonical_id_number(IdType.RESIDENT_ID, typed) == "11010519491231002X"


@given(sequence=st.integers(0, 300_000), place=st.integers(0, 16), by=st.integers(1, 9))
def test_one_wrong_digit_is_always_found(sequence: int, place: int, by: int) -> None:
    number = id_number(sequence)
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    with pytest.raises(InvalidInput):
        canonical_id_number(IdType.RESIDENT_ID, wrong)


def test_a_mask_shows_four_and_four() -> None:
    assert masked_id_number("11010519491231002X") == "1101**********002X"


@given(st.text(alphabet="0123456789ABCX", max_size=40))
def test_a_mask_hides_at_least_half_and_keeps_the_length(number: str) -> None:
    masked = masked_id_number(number)
    assert len(masked) == len(number)
    assert masked.count("*") * 2 >= len(number)
