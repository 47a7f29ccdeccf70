"""Scripts: exactly the form's items, every option once, pinned ones in place, answers mapped back by identity."""

from __future__ import annotations

import dataclasses
import itertools
import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from itembank.domain.item import ItemContent, ItemKind, ItemOption, true_false
from itembank.domain.script import REF_LETTERS, FormItem, ScriptLayout, candidate_paper, make_layout, shuffle_options
from itembank.domain.sealing import TYPED_SIGNS, new_opening_secret, normalise_secret
from server.core.errors import InvalidInput
from tests.factories.papers import a_plan
from tests.support.script_references import count_equal_references

PLAN = a_plan((("single", 6, 100), ("true_false", 3, 100), ("multiple", 4, 200)))


@st.composite
def forms(draw: st.DrawFn) -> dict[str, ItemContent]:
    """Contents of one form under PLAN, in any order."""
    contents: dict[str, ItemContent] = {}
    for section in PLAN.sections:
        for number in range(section.count):
            name = f"{section.kind}-{number}"
            if section.kind == "true_false":
                contents[name] = true_false(f"题干 {name}", right=draw(st.booleans()))
                continue
            ids = "ABCDEFGH"[: draw(st.integers(3, 8))]
            pinned = draw(st.sets(st.sampled_from(ids)))
            key = draw(st.sets(st.sampled_from(ids), min_size=1, max_size=1 if section.kind == "single" else None))
            contents[name] = ItemContent(
                ItemKind(section.kind),
                f"题干 {name}",
                tuple(ItemOption(letter, f"{name} 选项 {letter}", pinned=letter in pinned) for letter in ids),
                frozenset(key),
            )
    return contents


def _items(contents: dict[str, ItemContent]) -> list[FormItem]:
    points = PLAN.kind_points
    return [FormItem.of_content(name, points[content.kind.value], content) for name, content in contents.items()]


@given(forms(), st.integers())
def test_a_script_holds_exactly_the_forms_items_in_the_plans_order(contents: dict[str, ItemContent], seed: int) -> None:
    layout = make_layout(PLAN, _items(contents), Random(seed))
    assert sorted(item.item_version_id for item in layout.items.values()) == sorted(contents)
    kinds = [item.kind for item in layout.items.values()]
    assert kinds == ["single"] * 6 + ["true_false"] * 3 + ["multiple"] * 4
    assert layout.total_points == PLAN.total


@given(forms(), st.integers())
def test_every_option_appears_once_and_pinned_ones_keep_their_place(
    contents: dict[str, ItemContent], seed: int
) -> None:
    for item in make_layout(PLAN, _items(contents), Random(seed)).items.values():
        shown, options = list(item.options.values()), contents[item.item_version_id].options
        assert sorted(shown) == sorted(option.id for option in options)
        assert all(shown[place] == option.id for place, option in enumerate(options) if option.pinned)


@given(forms(), st.integers())
def test_references_are_unique_on_a_script(contents: dict[str, ItemContent], seed: int) -> None:
    layout = make_layout(PLAN, _items(contents), Random(seed))
    refs = [*layout.items, *(ref for item in layout.items.values() for ref in item.options)]
    assert len(set(refs)) == len(refs)
    assert all(ref == item.ref and ref.startswith("q") and len(ref) <= 16 for ref, item in layout.items.items())
    assert all(len(ref) == 2 for item in layout.items.values() for ref in item.options)


@given(forms(), st.integers(), st.integers())
def test_the_same_choice_is_the_same_answer_on_every_script(
    contents: dict[str, ItemContent], one: int, other: int
) -> None:
    """Whoever chooses the options of the key by their text has the key, whatever the shuffle."""
    for seed in (one, other):
        layout = make_layout(PLAN, _items(contents), Random(seed))
        paper = candidate_paper(PLAN, "试卷", layout, contents)
        for item in (item for section in paper.sections for item in section.items):
            script_item = layout.items[item.ref]
            content = contents[script_item.item_version_id]
            chosen = [option.ref for option in item.options if option.text in content.key_texts()]
            assert script_item.option_ids(reversed(chosen)) == content.key
            assert item.stem == content.stem


@given(forms(), st.integers())
def test_a_layout_survives_its_rows(contents: dict[str, ItemContent], seed: int) -> None:
    layout = make_layout(PLAN, _items(contents), Random(seed))
    back = ScriptLayout.from_rows(json.loads(json.dumps(layout.to_rows())))
    assert back.to_rows() == layout.to_rows()
    assert list(back.items) == list(layout.items)


@given(forms(), st.integers())
def test_references_do_not_depend_on_what_they_name(contents: dict[str, ItemContent], seed: int) -> None:
    """Other items, other texts, another key: the same chance gives the same references in the same places."""

    def renamed(item: FormItem) -> FormItem:
        names = {option: f"other {place}" for place, option in enumerate(reversed(item.option_ids))}
        return dataclasses.replace(
            item,
            item_version_id=f"other {item.item_version_id}",
            option_ids=tuple(names[option] for option in item.option_ids),
            pinned=frozenset(names[option] for option in item.pinned),
        )

    items = _items(contents)
    one, other = (make_layout(PLAN, those, Random(seed)) for those in (items, [renamed(item) for item in items]))
    assert [(ref, list(item.options)) for ref, item in one.items.items()] == [
        (ref, list(item.options)) for ref, item in other.items.items()
    ]


def test_one_script_says_nothing_about_the_references_of_another() -> None:
    """The same item, the same option have the same reference on two scripts no more often than chance has it."""
    items = [FormItem(f"v{number}", "single", 100, ("A", "B", "C", "D")) for number in range(50)]
    plan, random = a_plan((("single", 50, 100),)), Random(20261121)
    layouts = [make_layout(plan, items, random) for _ in range(400)]
    compared = list(itertools.pairwise(layouts))
    equal_items, equal_options = count_equal_references(compared)
    assert equal_items < binom.isf(1e-6, 50 * len(compared), len(REF_LETTERS) ** -3)
    low, high = binom.interval(1 - 1e-6, 200 * len(compared), len(REF_LETTERS) ** -2)
    assert low <= equal_options <= high
    assert count_equal_references([(layouts[0], layouts[0])]) == (50, 200), "the counting would see it"


def test_a_long_paper_has_names_enough() -> None:
    """Two letters name 961 options; 400 items of 8 options need more."""
    items = [FormItem(f"v{number}", "multiple", 100, tuple("ABCDEFGH")) for number in range(400)]
    layout = make_layout(a_plan((("multiple", 400, 100),)), items, Random(1))
    refs = [ref for item in layout.items.values() for ref in item.options]
    assert len(set(refs)) == 3200
    assert {len(ref) for ref in refs} == {3}


def test_options_are_really_shuffled() -> None:
    item = FormItem("v", "single", 100, ("A", "B", "C", "D"))
    assert {tuple(shuffle_options(item, Random(seed))) for seed in range(400)} >= {
        ("B", "A", "D", "C"),
        ("D", "C", "B", "A"),
    }


def test_an_option_of_another_item_is_refused() -> None:
    layout = make_layout(a_plan((("single", 1, 100),)), [FormItem("v", "single", 100, ("A", "B"))], Random(1))
    (item,) = layout.items.values()
    with pytest.raises(InvalidInput, match="UNKNOWN_OPTION"):
        item.option_ids(["zzzzzz"])


def test_an_opening_secret_carries_eighty_bits_and_forgives_typing() -> None:
    secret = new_opening_secret(Random(1))
    assert len(normalise_secret(secret)) * 5 >= 80
    assert len(set(TYPED_SIGNS)) == 32
    assert normalise_secret("ａｂｏ１ - il 9") == "AB011" + "19"
