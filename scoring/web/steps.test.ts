import { describe, expect, it } from "vitest";

import { confirming, exporting, releasing, type SittingCounts } from "./steps";

function counts(by_state: SittingCounts["by_state"], changes: Partial<SittingCounts> = {}): SittingCounts {
  return {
    ...{ sitting_id: "s", name: "第 2 场", occupation_name: "电工", level: 4, starts_at: "2026-11-28T01:00:00+00:00", is_rehearsal: false },
    ...{ attempts: 30, ended: 30, by_state, by_attendance: { taken: 30 }, delivered: 0, waiting: 0, dead: 0 },
    ...changes,
  };
}

describe("confirming", () => {
  it("is the clerk's, when everybody has ended and is scored", () => {
    expect(confirming(counts({ scored: 30 }), ["exam_clerk"])).toEqual({ why: null, n: 30 });
    expect(confirming(counts({ scored: 30 }), ["office_head"]).why).toBe("notClerk");
    expect(confirming(counts({ scored: 28 }, { ended: 28 }), ["exam_clerk"])).toEqual({ why: "unfinished", n: 2 });
    expect(confirming(counts({ scored: 27, pending: 3 }), ["exam_clerk"])).toEqual({ why: "unscored", n: 3 });
    expect(confirming(counts({ confirmed: 30 }), ["exam_clerk"]).why).toBe("confirmedAlready");
  });
});

describe("releasing", () => {
  it("is a head's, after all are confirmed, and once", () => {
    expect(releasing(counts({ confirmed: 30 }), ["office_head"])).toEqual({ why: null, n: 30 });
    expect(releasing(counts({ confirmed: 30 }), ["exam_clerk"]).why).toBe("notHead");
    expect(releasing(counts({ confirmed: 29, scored: 1 }), ["site_head"])).toEqual({ why: "notConfirmed", n: 1 });
    expect(releasing(counts({ released: 29, amended: 1 }), ["site_head"]).why).toBe("releasedAlready");
  });
});

it("nothing is exported before everything is released", () => {
  expect(exporting(counts({ released: 30 })).why).toBeNull();
  expect(exporting(counts({ released: 29, confirmed: 1 })).why).toBe("notReleased");
  expect(exporting(counts({}, { attempts: 0, ended: 0 })).why).toBe("notReleased");
});
