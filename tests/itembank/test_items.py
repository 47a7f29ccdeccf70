"""What an item says, when two items are the same, which steps an item takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.content import content_aad, fingerprint, open_content, seal_content
from itembank.domain.duplicates import find_duplicates, half_width, identity_text, normalise
from itembank.domain.item import ItemContent, ItemKind, ItemOption, true_false, validate
from itembank.domain.states import ItemAction, ItemState, advance_item
from itembank.models import ItemVersion
from server.core.errors import Conflict, Forbidden
from tests.factories.itembank import START, VAULT, a_choice

texts = st.text(min_size=1, max_size=30)


@given(stem=texts, options=st.lists(texts, min_size=2, max_size=6), explanation=st.text(max_size=20))
def test_a_content_survives_its_bytes(stem: str, options: list[str], explanation: str) -> None:
    choices = tuple(ItemOption("ABCDEF"[n], text, pinned=n == 1) for n, text in enumerate(options))
    content = ItemContent(ItemKind.SINGLE, stem, choices, frozenset("A"), explanation, "规范")
    assert ItemContent.from_bytes(content.to_bytes()) == content


def test_a_sealed_content_opens_only_in_its_own_row() -> None:
    content = a_choice()
    row = ItemVersion(
        id="v1", item_id="i", version=1, cipher=seal_content(VAULT, "v1", content), fingerprint="", made_at=START
    )
    assert open_content(VAULT, row) == content
    row.id = "v2"
    with pytest.raises(Forbidden, match="CIPHERTEXT_REJECTED"):
        open_content(VAULT, row)
    assert content_aad("v1") == "item_version:v1:content"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (a_choice(stem=" "), "NO_STEM"),
        (a_choice(options=()), "NO_OPTIONS"),
        (a_choice(options=("铜",)), "TOO_FEW_OPTIONS"),
        (a_choice(options=("铜", " ", "铁")), "OPTION_EMPTY"),
        (a_choice(options=("铜", "铜 ", "铁")), "DUPLICATE_OPTIONS"),
        (a_choice(key=""), "NO_ANSWER"),
        (a_choice(key="E"), "ANSWER_NOT_AN_OPTION"),
        (a_choice(key="AB"), "SEVERAL_ANSWERS"),
        (a_choice(key="A", kind=ItemKind.MULTIPLE), "TOO_FEW_ANSWERS"),
        (a_choice(kind=ItemKind.TRUE_FALSE), "TRUE_FALSE_OPTIONS"),
        (a_choice(stem="长" * 2001), "TEXT_TOO_LONG"),
    ],
)
def test_an_unsound_content_is_named(content: ItemContent, code: str) -> None:
    assert code in {found.code for found in validate(content)}


def test_a_sound_content_has_no_problems() -> None:
    assert validate(a_choice()) == []
    assert validate(true_false("铜是导体。", right=True)) == []
    assert validate(a_choice(key="AB", kind=ItemKind.MULTIPLE)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("下列属于导体的是（　）。", "下列属于导体的是( )"),
        ("导线截面为 2.5 mm² 时", "导线截面为2.5mm²时，"),
        ("《劳动法》规定", "劳动法规定"),
        ("电压　为220V", "电压为２２０Ｖ"),
    ],
)
def test_width_spaces_brackets_and_punctuation_do_not_matter(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("电阻为 1.5 Ω", "电阻为 15 Ω"),
        ("功率为 5 mW", "功率为 5 MW"),
        ("温度为 -5 ℃", "温度为 5 ℃"),
        ("为 10² 倍", "为 102 倍"),
        ("3～5 倍", "35 倍"),
        ("变化 5%", "变化 5"),
    ],
)
def test_other_numbers_and_units_are_another_item(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert not any(char.isspace() for char in once)
    assert normalise(once) == once or any(char in "-.,:~" for char in once)


@given(st.text(max_size=40))
def test_half_width_keeps_the_length(text: str) -> None:
    assert len(half_width(text)) == len(text)


@given(st.permutations(["铜", "橡胶", "玻璃", "陶瓷"]))
def test_an_item_is_the_same_in_every_option_order(order: list[str]) -> None:
    key = "ABCD"[order.index("铜")]
    shuffled = a_choice(options=tuple(order), key=key)
    assert fingerprint(VAULT, shuffled) == fingerprint(VAULT, a_choice())
    assert [group.is_conflicting for group in find_duplicates([(1, a_choice()), (2, shuffled)])] == [False]


def test_same_items_with_other_keys_raise_the_contradiction_alarm() -> None:
    groups = find_duplicates([("a", a_choice()), ("b", a_choice(key="B")), ("c", a_choice(stem="别的题"))])
    assert [(group.refs, group.is_conflicting) for group in groups] == [(("a", "b"), True)]


def test_kinds_are_told_apart() -> None:
    assert identity_text(a_choice()) != identity_text(a_choice(kind=ItemKind.MULTIPLE, key="AB"))


def test_an_item_cannot_be_accepted_without_its_reviews() -> None:
    with pytest.raises(Conflict, match="TRANSITION_REFUSED"):
        advance_item(ItemState.DRAFT, ItemAction.ACCEPT)
    state = ItemState.DRAFT
    for action in (ItemAction.PROOF, ItemAction.REVIEW, ItemAction.REVIEW_AGAIN, ItemAction.ACCEPT):
        state = advance_item(state, action)
    assert state is ItemState.ACCEPTED
