// Generated from proctor/wire.py by deploy/build/generate_wire_types.py. Change the classes there, then run it again.

/** What changes about a seat: the unit of a delta. State, not increments. */
export interface SeatStatus {
  seat_id: string;
  attempt_id: string | null;
  state: "not_arrived" | "signed_in" | "waiting" | "answering" | "suspended" | "submitted" | "collected" | "absent" | "voided" | "spare" | "empty";
  answered: number;
  total: number;
  seen_at_ms: number | null;
  answered_at_ms: number | null;
  presence: "online" | "late" | "lost" | "none";
  unsent: number;
  hand_reason: string | null;
  hand_raised_at_ms: number | null;
  checks: (boolean[] | null)[];
  ends_at_ms: number | null;
  given_back_s: number;
  moved: boolean;
  released: boolean;
  incidents: number;
}

/** What does not change: who is planned here. Snapshot only. */
export interface SeatCard {
  seat_id: string;
  number: number;
  row: number;
  column: number;
  is_spare: boolean;
  attempt_id: string | null;
  name: string;
  pinyin: string;
  ticket_number: string;
  id_number_masked: string;
  organisation: string;
  photo: string | null;
}

/** One step of the day; `action` is the one button that is due. */
export interface TimelineStep {
  key: "report" | "fetch" | "admission" | "notes" | "open" | "start" | "five_point" | "late_cutoff" | "warning" | "end" | "record";
  title_zh: string;
  title_en: string;
  rule_zh: string;
  rule_source: string;
  due_at_ms: number;
  state: "done" | "now" | "coming" | "overdue";
  detail_zh: string;
  detail_en: string;
  action: string | null;
  blocked_zh: string | null;
  blocked_en: string | null;
}

/** One thing that asks for a person; many seats lost together are one alarm. */
export interface Alarm {
  id: string;
  kind: "room_lost" | "seat_lost" | "hand" | "second_login" | "superseded_answers" | "identity_mismatch" | "time_proposal" | "awaiting_decision" | "storage" | "clock" | "journal_import";
  severity: "red" | "amber" | "violet";
  since_ms: number;
  seat_ids: string[];
  words_zh: string;
  words_en: string;
  subject_id: string | null;
}

/** A row of the time ledger that concerns this room. */
export interface TimeRow {
  id: string;
  scope: "attempt" | "room" | "sitting";
  attempt_id: string | null;
  kind: "interruption" | "grant" | "reversal";
  from_ms: number | null;
  to_ms: number | null;
  seconds: number;
  client_gap_s: number | null;
  cause: string;
  reason: string;
  status: "proposed" | "provisional" | "confirmed" | "awaiting_decision";
  made_by: string;
  approved_by: string | null;
}

/** An entry for the room record. */
export interface IncidentRow {
  id: string;
  attempt_id: string | null;
  kind: string;
  tier: number | null;
  state: string;
  words: string;
  action_taken: string;
  raised_by: string;
  raised_at_ms: number;
}

/** What the head of the board says. */
export interface BoardHeader {
  sitting_id: string;
  room_id: string;
  sitting_name: string;
  room_name: string;
  exam_title: string;
  chief: string;
  deputy: string;
  sitting_state: string;
  phase: string;
  starts_at_ms: number;
  ends_at_ms: number;
  earliest_submit_at_ms: number;
  late_entry_ends_at_ms: number;
  admission_opens_at_ms: number;
  is_rehearsal: boolean;
}

/** GET /api/proctor/board/<sitting>/<room>: everything; deltas with a higher `version` come after it. */
export interface BoardSnapshot {
  version: number;
  server_now_ms: number;
  header: BoardHeader;
  rows: number;
  columns: number;
  aisles_after: number[];
  seats: SeatCard[];
  statuses: SeatStatus[];
  timeline: TimelineStep[];
  alarms: Alarm[];
  time_rows: TimeRow[];
  incidents: IncidentRow[];
  record_url: string | null;
  signed_by: string[];
}

/** `board_delta`: what changed since `version - 1`. A gap in the numbers means: read the snapshot again. */
export interface BoardDelta {
  sitting_id: string;
  room_id: string;
  version: number;
  server_now_ms: number;
  statuses: SeatStatus[];
  header: BoardHeader | null;
  timeline: TimelineStep[] | null;
  alarms: Alarm[] | null;
  time_rows: TimeRow[] | null;
  incidents: IncidentRow[] | null;
}

/** A seat where somebody could go on. */
export interface FreeSeat {
  seat_id: string;
  number: number;
}

/** GET /api/proctor/board/<sitting>/<room>/spare-rooms: a room of the same centre and its free seats, by number. */
export interface SpareRoom {
  room_id: string;
  name: string;
  free_seats: FreeSeat[];
  blocked_zh: string | null;
  blocked_en: string | null;
}

/** GET /api/proctor/rooms: one of my rooms. */
export interface RoomDuty {
  sitting_id: string;
  room_id: string;
  sitting_name: string;
  room_name: string;
  exam_title: string;
  duty: "chief" | "deputy" | "viewer";
  starts_at_ms: number;
  state: string;
}

/** `watch_room`: from now on send this room's deltas; refused for any other room (NOT_FOUND, as if absent). */
export interface WatchRoom {
  sitting_id: string;
  room_id: string;
}

/** The reply to `watch_room`: the room's present version. */
export interface Watching {
  ok: boolean;
  version: number;
}

/** `fetch-paper` 共同领卷: each of the two proctors from an own log-in within the window (SZ-7.2(3)). */
export type FetchPaper = Record<string, never>;

/** `open-admission` 开门入场, from T − admission_opens_before. */
export type OpenAdmission = Record<string, never>;

/** `read-notes` 宣读须知. */
export type ReadNotes = Record<string, never>;

/** `open-paper` 当众启封, from T−5: each proctor with an own log-in and own opening secret (SZ-7.2(6)). */
export interface OpenPaper {
  opening_secret: string;
  backup: boolean;
  reason: string;
}

/** `check-identity`: five ticks for one candidate (SZ-7.3(1)). */
export interface CheckIdentity {
  attempt_id: string;
  pass_number: 1 | 2;
  name_ok: boolean;
  ticket_ok: boolean;
  seat_ok: boolean;
  id_card_ok: boolean;
  person_ok: boolean;
  note: string;
}

/** `send-message`: empty list = the whole room. */
export interface SendMessage {
  attempt_ids: string[];
  text: string;
}

/** `grant-time` 补时; empty list = the whole room. Over the profile's limit a second person must approve. */
export interface GrantTime {
  attempt_ids: string[];
  seconds: number;
  reason: string;
}

/** `decide-time`: confirm a proposed or provisional ledger row, or take it back (a reversal row). */
export interface DecideTime {
  time_entry_id: string;
  decision: "confirm" | "reverse";
  reason: string;
}

/** `collect` 强制收卷: names are shown and the seat number (or 全场) typed before it is sent. */
export interface Collect {
  attempt_ids: string[];
  reason: string;
}

/** `suspend` / `resume`: stops one candidate's clock (a seat interruption) and starts it again. */
export interface SuspendAttempt {
  attempt_id: string;
  reason: string;
}

/** `release-seat` 换机: the next log-in may come from another device, on `to_seat_id` when given. */
export interface ReleaseSeat {
  attempt_id: string;
  to_seat_id: string | null;
  reason: string;
}

/** `list-absent` 登记缺考, from T + late cut-off. */
export type ListAbsent = Record<string, never>;

/** `record-incident`: an entry for the room record. */
export interface RecordIncident {
  attempt_id: string | null;
  kind: "violation" | "machine_fault" | "illness" | "late_arrival" | "other";
  tier: 1 | 2 | 3 | null;
  words: string;
  action_taken: string;
}

/** `resolve-incident`: what was done. */
export interface ResolveIncident {
  incident_id: string;
  action_taken: string;
}

/** `lower-hand`: the proctor was there. */
export interface LowerHand {
  attempt_id: string;
}

/** `end-room` 结束本场并收卷: closes every open attempt after the end (or earlier with a reason and typed words). */
export interface EndRoom {
  reason: string;
}

/** `sign-record`: each proctor signs; when both have, the PDF is final. */
export interface SignRecord {
  remark: string;
}

/** `show-journal` 查看导出文件: what a journal file (.myj) of this candidate's old PC holds; changes nothing. */
export interface ShowJournal {
  attempt_id: string;
  file: string;
}

/** `import-journal`: the chief proctor and the inspector (or exam office) each confirm what `show-journal` showed. */
export interface ImportJournal {
  import_id: string;
}

/** One candidate and the seat he goes on at. */
export interface SeatMove {
  attempt_id: string;
  seat_id: string;
}

/** `move-room` 转移到备用考场: these candidates go on in another room, each at the seat named; clocks stand still. */
export interface MoveRoom {
  to_room_id: string;
  moves: SeatMove[];
  reason: string;
}

/** `resume-several`: everybody who is back at a machine goes on together; others stay paused. */
export interface ResumeSeveral {
  attempt_ids: string[];
  reason: string;
}

/** What a journal file holds. Counts only: no item and no answer reaches the board. */
export interface JournalShown {
  import_id: string;
  total: number;
  present: number;
  counted: number;
  late: number;
  closed: number;
  unreadable: number;
  doubtful: number;
}

/** A command's reply. `waiting_for_second`: the first of two people acted; the other has until `expires_at_ms`. */
export interface CommandDone {
  ok: boolean;
  waiting_for_second: boolean;
  expires_at_ms: number | null;
  done: number;
  words_zh: string;
  words_en: string;
  journal: JournalShown | null;
}

export const NAMESPACE = "/proctor";

/** What this page may send: name → payload and acknowledgement. */
export interface ClientMessages {
  watch_room: { send: WatchRoom; reply: Watching };
}

/** What this page is sent: name → payload. */
export interface ServerMessages {
  board_delta: BoardDelta;
}

/** Commands by HTTP: last part of the address → body. */
export interface Commands {
  "fetch-paper": FetchPaper;
  "open-admission": OpenAdmission;
  "read-notes": ReadNotes;
  "open-paper": OpenPaper;
  "check-identity": CheckIdentity;
  "send-message": SendMessage;
  "grant-time": GrantTime;
  "decide-time": DecideTime;
  "collect": Collect;
  "suspend": SuspendAttempt;
  "resume": SuspendAttempt;
  "release-seat": ReleaseSeat;
  "list-absent": ListAbsent;
  "record-incident": RecordIncident;
  "resolve-incident": ResolveIncident;
  "lower-hand": LowerHand;
  "end-room": EndRoom;
  "sign-record": SignRecord;
  "show-journal": ShowJournal;
  "import-journal": ImportJournal;
  "move-room": MoveRoom;
  "resume-several": ResumeSeveral;
}
