// Generated from server/delivery/wire.py by deploy/build/generate_wire_types.py. Change the classes there, then run it again.

/** POST /api/candidate/sign-in. `device_secret`: 256 random bits the browser profile made and keeps. */
export interface SignIn {
  ticket_number: string;
  pin: string;
  device_secret: string;
  seat_number: number | null;
  rehearsal: boolean;
}

/** POST /api/candidate/confirm: identity seen and right, or rules read; steps in order only. */
export interface Confirm {
  step: "identity" | "rules";
}

/** POST /api/candidate/begin, from T on: claims writing for this page and returns the paper's key. Repeatable. */
export interface Begin {
  page_id: string;
}

/** One journal line as the page made it, before it was sent. */
export interface Entry {
  seq: number;
  page_id?: string | null;
  kind: "answer" | "flag";
  item: string;
  value: string[];
  client_time_ms: number;
  client_monotonic_ms: number;
}

/**
 * `record_answers` on the socket, or POST /api/candidate/answers: the same writer, the same acknowledgement.
 *
 * An acknowledgement means: the entry is committed to the database with full durability. Nothing else is one.
 * When no entry names its page the reply is brief: it leaves out whatever has its usual value.
 */
export interface RecordAnswers {
  page_id: string;
  epoch: number;
  entries: Entry[];
}

/** `heartbeat` every 5 s on the socket, or POST /api/candidate/heartbeat when it is down. */
export interface Heartbeat {
  page_id: string;
  unsent: number;
  gap_ms: number;
  answered_during_gap: boolean;
  position: string | null;
}

/** POST /api/candidate/submit: after two confirmations on the page. */
export interface Submit {
  page_id: string;
  answered: number;
}

/** POST /api/candidate/hand; reason None lowers the hand. No free text: content questions are not answered. */
export interface RaiseHand {
  reason: "machine" | "display" | "toilet" | "other" | null;
}

/** POST /api/candidate/preferences: kept with the attempt, so that another PC looks the same. */
export interface Preferences {
  font: "100" | "125" | "150";
  theme: "light" | "contrast" | "dark" | "yellow";
  clock_hidden: boolean;
  letter_keys: boolean;
  language: "zh" | "en";
}

/**
 * What became of one entry. `counted` = saved; the others say why not, and the entry is kept as evidence.
 *
 * `page_id` as the entry had it.
 */
export interface Ack {
  seq: number;
  page_id?: string | null;
  standing: "counted" | "late" | "superseded" | "closed" | "refused";
  code?: string | null;
}

/** The reply to `record_answers`. `retry` true: nothing was stored, keep everything and send again. */
export interface AnswersRecorded {
  ok: boolean;
  retry?: boolean;
  retry_after_ms?: number;
  acks: Ack[];
  server_now_ms: number;
  code?: string | null;
  message_zh?: string | null;
  message_en?: string | null;
}

/** Time given back or granted, in words the page shows as they are. */
export interface GivenBack {
  from_ms: number | null;
  to_ms: number | null;
  seconds: number;
  cause: string;
  words_zh: string;
  words_en: string;
}

/** The whole clock reading. The page counts down from (remaining_ms, learnt at) on its monotonic clock. */
export interface ClockView {
  server_now_ms: number;
  phase: "before_admission" | "admission" | "running" | "suspended" | "awaiting_decision" | "over";
  starts_at_ms: number;
  ends_at_ms: number;
  remaining_ms: number;
  earliest_submit_at_ms: number;
  late_entry_ends_at_ms: number;
  warning_at_ms: number;
  given_back: GivenBack[];
}

/** Who is asked to sit here: shown for 'is this you?' and in the page's head. */
export interface CandidateCard {
  name: string;
  ticket_number: string;
  id_number_masked: string;
  organisation: string;
  seat_number: number;
  room_name: string;
  photo: string | null;
  identity_verified: boolean;
}

/** Which exam this is. */
export interface ExamCard {
  title: string;
  centre_name: string;
  sitting_name: string;
  occupation_name: string;
  level: number;
  level_name: string;
  duration_minutes: number;
  is_rehearsal: boolean;
  rules_zh: string[];
  rules_en: string[];
}

/** Where the encrypted paper lies. Content-named: it can be fetched and kept before the start. */
export interface PaperFile {
  url: string;
  sha256: string;
  aad: string;
  item_count: number;
}

/** What the server holds for one item. */
export interface StoredResponse {
  item: string;
  value: string[];
  flagged: boolean;
  seq: number;
}

/** A proctor's words; stay on the page until seen. */
export interface MessageView {
  id: string;
  text: string;
  sent_at_ms: number;
  to_room: boolean;
}

/** The signed end of an attempt: time, count, code. No score. */
export interface Receipt {
  ended_at_ms: number;
  end_how: "submit" | "timeout" | "collect";
  answered: number;
  total: number;
  receipt_code: string;
  answers_digest: string;
  signature: string;
}

/** GET /api/candidate/state and the reply of every step: everything the page needs to draw itself anew. */
export interface CandidateState {
  step: "identity" | "rules" | "waiting" | "answering" | "suspended" | "awaiting_decision" | "moved" | "ended";
  attempt_id: string;
  epoch: number;
  last_seq: number;
  candidate: CandidateCard;
  exam: ExamCard;
  clock: ClockView;
  paper: PaperFile | null;
  preferences: Preferences;
  hand_reason: string | null;
  messages: MessageView[];
  receipt: Receipt | null;
  node_addresses: string[];
  node_pass: string | null;
}

/** What the page needs to write its journal to a file that this server alone can read, also when nobody answers. */
export interface ExportTicket {
  attempt_id: string;
  script_id: string;
  device: string;
  seal_key: string;
  chain_key: string;
}

/** The reply to `begin`: the paper's key (base64, 32 bytes), and what is already stored. */
export interface Begun {
  key: string;
  epoch: number;
  last_seq: number;
  responses: StoredResponse[];
  clock: ClockView;
  export: ExportTicket;
}

/** The reply to a heartbeat: the clock, and whether the state should be read again. */
export interface HeartbeatReply {
  ok: boolean;
  clock: ClockView;
  step: string;
  messages: MessageView[];
  identity_verified: boolean;
  writing: boolean;
}

/** An option as displayed; `ref` is random per script. */
export interface PaperOption {
  ref: string;
  text: string;
}

/** An item as displayed, numbered through the paper from 1. */
export interface PaperItem {
  ref: string;
  n: number;
  kind: "single" | "multiple" | "true_false";
  stem: string;
  options: PaperOption[];
}

/** A section 大题; `points_each` in 1/100 point. */
export interface PaperSection {
  title: string;
  kind: "single" | "multiple" | "true_false";
  points_each: number;
  instruction: string;
  items: PaperItem[];
}

/** The decrypted file, AES-256-GCM as in deploy/docs/wire.md. */
export interface CandidatePaper {
  title: string;
  total_points: number;
  sections: PaperSection[];
}

/** Every refusal on every channel. */
export interface Refusal {
  code: string;
  message_zh: string;
  message_en: string;
  request_id: string;
  data: Record<string, unknown>;
}

/** Read the state again; `what` says what for. */
export interface StateChanged {
  what: string;
}

/** A ledger row moved this candidate's clock. */
export interface ClockSet {
  clock: ClockView;
}

export const NAMESPACE = "/candidate";

/** What this page may send: name → payload and acknowledgement. */
export interface ClientMessages {
  record_answers: { send: RecordAnswers; reply: AnswersRecorded };
  heartbeat: { send: Heartbeat; reply: HeartbeatReply };
}

/** What this page is sent: name → payload. */
export interface ServerMessages {
  state_changed: StateChanged;
  clock_set: ClockSet;
  message_arrived: MessageView;
  replaced: StateChanged;
  moving: StateChanged;
}
