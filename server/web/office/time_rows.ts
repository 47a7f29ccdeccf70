/** The time ledger as /api/takeover tells it (server/takeover/office_time.py), and what the page makes of a row. */

export interface TimeRow {
  id: string;
  scope: "attempt" | "room" | "sitting";
  room_id: string | null;
  room_name: string | null;
  candidate_name: string | null;
  seat_number: number | null;
  open_attempts: number;
  kind: "interruption" | "grant" | "reversal";
  from_ms: number | null;
  to_ms: number | null;
  grant_ms: number;
  server_ms: number | null;
  client_gap_ms: number | null;
  cause: string;
  reason: string;
  status: "proposed" | "provisional" | "confirmed" | "awaiting_decision";
  made_by: string;
  made_by_name: string | null;
  approved_by_name: string | null;
}

export type OutageChoice = "extend" | "reschedule" | "cancel";
export type RowChoice = "confirm" | "amend" | "reverse";

export interface DecisionMade {
  id: string;
  decision: OutageChoice;
  fee_waiver: boolean;
  room_names: string[];
  reason: string;
  reported_by_name: string | null;
  reported_at_ms: number | null;
  decided_by_name: string | null;
  decided_at_ms: number;
}

/** Somebody told of an interruption over the limit and proposes what to do; another person decides. */
export interface OutageReport {
  id: string;
  proposal: OutageChoice;
  fee_waiver: boolean;
  room_ids: string[];
  reason: string;
  reported_by_name: string | null;
  reported_at_ms: number;
  is_mine: boolean;
}

export interface TimeOfSitting {
  now_ms: number;
  awaiting_decision: TimeRow[];
  to_confirm: TimeRow[];
  settled: TimeRow[];
  decisions: DecisionMade[];
  reports: OutageReport[];
}

/** Both measures may differ by so much before a person looks (outage_rules.THRESHOLDS.client_tolerance). */
export const TOLERANCE_MS = 2000;
/** What has to be typed before something that cannot be undone. */
export const TYPED: Record<"zh" | "en", Record<Exclude<OutageChoice, "extend">, string>> = {
  zh: { reschedule: "改期", cancel: "取消" },
  en: { reschedule: "reschedule", cancel: "cancel" },
};
/** Before the doors open no time is lost. */
const WITHOUT_TIME = ["planned", "published"];

export const hasTime = (state: string): boolean => !WITHOUT_TIME.includes(state);

/** Rows that a person confirms one by one; those over the limit are decided for their rooms instead. */
export const toConfirm = (reading: TimeOfSitting): TimeRow[] => reading.to_confirm.filter((row) => row.status !== "awaiting_decision");

/** Rooms that somebody else has reported: only for those may this person decide. */
export function reportedByOthers(reports: readonly OutageReport[]): Set<string> {
  return new Set(reports.filter((each) => !each.is_mine).flatMap((each) => each.room_ids));
}

/** What one press confirms: time in effect that has ended, or the proposals to give none to who went on answering. */
export function inBulk(rows: readonly TimeRow[], which: "effect" | "zero"): TimeRow[] {
  return rows.filter((row) => (which === "zero" ? row.kind === "reversal" && row.status === "proposed" : row.status === "provisional" && !stillLasts(row)));
}

export const stillLasts = (row: TimeRow): boolean => row.kind === "interruption" && row.to_ms === null;

/** Server and page measured the same span, and say different things about it. */
export function measuresDiffer(row: TimeRow): boolean {
  return row.server_ms !== null && row.client_gap_ms !== null && Math.abs(row.server_ms - row.client_gap_ms) > TOLERANCE_MS;
}

/** The row's own length: what counts once it is confirmed. null while it lasts, and for a reversal. */
export function ownLength(row: TimeRow): number | null {
  if (row.kind === "grant") return row.grant_ms;
  return row.from_ms === null || row.to_ms === null ? null : row.to_ms - row.from_ms;
}

const two = (n: number) => String(n).padStart(2, "0");

/** 7:12.5, and 1:07:12.5 from an hour on; to the tenth of a second. */
export function asLength(ms: number): string {
  const tenths = Math.round(Math.abs(ms) / 100);
  const seconds = Math.floor(tenths / 10);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return `${ms < 0 ? "−" : ""}${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}.${tenths % 10}`;
}

/** What somebody typed as minutes and seconds ("7:30", "1:07:30", "7分30秒"), in ms; null when it is nothing of the kind. */
export function parseLength(text: string): number | null {
  const plain = text.trim().replace(/：/g, ":").replace(/\s/g, "");
  const found = /^(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d)?)$/.exec(plain) ?? /^(?:(\d{1,2})小时)?(?:(\d{1,3})分钟?)(?:(\d{1,2}(?:\.\d)?)秒)?$/.exec(plain);
  if (!found) return null;
  const [hours, minutes, seconds] = [Number(found[1] ?? 0), Number(found[2]), Number(found[3] ?? 0)];
  if (seconds >= 60 || (hours > 0 && minutes >= 60)) return null;
  return Math.round((hours * 3600 + minutes * 60 + seconds) * 1000);
}

/** The choice may be sent: what can be undone needs no typing. */
export function isTyped(choice: OutageChoice, typed: string, language: "zh" | "en"): boolean {
  return choice === "extend" || typed.trim().toLowerCase() === TYPED[language][choice];
}

/** How many candidates a decision about these rooms concerns: each room once, however many rows it has. */
export function peopleConcerned(rows: readonly TimeRow[], roomIds: readonly string[]): number {
  const byRoom = new Map(rows.map((row) => [row.room_id, row.open_attempts]));
  return roomIds.reduce((sum, id) => sum + (byRoom.get(id) ?? 0), 0);
}

/** Rooms that wait, each once, with the earliest beginning. */
export function waitingRooms(rows: readonly TimeRow[]): { id: string; name: string; people: number; since: number | null }[] {
  const found = new Map<string, { id: string; name: string; people: number; since: number | null }>();
  for (const row of rows) {
    if (row.room_id === null) continue;
    const since = [found.get(row.room_id)?.since, row.from_ms].filter((each): each is number => typeof each === "number");
    found.set(row.room_id, { id: row.room_id, name: row.room_name ?? row.room_id, people: row.open_attempts, since: since.length ? Math.min(...since) : null });
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name, "zh"));
}
