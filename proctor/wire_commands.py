"""What the board's buttons send: POST /api/proctor/board/<sitting>/<room>/<name>, reply `CommandDone`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Wire(BaseModel):
    """Base: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class FetchPaper(Wire):
    """`fetch-paper` 共同领卷: each of the two proctors from an own log-in within the window (SZ-7.2(3))."""


class OpenAdmission(Wire):
    """`open-admission` 开门入场, from T − admission_opens_before."""


class ReadNotes(Wire):
    """`read-notes` 宣读须知."""


class OpenPaper(Wire):
    """`open-paper` 当众启封, from T−5: each proctor with an own log-in and own opening secret (SZ-7.2(6))."""

    opening_secret: Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=80)]
    backup: bool = False
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class CheckIdentity(Wire):
    """`check-identity`: five ticks for one candidate (SZ-7.3(1))."""

    attempt_id: str
    pass_number: Literal[1, 2]
    name_ok: bool
    ticket_ok: bool
    seat_ok: bool
    id_card_ok: bool
    person_ok: bool
    note: Annotated[str, StringConstraints(max_length=500)] = ""


class SendMessage(Wire):
    """`send-message`: empty list = the whole room."""

    attempt_ids: Annotated[list[str], Field(max_length=500)] = []
    text: Text


class GrantTime(Wire):
    """`grant-time` 补时; empty list = the whole room. Over the profile's limit a second person must approve."""

    attempt_ids: Annotated[list[str], Field(max_length=500)] = []
    seconds: int = Field(ge=1, le=4 * 3600)
    reason: Text


class DecideTime(Wire):
    """`decide-time`: confirm a proposed or provisional ledger row, or take it back (a reversal row)."""

    time_entry_id: str
    decision: Literal["confirm", "reverse"]
    reason: Text


class Collect(Wire):
    """`collect` 强制收卷: names are shown and the seat number (or 全场) typed before it is sent."""

    attempt_ids: Annotated[list[str], Field(min_length=1, max_length=500)]
    reason: Text


class SuspendAttempt(Wire):
    """`suspend` / `resume`: stops one candidate's clock (a seat interruption) and starts it again."""

    attempt_id: str
    reason: Text


class ReleaseSeat(Wire):
    """`release-seat` 换机: the next log-in may come from another device, on `to_seat_id` when given."""

    attempt_id: str
    to_seat_id: str | None = None
    reason: Text


class ListAbsent(Wire):
    """`list-absent` 登记缺考, from T + late cut-off."""


class RecordIncident(Wire):
    """`record-incident`: an entry for the room record."""

    attempt_id: str | None = None
    kind: Literal["violation", "machine_fault", "illness", "late_arrival", "other"]
    tier: Literal[1, 2, 3] | None = None
    words: Text
    action_taken: Annotated[str, StringConstraints(max_length=500)] = ""


class ResolveIncident(Wire):
    """`resolve-incident`: what was done."""

    incident_id: str
    action_taken: Text


class LowerHand(Wire):
    """`lower-hand`: the proctor was there."""

    attempt_id: str


class EndRoom(Wire):
    """`end-room` 结束本场并收卷: closes every open attempt after the end (or earlier with a reason and typed words)."""

    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class SignRecord(Wire):
    """`sign-record`: each proctor signs; when both have, the PDF is final."""

    remark: Annotated[str, StringConstraints(max_length=500)] = ""


class ShowJournal(Wire):
    """`show-journal` 查看导出文件: what a journal file (.myj) of this candidate's old PC holds; changes nothing."""

    attempt_id: str
    file: Annotated[str, StringConstraints(min_length=2, max_length=2_000_000)]


class ImportJournal(Wire):
    """`import-journal`: the chief proctor and the inspector (or exam office) each confirm what `show-journal` showed."""

    import_id: str


class SeatMove(Wire):
    """One candidate and the seat he goes on at."""

    attempt_id: str
    seat_id: str


class MoveRoom(Wire):
    """`move-room` 转移到备用考场: these candidates go on in another room, each at the seat named; clocks stand still."""

    to_room_id: str
    moves: Annotated[list[SeatMove], Field(min_length=1, max_length=500)]
    reason: Text


class ResumeSeveral(Wire):
    """`resume-several`: everybody who is back at a machine goes on together; others stay paused."""

    attempt_ids: Annotated[list[str], Field(min_length=1, max_length=500)]
    reason: Text


class JournalShown(Wire):
    """What a journal file holds. Counts only: no item and no answer reaches the board."""

    import_id: str
    total: int
    #: on the server already
    present: int
    #: new, made in time
    counted: int
    #: made after the candidate's deadline: kept, not counted
    late: int
    #: the attempt has ended: kept, not counted, the exam office decides
    closed: int
    #: not of this paper
    unreadable: int
    #: dated by that PC's own clock only
    doubtful: int


class CommandDone(Wire):
    """A command's reply. `waiting_for_second`: the first of two people acted; the other has until `expires_at_ms`."""

    ok: bool = True
    waiting_for_second: bool = False
    expires_at_ms: int | None = None
    done: int = 0
    words_zh: str = ""
    words_en: str = ""
    journal: JournalShown | None = None


COMMANDS: dict[str, type[Wire]] = {
    "fetch-paper": FetchPaper,
    "open-admission": OpenAdmission,
    "read-notes": ReadNotes,
    "open-paper": OpenPaper,
    "check-identity": CheckIdentity,
    "send-message": SendMessage,
    "grant-time": GrantTime,
    "decide-time": DecideTime,
    "collect": Collect,
    "suspend": SuspendAttempt,
    "resume": SuspendAttempt,
    "release-seat": ReleaseSeat,
    "list-absent": ListAbsent,
    "record-incident": RecordIncident,
    "resolve-incident": ResolveIncident,
    "lower-hand": LowerHand,
    "end-room": EndRoom,
    "sign-record": SignRecord,
    "show-journal": ShowJournal,
    "import-journal": ImportJournal,
    "move-room": MoveRoom,
    "resume-several": ResumeSeveral,
}
