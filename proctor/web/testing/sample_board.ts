/** A small room for the tests of this folder. */
import type { BoardDelta, BoardSnapshot, SeatCard, SeatStatus } from "../wire_types";

export function aCard(number: number, changes: Partial<SeatCard> = {}): SeatCard {
  return {
    seat_id: `s${number}`,
    number,
    row: Math.ceil(number / 4),
    column: ((number - 1) % 4) + 1,
    is_spare: false,
    attempt_id: `a${number}`,
    name: `考生${number}`,
    pinyin: "",
    ticket_number: `26110210302${String(number).padStart(2, "0")}`,
    id_number_masked: "3205**********1234",
    organisation: "",
    photo: null,
    ...changes,
  };
}

export function aStatus(number: number, changes: Partial<SeatStatus> = {}): SeatStatus {
  return {
    seat_id: `s${number}`,
    attempt_id: `a${number}`,
    state: "answering",
    answered: 10,
    total: 100,
    seen_at_ms: 1_000,
    answered_at_ms: 900,
    presence: "online",
    unsent: 0,
    hand_reason: null,
    hand_raised_at_ms: null,
    checks: [null, null],
    ends_at_ms: 100_000,
    given_back_s: 0,
    moved: false,
    released: false,
    incidents: 0,
    ...changes,
  };
}

export function aSnapshot(changes: Partial<BoardSnapshot> = {}): BoardSnapshot {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
  return {
    version: 7,
    server_now_ms: 50_000,
    header: {
      sitting_id: "sit",
      room_id: "room",
      sitting_name: "第 2 场",
      room_name: "第三机房",
      exam_title: "电工四级",
      chief: "周",
      deputy: "林",
      sitting_state: "running",
      phase: "running",
      starts_at_ms: 0,
      ends_at_ms: 100_000,
      earliest_submit_at_ms: 60_000,
      late_entry_ends_at_ms: 60_000,
      admission_opens_at_ms: -20_000,
      is_rehearsal: false,
    },
    rows: 2,
    columns: 4,
    aisles_after: [2],
    seats: numbers.map((number) => aCard(number)),
    statuses: numbers.map((number) => aStatus(number)),
    timeline: [],
    alarms: [],
    time_rows: [],
    incidents: [],
    record_url: null,
    signed_by: [],
    ...changes,
  };
}

export function aDelta(version: number, statuses: SeatStatus[] = [], changes: Partial<BoardDelta> = {}): BoardDelta {
  return {
    sitting_id: "sit",
    room_id: "room",
    version,
    server_now_ms: 50_000 + version,
    statuses,
    header: null,
    timeline: null,
    alarms: null,
    time_rows: null,
    incidents: null,
    ...changes,
  };
}
