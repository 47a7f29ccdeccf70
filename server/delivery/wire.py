"""Every message between the candidate page and the server, one typed class each.

HTTP bodies and Socket.IO payloads are the same classes; `deploy/docs/wire.md` and the page's TypeScript types are
generated from them. All moments are server milliseconds since the epoch (`…_ms`); the page only *displays* time.
No class here has a key, difficulty, statistic or author in it at all (checklist B4).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

MAX_ENTRIES_PER_MESSAGE = 200
Ref = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{2,16}$")]
#: an option's ref, or "1" for a set flag
Chosen = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,16}$")]
PageId = Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{16,32}$")]
DeviceSecret = Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{64}$")]


#: In TypeScript such a field is printed as optional: senders that have nothing to say leave it out.
LEFT_OUT: JsonDict = {"may_be_left_out": True}


class Wire(BaseModel):
    """Base: unknown fields are refused (checklist B9)."""

    model_config = ConfigDict(extra="forbid")


# ── page → server ────────────────────────────────────────────────────────────────────────────────────────────────


class SignIn(Wire):
    """POST /api/candidate/sign-in. `device_secret`: 256 random bits the browser profile made and keeps."""

    ticket_number: Annotated[str, StringConstraints(min_length=4, max_length=24, pattern=r"^[0-9A-Za-z]+$")]
    pin: Annotated[str, StringConstraints(min_length=4, max_length=12, pattern=r"^[0-9A-Za-z]+$")]
    device_secret: DeviceSecret
    #: the number on the desk where this PC stands, when the page was opened with ?seat=
    seat_number: int | None = Field(None, ge=1, le=999)
    #: this is a rehearsal program: refuse it at a real sitting
    rehearsal: bool = False


class Confirm(Wire):
    """POST /api/candidate/confirm: identity seen and right, or rules read; steps in order only."""

    step: Literal["identity", "rules"]


class Begin(Wire):
    """POST /api/candidate/begin, from T on: claims writing for this page and returns the paper's key. Repeatable."""

    page_id: PageId


class Entry(Wire):
    """One journal line as the page made it, before it was sent."""

    seq: int = Field(ge=1, le=2**53)
    #: the page that made it, where that is not the page that sends it (a later page of the same device)
    page_id: PageId | None = Field(None, json_schema_extra=LEFT_OUT)
    kind: Literal["answer", "flag"]
    item: Ref
    #: answer: chosen option refs (empty = cleared); flag: ["1"] or []
    value: Annotated[list[Chosen], Field(max_length=12)]
    client_time_ms: int = Field(ge=-(2**53), le=2**53)
    client_monotonic_ms: int = Field(ge=0, le=2**53)


class RecordAnswers(Wire):
    """`record_answers` on the socket, or POST /api/candidate/answers: the same writer, the same acknowledgement.

    An acknowledgement means: the entry is committed to the database with full durability. Nothing else is one.
    When no entry names its page the reply is brief: it leaves out whatever has its usual value.
    """

    page_id: PageId
    epoch: int = Field(ge=1, le=1_000_000)
    entries: Annotated[list[Entry], Field(min_length=1, max_length=MAX_ENTRIES_PER_MESSAGE)]


class Heartbeat(Wire):
    """`heartbeat` every 5 s on the socket, or POST /api/candidate/heartbeat when it is down."""

    page_id: PageId
    #: entries on this PC that have no acknowledgement yet
    unsent: int = Field(ge=0, le=1_000_000)
    #: longest span (ms, monotonic) this page could not reach the server since the last acknowledged heartbeat
    gap_ms: int = Field(0, ge=0, le=2**53)
    #: during that gap the candidate went on answering on this PC
    answered_during_gap: bool = False
    position: Ref | None = None


class Submit(Wire):
    """POST /api/candidate/submit: after two confirmations on the page."""

    page_id: PageId
    #: the page's own count, shown to the candidate; stored as evidence
    answered: int = Field(ge=0, le=10_000)


class RaiseHand(Wire):
    """POST /api/candidate/hand; reason None lowers the hand. No free text: content questions are not answered."""

    reason: Literal["machine", "display", "toilet", "other"] | None


class Preferences(Wire):
    """POST /api/candidate/preferences: kept with the attempt, so that another PC looks the same."""

    font: Literal["100", "125", "150"] = "100"
    theme: Literal["light", "contrast", "dark", "yellow"] = "light"
    clock_hidden: bool = False
    letter_keys: bool = True
    language: Literal["zh", "en"] = "zh"


# ── server → page ────────────────────────────────────────────────────────────────────────────────────────────────


class Ack(Wire):
    """What became of one entry. `counted` = saved; the others say why not, and the entry is kept as evidence.

    `page_id` as the entry had it.
    """

    seq: int
    page_id: str | None = Field(None, json_schema_extra=LEFT_OUT)
    standing: Literal["counted", "late", "superseded", "closed", "refused"]
    code: str | None = Field(None, json_schema_extra=LEFT_OUT)


class AnswersRecorded(Wire):
    """The reply to `record_answers`. `retry` true: nothing was stored, keep everything and send again."""

    ok: bool
    retry: bool = Field(False, json_schema_extra=LEFT_OUT)
    retry_after_ms: int = Field(0, json_schema_extra=LEFT_OUT)
    acks: list[Ack] = []
    server_now_ms: int
    code: str | None = Field(None, json_schema_extra=LEFT_OUT)
    message_zh: str | None = Field(None, json_schema_extra=LEFT_OUT)
    message_en: str | None = Field(None, json_schema_extra=LEFT_OUT)

    def as_reply_to(self, message: RecordAnswers) -> dict[str, Any]:
        """In full, or briefly to whoever spoke briefly."""
        return self.model_dump(exclude_defaults=all(entry.page_id is None for entry in message.entries))


class GivenBack(Wire):
    """Time given back or granted, in words the page shows as they are."""

    from_ms: int | None
    to_ms: int | None
    seconds: float
    cause: str
    words_zh: str
    words_en: str


class ClockView(Wire):
    """The whole clock reading. The page counts down from (remaining_ms, learnt at) on its monotonic clock."""

    server_now_ms: int
    #: before_admission | admission | running | suspended | awaiting_decision | over
    phase: Literal["before_admission", "admission", "running", "suspended", "awaiting_decision", "over"]
    starts_at_ms: int
    ends_at_ms: int
    remaining_ms: int
    earliest_submit_at_ms: int
    late_entry_ends_at_ms: int
    warning_at_ms: int
    given_back: list[GivenBack]


class CandidateCard(Wire):
    """Who is asked to sit here: shown for 'is this you?' and in the page's head."""

    name: str
    ticket_number: str
    id_number_masked: str
    organisation: str
    seat_number: int
    room_name: str
    #: data: URL or None
    photo: str | None
    identity_verified: bool


class ExamCard(Wire):
    """Which exam this is."""

    title: str
    centre_name: str
    sitting_name: str
    occupation_name: str
    level: int
    level_name: str
    duration_minutes: int
    is_rehearsal: bool
    rules_zh: list[str]
    rules_en: list[str]


class PaperFile(Wire):
    """Where the encrypted paper lies. Content-named: it can be fetched and kept before the start."""

    url: str
    sha256: str
    #: associated data of the AES-256-GCM envelope: `script:<id>:paper`
    aad: str
    item_count: int


class StoredResponse(Wire):
    """What the server holds for one item."""

    item: str
    value: list[str]
    flagged: bool
    seq: int


class MessageView(Wire):
    """A proctor's words; stay on the page until seen."""

    id: str
    text: str
    sent_at_ms: int
    to_room: bool


class Receipt(Wire):
    """The signed end of an attempt: time, count, code. No score."""

    ended_at_ms: int
    end_how: Literal["submit", "timeout", "collect"]
    answered: int
    total: int
    receipt_code: str
    answers_digest: str
    signature: str


class CandidateState(Wire):
    """GET /api/candidate/state and the reply of every step: everything the page needs to draw itself anew."""

    step: Literal["identity", "rules", "waiting", "answering", "suspended", "awaiting_decision", "moved", "ended"]
    attempt_id: str
    epoch: int
    #: highest seq the server has stored for this attempt; a new page goes on above it
    last_seq: int
    candidate: CandidateCard
    exam: ExamCard
    clock: ClockView
    paper: PaperFile | None
    preferences: Preferences
    hand_reason: str | None
    messages: list[MessageView]
    receipt: Receipt | None
    #: where else this exam goes on when the node the page came from does not answer; the page tries them by itself
    node_addresses: list[str]
    #: shown at those nodes as `Authorization: NodePass …`, because cookies do not follow the page there
    node_pass: str | None = None


class ExportTicket(Wire):
    """What the page needs to write its journal to a file that this server alone can read, also when nobody answers."""

    attempt_id: str
    script_id: str
    #: SHA-256 of the device's secret, hex
    device: str
    #: AES-256 keys in base64, of this attempt on this device alone
    seal_key: str
    chain_key: str


class Begun(Wire):
    """The reply to `begin`: the paper's key (base64, 32 bytes), and what is already stored."""

    key: str
    epoch: int
    last_seq: int
    responses: list[StoredResponse]
    clock: ClockView
    export: ExportTicket


class HeartbeatReply(Wire):
    """The reply to a heartbeat: the clock, and whether the state should be read again."""

    ok: bool
    clock: ClockView
    step: str
    messages: list[MessageView]
    identity_verified: bool
    writing: bool  # False: another page or device has taken over (show `moved`)


# ── what a candidate sees of a paper (inside the encrypted file) ───────────────────────────────────────────────


class PaperOption(Wire):
    """An option as displayed; `ref` is random per script."""

    ref: str
    text: str


class PaperItem(Wire):
    """An item as displayed, numbered through the paper from 1."""

    ref: str
    n: int
    kind: Literal["single", "multiple", "true_false"]
    stem: str
    options: list[PaperOption]


class PaperSection(Wire):
    """A section 大题; `points_each` in 1/100 point."""

    title: str
    kind: Literal["single", "multiple", "true_false"]
    points_each: int
    instruction: str
    items: list[PaperItem]


class CandidatePaper(Wire):
    """The decrypted file, AES-256-GCM as in deploy/docs/wire.md."""

    title: str
    total_points: int
    sections: list[PaperSection]


class Refusal(BaseModel):
    """Every refusal on every channel."""

    code: str
    message_zh: str
    message_en: str
    request_id: str = ""
    data: dict[str, Any] = {}


#: Socket.IO namespace of candidate pages, what they may send, and what they are sent (name → payload class).
NAMESPACE = "/candidate"
CLIENT_MESSAGES: dict[str, tuple[type[Wire], type[Wire]]] = {
    "record_answers": (RecordAnswers, AnswersRecorded),
    "heartbeat": (Heartbeat, HeartbeatReply),
}


class StateChanged(Wire):
    """Read the state again; `what` says what for."""

    what: str


class ClockSet(Wire):
    """A ledger row moved this candidate's clock."""

    clock: ClockView


SERVER_MESSAGES: dict[str, type[Wire]] = {
    "state_changed": StateChanged,
    "clock_set": ClockSet,
    "message_arrived": MessageView,
    "replaced": StateChanged,  # another page or device writes now; close kindly
    "moving": StateChanged,  # this node stops; reconnect at once to another
}
