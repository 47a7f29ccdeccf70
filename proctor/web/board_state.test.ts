import { describe, expect, it } from "vitest";

import { applyDelta, boardFrom, seatOf, takeSnapshot } from "./board_state";
import { aCard, aDelta, aSnapshot, aStatus } from "./testing/sample_board";

const board = boardFrom(aSnapshot());

describe("applying a delta", () => {
  it("takes the next version and changes only the seats it names", () => {
    const { board: next, outcome } = applyDelta(board, aDelta(8, [aStatus(2, { answered: 11 })]));
    expect(outcome).toBe("applied");
    expect(next.version).toBe(8);
    expect(next.statuses["s2"]?.answered).toBe(11);
    expect(next.statuses["s1"]).toBe(board.statuses["s1"]);
  });

  it("changes nothing when the same delta comes again", () => {
    const delta = aDelta(8, [aStatus(2, { answered: 11 })]);
    const once = applyDelta(board, delta).board;
    const twice = applyDelta(once, delta);
    expect(twice.outcome).toBe("repeated");
    expect(twice.board).toBe(once);
  });

  it("notices a hole in the numbers and leaves the board as it was", () => {
    const applied = applyDelta(board, aDelta(9, [aStatus(2, { answered: 99 })]));
    expect(applied.outcome).toBe("gap");
    expect(applied.board).toBe(board);
  });

  it("ignores what came out of order: an older state never overwrites a newer one", () => {
    const newer = applyDelta(board, aDelta(8, [aStatus(2, { answered: 12 })])).board;
    const late = applyDelta(newer, aDelta(7, [aStatus(2, { answered: 11 })]));
    expect(late.outcome).toBe("repeated");
    expect(late.board.statuses["s2"]?.answered).toBe(12);
  });

  it("never takes another room's delta", () => {
    const applied = applyDelta(board, aDelta(8, [aStatus(2)], { room_id: "other" }));
    expect(applied.outcome).toBe("foreign");
    expect(applied.board).toBe(board);
  });

  it("keeps the parts that the delta does not mention", () => {
    const alarms = [
      { id: "x", kind: "storage" as const, severity: "red" as const, since_ms: 1, seat_ids: [], words_zh: "", words_en: "", subject_id: null },
    ];
    const withAlarm = applyDelta(board, aDelta(8, [], { alarms })).board;
    expect(applyDelta(withAlarm, aDelta(9)).board.alarms).toBe(alarms);
    expect(applyDelta(withAlarm, aDelta(9, [], { alarms: [] })).board.alarms).toEqual([]);
  });

  it("keeps the object of a seat that was sent without a change", () => {
    const next = applyDelta(board, aDelta(8, [aStatus(3)])).board;
    expect(next.statuses["s3"]).toBe(board.statuses["s3"]);
  });

  it("asks for the names when a candidate sits somewhere else now", () => {
    expect(applyDelta(board, aDelta(8, [aStatus(3, { attempt_id: "a1" })])).namesAreStale).toBe(true);
    expect(applyDelta(board, aDelta(8, [aStatus(3)])).namesAreStale).toBe(false);
  });

  it("reaches the same board by deltas one at a time as by their last states", () => {
    const deltas = Array.from({ length: 20 }, (_, i) => aDelta(8 + i, [aStatus((i % 8) + 1, { answered: 20 + i })]));
    const stepwise = deltas.reduce((before, delta) => applyDelta(before, delta).board, board);
    const last = new Map(deltas.map((delta) => [delta.statuses[0]?.seat_id, delta.statuses[0]]));
    for (const [seatId, status] of last) expect(stepwise.statuses[seatId ?? ""]).toEqual(status);
    expect(stepwise.version).toBe(27);
  });
});

describe("taking a snapshot", () => {
  it("orders the seats as one reads the room", () => {
    const mixed = boardFrom(aSnapshot({ seats: [aCard(5), aCard(2), aCard(1)] }));
    expect(mixed.seats.map((seat) => seat.number)).toEqual([1, 2, 5]);
  });

  it("does not go back behind deltas that overtook it", () => {
    const ahead = applyDelta(board, aDelta(8)).board;
    expect(takeSnapshot(ahead, aSnapshot({ version: 7, server_now_ms: 50_000 }))).toBe(ahead);
  });

  it("believes a server that started counting again", () => {
    const ahead = applyDelta(board, aDelta(8)).board;
    expect(takeSnapshot(ahead, aSnapshot({ version: 1, server_now_ms: 90_000 })).version).toBe(1);
  });
});

it("finds the seat of an attempt after a change of seats", () => {
  const moved = applyDelta(board, aDelta(8, [aStatus(1, { attempt_id: null, state: "empty" }), aStatus(8, { attempt_id: "a1" })])).board;
  expect(seatOf(moved, "a1")?.number).toBe(8);
  expect(seatOf(moved, null)).toBeUndefined();
});
