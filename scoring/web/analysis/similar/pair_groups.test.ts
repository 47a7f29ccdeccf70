import { expect, it } from "vitest";

import type { PairLine, RoomMap } from "../wire_types";
import { isFlagged, numberPairs, roomToShow, smallestChance, touches, within } from "./pair_groups";

const pair = (a: string, b: string, flagged_by: string[] = [], more: Partial<PairLine> = {}): PairLine => ({
  a, b, a_place: a, b_place: b, family: "neighbour", judged: true, flagged_by, common: 80, identical: 60, identical_wrong: 12, p: 1e-6, threshold: 1e-5, gbt_p: 1e-5, omega: 3,
  k_p: null, m4_p: null, letters_same: null, letters_positions: null, letters_p: null, seat_distance: 1, same_class: null, same_machine: null, a_first: null, b_first: null,
  a_changed_to_b: null, b_changed_to_a: null, pace_r: null, case_id: null, ...more,
});
const room = (room_id: string, attempts: string[]): RoomMap => ({
  room_id, name: room_id, rows: 1, columns: attempts.length, aisles_after: [],
  seats: attempts.map((attempt_id, n) => ({ seat_number: n + 1, row: 1, column: n + 1, attempt_id, ticket_tail: "0001", form: "A", pairs: 0 })),
});
const rooms = [room("one", ["a", "b"]), room("two", ["c", "d"])];

it("opens with the room that has most flagged pairs, unless another is asked for", () => {
  const numbered = numberPairs([pair("c", "d", ["content"]), pair("a", "b")], rooms);
  expect(numbered.map((each) => [each.n, isFlagged(each)])).toEqual([[1, true], [2, false]]);
  expect(roomToShow(rooms, numbered, "")?.room_id).toBe("two");
  expect(roomToShow(rooms, numbered, "one")?.room_id).toBe("one");
  expect(roomToShow([], numbered, "")).toBeNull();
});

it("shows a pair across two rooms in both, and draws it in neither", () => {
  const [across] = numberPairs([pair("a", "c", ["letters"])], rooms);
  expect(across && [touches(across, "one"), touches(across, "two"), within(across, "one")]).toEqual([true, true, false]);
});

it("names a pair by the test that flagged it", () => {
  expect(smallestChance(pair("a", "b", ["letters"], { letters_p: 1e-9 }))).toBe(1e-9);
  expect(smallestChance(pair("a", "b", ["content"], { letters_p: 1e-9 }))).toBe(1e-6);
  expect(smallestChance(pair("a", "b", [], { judged: false, letters_p: 0.4 }))).toBe(0.4);
});
