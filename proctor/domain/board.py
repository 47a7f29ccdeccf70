"""How a delta changes a board, and what differs between two boards: the twin of the page's `board_state.ts`.

Tests use it to prove that the deltas a service causes lead from the old snapshot to a fresh one.
"""

from __future__ import annotations

from collections.abc import Mapping

from proctor.wire import BoardDelta, BoardSnapshot, SeatStatus

#: Parts of a board that a delta replaces as a whole; None in a delta means unchanged.
PARTS = ("header", "timeline", "alarms", "time_rows", "incidents")


class GapError(Exception):
    """A delta was lost: the snapshot must be read again; nothing is guessed."""


def apply(board: BoardSnapshot, delta: BoardDelta) -> BoardSnapshot:
    """The board after `delta`. A repeated or foreign delta changes nothing.

    Raises:
        GapError: at least one delta between the two is missing.
    """
    if (delta.sitting_id, delta.room_id) != (board.header.sitting_id, board.header.room_id):
        return board
    if delta.version <= board.version:
        return board
    if delta.version > board.version + 1:
        raise GapError(f"{board.version} -> {delta.version}")
    changed = {status.seat_id: status for status in delta.statuses}
    statuses = [changed.pop(status.seat_id, status) for status in board.statuses]
    parts = {name: value for name in PARTS if (value := getattr(delta, name)) is not None}
    return board.model_copy(
        update={
            "version": delta.version,
            "server_now_ms": delta.server_now_ms,
            "statuses": [*statuses, *changed.values()],
            **parts,
        }
    )


def changed_statuses(before: Mapping[str, SeatStatus], after: Mapping[str, SeatStatus]) -> list[SeatStatus]:
    """Statuses of `after` that are new or differ, in their order there."""
    return [status for seat_id, status in after.items() if before.get(seat_id) != status]
