"""Every message between the proctor's board and the server.

No class here has a stem, option, key, response or score in it (architecture 6). Snapshots carry names for the people
in the room; deltas carry ids and states only (checklist D5). All `…_ms` are server milliseconds since the epoch.
"""

from __future__ import annotations

from typing import Literal

import proctor.wire_commands
from proctor.wire_commands import COMMANDS, CommandDone, Wire

__all__ = ["COMMANDS", "CommandDone", "Wire"]
#: further modules of this wire: the commands
PARTS = (proctor.wire_commands,)


SeatStateName = Literal[
    "not_arrived",  # 未到
    "signed_in",  # 已登录, identity or rules still to confirm
    "waiting",  # 待开考
    "answering",  # 答题中
    "suspended",  # 暂停
    "submitted",  # 已交卷
    "collected",  # 已收卷
    "absent",  # 缺考
    "voided",  # 作废
    "spare",  # 备用机
    "empty",  # 空位
]


class SeatStatus(Wire):
    """What changes about a seat: the unit of a delta. State, not increments."""

    seat_id: str
    attempt_id: str | None
    state: SeatStateName
    answered: int
    total: int
    #: last life sign and last committed answer; ages are drawn by the page from `server_now_ms`
    seen_at_ms: int | None
    answered_at_ms: int | None
    #: online | late (amber) | lost (red) | none (not expected to be online)
    presence: Literal["online", "late", "lost", "none"]
    unsent: int
    hand_reason: str | None
    hand_raised_at_ms: int | None
    #: five-point check, passes 1 and 2: None = not done, else name, ticket, seat, ID card, person
    checks: list[list[bool] | None]
    ends_at_ms: int | None
    given_back_s: float
    moved: bool
    #: the next log-in may come from another PC
    released: bool
    incidents: int


class SeatCard(Wire):
    """What does not change: who is planned here. Snapshot only."""

    seat_id: str
    number: int
    row: int
    column: int
    is_spare: bool
    attempt_id: str | None
    name: str
    pinyin: str
    ticket_number: str
    id_number_masked: str
    organisation: str
    photo: str | None


class TimelineStep(Wire):
    """One step of the day; `action` is the one button that is due."""

    key: Literal[
        "report",
        "fetch",
        "admission",
        "notes",
        "open",
        "start",
        "five_point",
        "late_cutoff",
        "warning",
        "end",
        "record",
    ]
    title_zh: str
    title_en: str
    rule_zh: str
    rule_source: str
    due_at_ms: int
    state: Literal["done", "now", "coming", "overdue"]
    detail_zh: str
    detail_en: str
    action: str | None
    #: why the action is not possible now; None when it is
    blocked_zh: str | None
    blocked_en: str | None


class Alarm(Wire):
    """One thing that asks for a person; many seats lost together are one alarm."""

    id: str
    kind: Literal[
        "room_lost",
        "seat_lost",
        "hand",
        "second_login",
        "superseded_answers",
        "identity_mismatch",
        "time_proposal",
        "awaiting_decision",
        "storage",
        "clock",
        "journal_import",
    ]
    severity: Literal["red", "amber", "violet"]
    since_ms: int
    seat_ids: list[str]
    words_zh: str
    words_en: str
    #: what to act on, e.g. a time entry's id
    subject_id: str | None


class TimeRow(Wire):
    """A row of the time ledger that concerns this room."""

    id: str
    scope: Literal["attempt", "room", "sitting"]
    attempt_id: str | None
    kind: Literal["interruption", "grant", "reversal"]
    from_ms: int | None
    to_ms: int | None
    seconds: float
    client_gap_s: float | None
    cause: str
    reason: str
    status: Literal["proposed", "provisional", "confirmed", "awaiting_decision"]
    made_by: str
    approved_by: str | None


class IncidentRow(Wire):
    """An entry for the room record."""

    id: str
    attempt_id: str | None
    kind: str
    tier: int | None
    state: str
    words: str
    action_taken: str
    raised_by: str
    raised_at_ms: int


class BoardHeader(Wire):
    """What the head of the board says."""

    sitting_id: str
    room_id: str
    sitting_name: str
    room_name: str
    exam_title: str
    chief: str
    deputy: str
    sitting_state: str
    phase: str
    starts_at_ms: int
    ends_at_ms: int
    earliest_submit_at_ms: int
    late_entry_ends_at_ms: int
    admission_opens_at_ms: int
    is_rehearsal: bool


class BoardSnapshot(Wire):
    """GET /api/proctor/board/<sitting>/<room>: everything; deltas with a higher `version` come after it."""

    version: int
    server_now_ms: int
    header: BoardHeader
    rows: int
    columns: int
    aisles_after: list[int]
    seats: list[SeatCard]
    statuses: list[SeatStatus]
    timeline: list[TimelineStep]
    alarms: list[Alarm]
    time_rows: list[TimeRow]
    incidents: list[IncidentRow]
    record_url: str | None
    signed_by: list[str]


class BoardDelta(Wire):
    """`board_delta`: what changed since `version - 1`. A gap in the numbers means: read the snapshot again."""

    sitting_id: str
    room_id: str
    version: int
    server_now_ms: int
    statuses: list[SeatStatus]
    #: None = unchanged
    header: BoardHeader | None = None
    timeline: list[TimelineStep] | None = None
    alarms: list[Alarm] | None = None
    time_rows: list[TimeRow] | None = None
    incidents: list[IncidentRow] | None = None


class FreeSeat(Wire):
    """A seat where somebody could go on."""

    seat_id: str
    number: int


class SpareRoom(Wire):
    """GET /api/proctor/board/<sitting>/<room>/spare-rooms: a room of the same centre and its free seats, by number."""

    room_id: str
    name: str
    free_seats: list[FreeSeat]
    #: why nobody can be moved there; None when it is possible
    blocked_zh: str | None = None
    blocked_en: str | None = None


class RoomDuty(Wire):
    """GET /api/proctor/rooms: one of my rooms."""

    sitting_id: str
    room_id: str
    sitting_name: str
    room_name: str
    exam_title: str
    duty: Literal["chief", "deputy", "viewer"]
    starts_at_ms: int
    state: str


NAMESPACE = "/proctor"


class WatchRoom(Wire):
    """`watch_room`: from now on send this room's deltas; refused for any other room (NOT_FOUND, as if absent)."""

    sitting_id: str
    room_id: str


class Watching(Wire):
    """The reply to `watch_room`: the room's present version."""

    ok: bool
    version: int


CLIENT_MESSAGES: dict[str, tuple[type[Wire], type[Wire]]] = {"watch_room": (WatchRoom, Watching)}
SERVER_MESSAGES: dict[str, type[Wire]] = {"board_delta": BoardDelta}
