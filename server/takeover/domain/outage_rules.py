"""What counts as an outage, from when to when, and what a candidate's own measurement says about it.

Figures here are about machines, not about the rules of an exam (those are in the rule profile).

An outage of the servers lasts from the last moment at which a write is known to have succeeded (a node's beat, a journal
line; not a life sign, which is heard while nothing can be written) to the moment a node accepts answers again. Nodes beat every half second, so the beginning is at most half
a second (plus one commit) early, in the candidates' favour, and never late; the end is exact. A room's cut is measured by
the room's own life signs: with pages that report every 5 s, n candidates leave an error of about 5 s / n, again early.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from server.delivery.domain.time_ledger import RowKind, Scope, TimeRow, find_reversed


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When silence means something."""

    #: No beat of any node for longer than this: nobody could accept an answer. P4 allows an error of one second; a living
    #: node beats twice a second, so what is shorter is a late beat, and an answer waited for it less than a second.
    nodes_silent_after: timedelta = timedelta(seconds=1)
    #: A node that has not beaten for so long is shown as silent.
    node_shown_silent_after: timedelta = timedelta(seconds=3)
    #: Pages tell gaps from this on; shorter ones are the network's weather.
    client_gap_least: timedelta = timedelta(seconds=2)
    #: A candidate silent for longer than this was away; the next life sign begins a new presence.
    presence_gap: timedelta = timedelta(seconds=15)
    #: So large a share of a room's answering candidates, silent together: the room is cut off, not the seats.
    room_silent_share: float = 0.8
    #: Fewer answering candidates than this say nothing about the room.
    room_least: int = 3
    #: The page's own gap and the stored one may differ by so much before a person is asked.
    client_tolerance: timedelta = timedelta(seconds=2)


THRESHOLDS = Thresholds()
#: causes of interruptions of one seat that were measured here, not told by a page
SEAT_CAUSES = ("pc_failure", "pc_swap")


@dataclass(frozen=True, slots=True)
class Span:
    """A closed span of lost time."""

    from_at: datetime
    to_at: datetime

    @property
    def lasted(self) -> timedelta:
        return self.to_at - self.from_at


class NodeCondition(StrEnum):
    """How a node looks from its last beat."""

    #: Beat a moment ago.
    ALIVE = "alive"
    #: Did not stop, and does not beat: dead, frozen, or cut off from the database.
    SILENT = "silent"
    #: Stopped by itself.
    STOPPED = "stopped"


def node_condition(
    beat_at: datetime, stopped_at: datetime | None, now: datetime, limits: Thresholds = THRESHOLDS
) -> NodeCondition:
    """A node's condition at `now`."""
    if stopped_at is not None:
        return NodeCondition.STOPPED
    return NodeCondition.ALIVE if now - beat_at <= limits.node_shown_silent_after else NodeCondition.SILENT


def find_outage(
    last_beat_at: datetime | None, answers_since: Iterable[datetime], now: datetime, limits: Thresholds = THRESHOLDS
) -> Span | None:
    """The span in which nobody could write, or None when it was short (or when no node has ever run).

    Args:
        last_beat_at: the newest beat of any node.
        answers_since: when stored answers arrived after it. They narrow the span on both sides: some were stored just
            before it began; after it ended, answers that waited are often stored before the first beat is.
    """
    if last_beat_at is None or now - last_beat_at <= limits.nodes_silent_after:
        return None
    moments = [last_beat_at, *sorted(moment for moment in answers_since if last_beat_at < moment < now), now]
    longest = max((Span(earlier, later) for earlier, later in pairwise(moments)), key=lambda span: span.lasted)
    return longest if longest.lasted > limits.nodes_silent_after else None


def silence_before_start(others_beat_at: datetime | None, now: datetime, limits: Thresholds = THRESHOLDS) -> timedelta:
    """How long a silence a starting process calls an outage: any at all, unless another node is alive beside it.

    Args:
        others_beat_at: the newest beat of a node that has not stopped; None: every node has.
    """
    is_alone = others_beat_at is None or now - others_beat_at > limits.nodes_silent_after
    return timedelta(0) if is_alone else limits.nodes_silent_after


def find_silent_seats(
    last_heard: Mapping[str, datetime],
    *,
    listening_since: datetime,
    now: datetime,
    silent_after: timedelta,
    limits: Thresholds = THRESHOLDS,
) -> list[str]:
    """The answering candidates whose seats failed by themselves: silent for long while the room is well.

    Args:
        last_heard: the newest life sign of every answering candidate of the room.
        silent_after: the profile's `presence_red_after`.
    """
    silent = [each for each, heard in last_heard.items() if now - max(heard, listening_since) > silent_after]
    if len(last_heard) >= limits.room_least and len(silent) >= limits.room_silent_share * len(last_heard):
        return []
    return sorted(silent)


def lost_exam_time(outage: Span, starts_at: datetime) -> Span | None:
    """The part of an outage after the scheduled start; None when it was over before."""
    return Span(max(outage.from_at, starts_at), outage.to_at) if outage.to_at > starts_at else None


def find_room_cut(
    last_heard: Mapping[str, datetime], *, listening_since: datetime, now: datetime, limits: Thresholds = THRESHOLDS
) -> datetime | None:
    """When a room was cut off, or None while too few of its candidates are silent.

    Args:
        last_heard: the newest life sign of every answering candidate of the room.
        listening_since: since when somebody could have heard them; silence before that is the servers' outage.
    """
    if len(last_heard) < limits.room_least or now - listening_since <= limits.presence_gap:
        return None
    silent = [heard for heard in last_heard.values() if now - heard > limits.presence_gap]
    if len(silent) < limits.room_silent_share * len(last_heard):
        return None
    return max(listening_since, *silent)


def find_room_return(presences: Mapping[str, datetime | None], *, limits: Thresholds = THRESHOLDS) -> datetime | None:
    """When a cut room was back: the first new life sign, once fewer than the share are still silent.

    Args:
        presences: for every answering candidate the beginning of the presence after the cut, None while silent.
    """
    back = [since for since in presences.values() if since is not None]
    still_silent = len(presences) - len(back)
    if not back or still_silent >= limits.room_silent_share * len(presences):
        return None
    return min(back)


class GapVerdict(StrEnum):
    """What the page's own measurement says about the time given back."""

    #: Within the tolerance: nothing to do.
    AGREES = "agrees"
    #: The candidate went on answering on this PC: propose zero for that span, show why.
    ANSWERED_LOCALLY = "answered_locally"
    #: The page was cut off for longer: propose the longer span.
    LONGER = "longer"
    #: The page was cut off for a shorter time: show it; what was given stays until a person decides.
    SHORTER = "shorter"


def judge_client_gap(
    stored: timedelta, client_gap: timedelta, *, answered_during_gap: bool, limits: Thresholds = THRESHOLDS
) -> GapVerdict:
    """Compare the page's monotonic gap with the stored span; never averaged, differences are shown (security 2.7)."""
    if answered_during_gap:
        return GapVerdict.ANSWERED_LOCALLY
    if abs(client_gap - stored) <= limits.client_tolerance:
        return GapVerdict.AGREES
    return GapVerdict.LONGER if client_gap > stored else GapVerdict.SHORTER


def stored_length(
    row: TimeRow, rows: Iterable[TimeRow], *, is_claim: bool, limits: Thresholds = THRESHOLDS
) -> timedelta | None:
    """What the servers measured for a row's span, to be shown beside the page's figure; None: nothing ended or measured.

    Args:
        rows: the whole ledger of the sitting.
        is_claim: the row's own span is what a page measured (`client_gap_ms`): the servers' figure is the room's row with
            the same beginning. A row of a failed PC was measured here, whatever its page said beside.
    """
    known = {each.id: each for each in rows}
    measured: TimeRow | None = row
    if row.kind is RowKind.GRANT:
        return None
    if row.kind is RowKind.REVERSAL:
        measured = known.get(row.reverses_id or "")
    elif is_claim and row.cause not in SEAT_CAUSES:
        measured = None
        gone = find_reversed(known.values())
        for each in known.values():
            is_room_row = each.kind is RowKind.INTERRUPTION and each.scope is not Scope.ATTEMPT and each.id not in gone
            if is_room_row and each.room_id in {None, row.room_id} and each.from_at and row.from_at:
                measured = each if abs(each.from_at - row.from_at) <= limits.client_tolerance else measured
    return measured.to_at - measured.from_at if measured and measured.from_at and measured.to_at else None
