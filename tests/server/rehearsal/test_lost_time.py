"""What the clients' own acknowledgements say about lost time."""

from __future__ import annotations

import pytest

from server.rehearsal.history import Sent
from server.rehearsal.load_plan import CandidateEnd, NemesisEvent
from server.rehearsal.lost_time import lost_time_of, time_errors


def acked(attempt: str, *moments: float) -> list[Sent]:
    return [
        Sent(attempt, "p", number, "i", ("a",), acked=True, standing="counted", clicked_at=moment, acked_at=moment)
        for number, moment in enumerate(moments, start=1)
    ]


def ended(attempt: str, room: str, given_back_s: float = 0.0, *, swapped: bool = False) -> CandidateEnd:
    return CandidateEnd(f"t-{attempt}", room, attempt, "answering", given_back_s, 0, 0, 0, {}, swapped=swapped)


#: two rooms, an answer each 0.1 s; nothing between 10 and 15 in room r1, nothing between 10 and 12 in room r2
R1 = acked("a", *(n / 10 for n in range(101)), *(15 + n / 10 for n in range(100)))
R2 = acked("b", *(n / 10 for n in range(101)), *(12 + n / 10 for n in range(130)))
ENDS = [ended("a", "r1", 5.0), ended("b", "r2", 0.0)]


def test_a_cut_room_lost_its_own_silence_and_the_other_room_nothing() -> None:
    log = [NemesisEvent("lan-cut", "", 10.05, 14.9, ("r1",))]
    lost = lost_time_of(log, R1 + R2, ENDS)
    assert lost == {"a": pytest.approx(4.9, abs=0.1), "b": 0.0}
    assert max(time_errors(lost, ENDS).values()) == pytest.approx(0.1, abs=0.1)


def test_an_outage_of_everything_lasts_until_anybody_is_heard_again() -> None:
    lost = lost_time_of([NemesisEvent("node-kill", "", 10.05, 14.9)], R1 + R2, ENDS)
    assert lost == {"a": pytest.approx(1.9, abs=0.1), "b": pytest.approx(1.9, abs=0.1)}


def test_an_event_that_cut_nobody_off_cost_nobody_time() -> None:
    log = [NemesisEvent("redis-kill", "", 10.05, 14.9, "nobody"), NemesisEvent("x", "", 10.05, 14.9, gives_back=False)]
    assert lost_time_of(log, R1 + R2, ENDS) == {"a": 0.0, "b": 0.0}


def test_time_given_back_without_a_loss_is_an_error() -> None:
    assert time_errors({"a": 0.0, "b": 0.0}, ENDS) == {"a": 5.0, "b": 0.0}


def test_an_ordinary_pause_between_answers_is_no_loss() -> None:
    slow = acked("a", *(float(n) for n in range(30)))
    assert lost_time_of([NemesisEvent("node-kill", "", 10.1, 10.4)], slow, ENDS[:1]) == {"a": 0.0}


def test_whose_pc_was_swapped_is_judged_by_the_proctor_and_not_here() -> None:
    assert time_errors({"a": 0.0}, [ended("a", "r1", 20.0, swapped=True)]) == {}
