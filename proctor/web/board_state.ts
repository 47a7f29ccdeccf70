/**
 * What the board knows, and how a delta changes it. Pure: no clock, no network, no Vue.
 *
 * A delta carries states, not increments, so applying one twice changes nothing; a hole in the version numbers is never
 * guessed over: the caller reads the snapshot again. Seats that did not change keep their object, so the page draws only
 * the ones that did.
 */
import type {
  Alarm,
  BoardDelta,
  BoardHeader,
  BoardSnapshot,
  IncidentRow,
  SeatCard,
  SeatStatus,
  TimelineStep,
  TimeRow,
} from "./wire_types";

export interface Board {
  readonly version: number;
  readonly serverNowMs: number;
  readonly header: BoardHeader;
  readonly rows: number;
  readonly columns: number;
  readonly aislesAfter: readonly number[];
  /** in reading order: by row, then by column */
  readonly seats: readonly SeatCard[];
  readonly statuses: Readonly<Record<string, SeatStatus>>;
  readonly timeline: readonly TimelineStep[];
  readonly alarms: readonly Alarm[];
  readonly timeRows: readonly TimeRow[];
  readonly incidents: readonly IncidentRow[];
  readonly recordUrl: string | null;
  readonly signedBy: readonly string[];
}

export interface Applied {
  board: Board;
  /**
   * applied: the board is one version further.
   * repeated: an old one, nothing changed.
   * gap: at least one delta was lost; the board is as before.
   * foreign: it is about another room; the board is as before.
   */
  outcome: "applied" | "repeated" | "gap" | "foreign";
  /** the names are no longer right (a candidate changed seats, a new seat appeared): read the snapshot */
  namesAreStale: boolean;
}

export function boardFrom(snapshot: BoardSnapshot): Board {
  return {
    version: snapshot.version,
    serverNowMs: snapshot.server_now_ms,
    header: snapshot.header,
    rows: snapshot.rows,
    columns: snapshot.columns,
    aislesAfter: snapshot.aisles_after,
    seats: [...snapshot.seats].sort((a, b) => a.row - b.row || a.column - b.column),
    statuses: Object.fromEntries(snapshot.statuses.map((status) => [status.seat_id, status])),
    timeline: snapshot.timeline,
    alarms: snapshot.alarms,
    timeRows: snapshot.time_rows,
    incidents: snapshot.incidents,
    recordUrl: snapshot.record_url,
    signedBy: snapshot.signed_by,
  };
}

/** The newer of two pictures; a snapshot that was overtaken by deltas on its way is not taken. */
export function takeSnapshot(board: Board | null, snapshot: BoardSnapshot): Board {
  if (board && isSameRoom(board, snapshot.header) && snapshot.version < board.version) {
    // A server that was restarted counts from the beginning: its clock is later although its number is smaller.
    if (snapshot.server_now_ms <= board.serverNowMs) return board;
  }
  const next = boardFrom(snapshot);
  return board ? { ...next, statuses: keepUnchanged(board.statuses, next.statuses) } : next;
}

export function applyDelta(board: Board, delta: BoardDelta): Applied {
  const same = (outcome: Applied["outcome"]): Applied => ({ board, outcome, namesAreStale: false });
  if (!isSameRoom(board, delta)) return same("foreign");
  if (delta.version <= board.version) return same("repeated");
  if (delta.version > board.version + 1) return same("gap");

  const changed = Object.fromEntries(delta.statuses.map((status) => [status.seat_id, status]));
  return {
    outcome: "applied",
    namesAreStale: delta.statuses.some((status) => !nameFits(board.seats, status)),
    board: {
      ...board,
      version: delta.version,
      serverNowMs: delta.server_now_ms,
      header: delta.header ?? board.header,
      statuses: keepUnchanged(board.statuses, { ...board.statuses, ...changed }),
      timeline: delta.timeline ?? board.timeline,
      alarms: delta.alarms ?? board.alarms,
      timeRows: delta.time_rows ?? board.timeRows,
      incidents: delta.incidents ?? board.incidents,
    },
  };
}

function isSameRoom(board: Board, other: { sitting_id: string; room_id: string }): boolean {
  return board.header.sitting_id === other.sitting_id && board.header.room_id === other.room_id;
}

function nameFits(seats: readonly SeatCard[], status: SeatStatus): boolean {
  const card = seats.find((seat) => seat.seat_id === status.seat_id);
  return card !== undefined && card.attempt_id === status.attempt_id;
}

function keepUnchanged(
  before: Readonly<Record<string, SeatStatus>>,
  after: Record<string, SeatStatus>,
): Record<string, SeatStatus> {
  const kept: Record<string, SeatStatus> = {};
  for (const [seatId, status] of Object.entries(after)) {
    const old = before[seatId];
    kept[seatId] = old && isEqual(old, status) ? old : status;
  }
  return kept;
}

function isEqual(a: SeatStatus, b: SeatStatus): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** The seat on which an attempt sits now. */
export function seatOf(board: Board, attemptId: string | null): SeatCard | undefined {
  if (!attemptId) return undefined;
  return (
    board.seats.find((seat) => board.statuses[seat.seat_id]?.attempt_id === attemptId) ??
    board.seats.find((seat) => seat.attempt_id === attemptId)
  );
}
