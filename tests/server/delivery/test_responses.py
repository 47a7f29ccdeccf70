"""Current responses are derived from the journal alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.delivery.domain.responses import EntryLine, ItemResponse, count_answered, derive_responses, digest_responses


def line(
    item: str, value: tuple[str, ...], seq: int, epoch: int = 1, standing: str = "counted", kind: str = "answer"
) -> EntryLine:
    return EntryLine(kind, item, value, epoch, seq, standing)


def test_a_lower_number_never_overwrites_a_higher_one() -> None:
    entries = [line("q1", ("b",), 7), line("q1", ("a",), 3)]
    assert derive_responses(entries) == {"q1": ItemResponse(("b",), 7, 1)}


def test_a_later_device_wins_over_the_higher_number_of_an_earlier_one() -> None:
    assert derive_responses([line("q1", ("a",), 90, epoch=1), line("q1", ("b",), 2, epoch=2)])["q1"].value == ("b",)


def test_evidence_and_flags_are_not_answers() -> None:
    entries = [line("q1", ("a",), n, standing=standing) for n, standing in enumerate(("late", "superseded", "closed"))]
    entries.append(line("q2", ("1",), 9, kind="flag"))
    assert derive_responses(entries) == {}
    assert derive_responses(entries, kind="flag")["q2"].value == ("1",)


def test_a_cleared_item_is_not_answered_and_leaves_the_digest_as_if_untouched() -> None:
    responses = derive_responses([line("q1", ("a",), 1), line("q1", (), 2), line("q2", ("c", "a"), 3)])
    assert count_answered(responses) == 1
    assert digest_responses(responses) == digest_responses(derive_responses([line("q2", ("a", "c"), 1)]))


entries = st.lists(
    st.builds(
        EntryLine,
        st.sampled_from(["answer", "flag"]),
        st.sampled_from(["q1", "q2", "q3"]),
        st.lists(st.sampled_from("abcd"), unique=True, max_size=3).map(tuple),
        st.integers(1, 3),
        st.integers(1, 50),
        st.sampled_from(["counted", "late", "superseded", "closed"]),
    ),
    unique_by=lambda entry: (entry.epoch, entry.client_seq),
)


@given(entries, st.randoms())
def test_the_order_of_arrival_does_not_matter(lines: list[EntryLine], random: object) -> None:
    before = derive_responses(lines)
    random.shuffle(lines)  # type: ignore[attr-defined]
    assert derive_responses(lines) == before
    assert digest_responses(derive_responses(lines)) == digest_responses(before)


@given(entries)
def test_every_response_was_sent_and_nothing_counted_is_newer(lines: list[EntryLine]) -> None:
    for ref, response in derive_responses(lines).items():
        counted = [e for e in lines if e.item_ref == ref and e.standing == "counted" and e.kind == "answer"]
        newest = max(counted, key=lambda e: (e.epoch, e.client_seq))
        assert (response.epoch, response.client_seq) == (newest.epoch, newest.client_seq)
        assert response.value == tuple(sorted(newest.value))
