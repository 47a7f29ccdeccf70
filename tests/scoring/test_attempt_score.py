"""The score of one attempt: total, reasons, decisions about faulty items, replay, shuffles."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.domain.attempt_score import FormItem, canonical_answers, score_answers, score_digest
from scoring.domain.mark_scheme import ItemKey, MarkScheme, accept_also, drop_and_rescale, full_credit_all
from scoring.domain.markers.base import MarkReason, MarkRule, MultipleRule
from server.core.errors import Conflict, InvalidInput, NotFound
from server.delivery.domain.responses import EntryLine, derive_responses

SCHEME = MarkScheme(
    {
        "v1": ItemKey("single", frozenset("B"), 100),
        "v2": ItemKey("multiple", frozenset("AC"), 200),
        "v3": ItemKey("true_false", frozenset("T"), 100),
    }
)
KINDS = {"v1": ("single", 100, "ABCD"), "v2": ("multiple", 200, "ABCD"), "v3": ("true_false", 100, "TF")}


def form(order: str = "123", salt: str = "") -> list[FormItem]:
    """Items in the given order; shown references differ by `salt`, identities do not."""
    return [
        FormItem(f"r{digit}{salt}", n, f"v{digit}", kind, points, {f"{salt}{option}": option for option in options})
        for n, digit in enumerate(order, start=1)
        for kind, points, options in [KINDS[f"v{digit}"]]
    ]


def test_points_of_right_answers_add_up():
    computed = score_answers(form(), {"r1": frozenset("B"), "r2": frozenset("AC"), "r3": frozenset("F")}, SCHEME)
    assert (computed.score, computed.full_score) == (300, 400)
    assert [mark.reason for mark in computed.marks] == [MarkReason.CORRECT, MarkReason.CORRECT, MarkReason.WRONG]


def test_omitted_cleared_and_not_reached_are_told_apart_and_earn_nothing():
    computed = score_answers(form(), {"r2": frozenset("AC")}, SCHEME)
    assert [mark.reason for mark in computed.marks] == [
        MarkReason.OMITTED,
        MarkReason.CORRECT,
        MarkReason.NOT_REACHED,
    ]
    cleared = score_answers(form(), {"r1": frozenset(), "r2": frozenset("A")}, SCHEME)
    assert [mark.reason for mark in cleared.marks] == [
        MarkReason.CLEARED,
        MarkReason.INCOMPLETE,
        MarkReason.NOT_REACHED,
    ]


def test_penalties_never_take_a_section_below_zero():
    scheme = MarkScheme({**SCHEME.items, "v3": ItemKey("true_false", frozenset("T"), 100, MarkRule(penalty=100))})
    computed = score_answers(form(), {"r1": frozenset("B"), "r3": frozenset("F")}, scheme)
    assert computed.score == 100


def test_a_further_key_is_accepted_beside_the_first_one():
    scheme = accept_also(SCHEME, "v1", frozenset("D"))
    for option in "BD":
        assert score_answers(form(), {"r1": frozenset(option)}, scheme).score == 100
    assert score_answers(form(), {"r1": frozenset("BD")}, scheme).marks[0].reason is MarkReason.TWO_MARKS


def test_a_further_key_of_a_single_choice_item_is_one_option():
    for impossible in ("", "AD"):
        with pytest.raises(InvalidInput) as refusal:
            accept_also(SCHEME, "v1", frozenset(impossible))
        assert refusal.value.code == "KEY_NOT_POSSIBLE"


def test_full_credit_reaches_everybody_answered_or_not():
    scheme = full_credit_all(SCHEME, "v2")
    assert score_answers(form(), {}, scheme).score == 200
    assert score_answers(form(), {"r2": frozenset("D")}, scheme).marks[1].reason is MarkReason.FULL_CREDIT


def test_a_dropped_item_leaves_both_the_score_and_the_full_score():
    computed = score_answers(form(), {"r1": frozenset("B"), "r2": frozenset("AC")}, drop_and_rescale(SCHEME, "v2"))
    assert (computed.score, computed.full_score) == (100, 200)
    assert computed.marks[1].reason is MarkReason.DROPPED


def test_an_item_without_a_key_is_refused():
    with pytest.raises(NotFound) as refusal:
        score_answers(form(), {}, MarkScheme({}))
    assert refusal.value.code == "ITEM_NOT_IN_MARK_SCHEME"


@pytest.mark.parametrize("shown", [{"r9": ["A"]}, {"r1": ["Z"]}])
def test_an_answer_that_is_not_on_the_form_is_never_guessed(shown):
    with pytest.raises(Conflict) as refusal:
        canonical_answers(form(), shown)
    assert refusal.value.code == "ANSWER_NOT_ON_FORM"


def test_a_scheme_survives_its_document_and_the_digest_sees_every_decision():
    corrected = accept_also(SCHEME, "v1", frozenset("D"))
    assert MarkScheme.from_document(corrected.to_document()) == corrected
    schemes = [SCHEME, corrected, full_credit_all(SCHEME, "v1"), drop_and_rescale(SCHEME, "v1")]
    assert len({scheme.digest for scheme in schemes}) == len(schemes)


@st.composite
def papers(draw):
    """A form, its scheme and answers by identity."""
    kinds = draw(st.lists(st.sampled_from(["single", "multiple", "true_false"]), min_size=1, max_size=12))
    items, keys, answers = [], {}, {}
    for index, kind in enumerate(kinds):
        options = "TF" if kind == "true_false" else "ABCDE"[: draw(st.integers(2, 5))]
        key_size = st.integers(1, len(options)) if kind == "multiple" else st.just(1)
        key = frozenset(draw(st.permutations(options))[: draw(key_size)])
        points = draw(st.integers(1, 500))
        rule = MarkRule(draw(st.sampled_from(MultipleRule)), penalty=draw(st.sampled_from([0, 50])))
        items.append((f"v{index}", kind, points, options))
        keys[f"v{index}"] = ItemKey(kind, key, points, rule)
        if draw(st.booleans()):
            answers[f"v{index}"] = frozenset(draw(st.sets(st.sampled_from(options))))
    return items, MarkScheme(keys), answers


def shuffled(items, answers, seed: int):
    """One candidate's script: own order, own opaque references; and what that candidate clicked."""
    source = random.Random(seed)
    shown_items, shown_answers = [], {}
    for n, (version, kind, points, options) in enumerate(source.sample(items, len(items)), start=1):
        refs = source.sample(range(1000, 9999), len(options))
        opaque = {
            f"o{number}": option for number, option in zip(refs, source.sample(options, len(options)), strict=True)
        }
        ref = f"i{source.randrange(16**8):08x}"
        shown_items.append(FormItem(ref, n, version, kind, points, opaque))
        if version in answers:
            clicked = [shown for shown, option in opaque.items() if option in answers[version]]
            shown_answers[ref] = source.sample(clicked, len(clicked))
    return shown_items, shown_answers


@given(papers(), st.integers(0, 2**32), st.integers(0, 2**32))
def test_the_score_is_the_same_under_every_shuffle_of_items_and_options(paper, first_seed, second_seed):
    items, scheme, answers = paper
    totals, by_item = [], []
    for seed in (first_seed, second_seed):
        shown, clicked = shuffled(items, answers, seed)
        computed = score_answers(shown, canonical_answers(shown, clicked), scheme)
        totals.append((computed.score, computed.full_score))
        version_of = {item.ref: item.item_version_id for item in shown}
        by_item.append({version_of[mark.item_ref]: mark.mark for mark in computed.marks})
    assert totals[0] == totals[1]
    assert by_item[0] == by_item[1]


@given(papers(), st.integers(0, 2**32))
def test_computing_again_gives_the_identical_integer_and_digest(paper, seed):
    items, scheme, answers = paper
    digests = []
    for copy_of_scheme in (scheme, MarkScheme.from_document(scheme.to_document())):
        shown, clicked = shuffled(items, answers, seed)
        computed = score_answers(list(reversed(shown)), canonical_answers(shown, clicked), copy_of_scheme)
        assert 0 <= computed.score <= computed.full_score
        digests.append(
            score_digest(
                attempt_id="a",
                form_label="A",
                scheme_digest=copy_of_scheme.digest,
                answers_digest="d",
                computed=computed,
                rule_version="1",
            )
        )
    assert digests[0] == digests[1]


entries = st.builds(
    EntryLine,
    kind=st.just("answer"),
    item_ref=st.sampled_from(["r1", "r2", "r3"]),
    value=st.sampled_from([(), ("A",), ("B",), ("A", "C"), ("T",), ("F",)]),
    epoch=st.integers(1, 3),
    client_seq=st.integers(1, 40),
    standing=st.sampled_from(["counted", "counted", "late", "superseded", "closed"]),
)


@given(st.lists(entries, unique_by=lambda entry: (entry.epoch, entry.client_seq)), st.randoms())
def test_the_score_does_not_depend_on_the_order_in_which_entries_were_stored(stored, source):
    every_option = dict.fromkeys("ABCDTF")
    anything = [
        FormItem(item.ref, item.n, item.item_version_id, item.kind, item.points, {o: o for o in every_option})
        for item in form()
    ]

    def score(lines):
        responses = derive_responses(lines)
        answers = canonical_answers(anything, {ref: response.value for ref, response in responses.items()})
        return score_answers(anything, answers, SCHEME)

    reordered = list(stored)
    source.shuffle(reordered)
    assert score(reordered) == score(stored) == score([e for e in stored if e.standing == "counted"])
