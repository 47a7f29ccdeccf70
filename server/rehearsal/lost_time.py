"""How much exam time each candidate really lost, from the clients' own acknowledgements; and how far off the ledger is.

The nemesis says who was cut off and roughly when. The exact span is the longest silence around it: from the last
acknowledgement of anybody concerned to the first one again (architecture 4: last moment one could write … first again).
With r answers a second of those concerned the measure itself is about 1/r seconds long: that much is taken off.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise

from server.rehearsal.history import Sent
from server.rehearsal.load_plan import CandidateEnd, NemesisEvent

#: looked at around an event, seconds before and after
BEFORE_S, AFTER_S = 2.0, 45.0
#: a silence that ordinary running shows as well is none
SILENCE_FACTOR, LEAST_SILENCE_S = 4.0, 0.5


def lost_time_of(
    log: Sequence[NemesisEvent], counted: Sequence[Sent], ends: Sequence[CandidateEnd]
) -> dict[str, float]:
    """Seconds lost by attempt id, summed over all events that cut this candidate off and must be given back."""
    room_of = {end.attempt_id: end.room_id for end in ends if end.attempt_id}
    lost = dict.fromkeys(room_of, 0.0)
    for event in log:
        if event.cut_off == "nobody" or not event.gives_back:
            continue
        concerned = [attempt for attempt, room in room_of.items() if event.cut_off == "all" or room in event.cut_off]
        groups = {"": concerned} if event.cut_off == "all" else _by_room(concerned, room_of)
        for members in groups.values():
            silence = _silence(counted, frozenset(members), event)
            for attempt in members:
                lost[attempt] += silence
    return lost


def time_errors(lost: Mapping[str, float], ends: Sequence[CandidateEnd]) -> dict[str, float]:
    """|given back - lost| by attempt id. Not of those whose PC was swapped: their clock stood still at a proctor's word."""
    return {
        end.attempt_id: abs(end.given_back_s - lost[end.attempt_id])
        for end in ends
        if end.attempt_id and not end.turned_away and not end.swapped
    }


def _by_room(attempts: Sequence[str], room_of: Mapping[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for attempt in attempts:
        groups.setdefault(room_of[attempt], []).append(attempt)
    return groups


def _silence(counted: Sequence[Sent], members: frozenset[str], event: NemesisEvent) -> float:
    moments = sorted(one.acked_at for one in counted if one.acked_at is not None and one.attempt_id in members)
    if len(moments) < 3:
        return 0.0
    usual = (moments[-1] - moments[0]) / (len(moments) - 1)
    low = max(0, bisect_left(moments, event.began_at - BEFORE_S) - 1)
    high = bisect_left(moments, event.ended_at + AFTER_S) + 1
    gaps = [
        later - earlier
        for earlier, later in pairwise(moments[low:high])
        if later > event.began_at and earlier < event.ended_at
    ]
    longest = max(gaps, default=0.0)
    if longest < max(LEAST_SILENCE_S, SILENCE_FACTOR * usual):
        return 0.0
    return max(0.0, longest - usual)
