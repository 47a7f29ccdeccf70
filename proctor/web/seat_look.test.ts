import { describe, expect, it } from "vitest";

import { countLooks, duePass, lookOf } from "./seat_look";
import { aStatus } from "./testing/sample_board";

describe("how a seat looks", () => {
  it("shows the worst thing first: lost, then a raised hand, then a short silence", () => {
    const hand = { hand_raised_at_ms: 5, hand_reason: "题目显示不清" };
    expect(lookOf(aStatus(1, { presence: "lost", ...hand }))).toBe("lost");
    expect(lookOf(aStatus(1, { presence: "late", ...hand }))).toBe("hand");
    expect(lookOf(aStatus(1, { presence: "late" }))).toBe("late");
    expect(lookOf(aStatus(1))).toBe("answering");
  });

  it("does not miss a machine that has nothing left to do", () => {
    expect(lookOf(aStatus(1, { state: "submitted", presence: "lost" }))).toBe("submitted");
    expect(lookOf(aStatus(1, { state: "not_arrived", presence: "none" }))).toBe("not_arrived");
  });

  it("counts every seat once", () => {
    const counts = countLooks([aStatus(1), aStatus(2, { presence: "lost" }), aStatus(3, { state: "absent", presence: "none" })]);
    expect([counts.answering, counts.lost, counts.absent]).toEqual([1, 1, 1]);
    expect(Object.values(counts).reduce((sum, n) => sum + n, 0)).toBe(3);
  });
});

describe("the five-point check that is due", () => {
  const done = [true, true, true, true, true];
  it("is the first pass on entry and the second after the start", () => {
    expect(duePass(aStatus(1), false)).toBe(1);
    expect(duePass(aStatus(1, { checks: [done, null] }), false)).toBeNull();
    expect(duePass(aStatus(1, { checks: [done, null] }), true)).toBe(2);
    expect(duePass(aStatus(1, { checks: [null, null] }), true)).toBe(2);
    expect(duePass(aStatus(1, { checks: [null, done] }), true)).toBeNull();
    expect(duePass(aStatus(1, { checks: [done, done] }), true)).toBeNull();
  });

  it("is nobody's who is not there", () => {
    expect(duePass(aStatus(1, { state: "not_arrived" }), true)).toBeNull();
    expect(duePass(aStatus(1, { state: "spare", attempt_id: null }), true)).toBeNull();
  });
});
