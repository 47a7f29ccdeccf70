import { describe, expect, it } from "vitest";

import { gaps, partDone, typeRows, type Readiness } from "./readiness";

const bank: Readiness = {
  accepted: 1180,
  required: 1200,
  by_type: { single: 800, true_false: { accepted: 380, required: 400 } },
  by_point: [
    { point: "1.1.1", accepted: 8, required: 8 },
    { point: "1.1.2", accepted: 3, required: 8 },
    { point: "2.1.1", accepted: 0, required: 6 },
    { point: "2.1.2", accepted: 20, required: 8 },
  ],
  duplicates: 2,
  papers_possible: 3,
  ready: false,
};

describe("the way to 1,200", () => {
  it("lists only the points with a gap, the largest first", () => {
    expect(gaps(bank).map((row) => [row.point, row.missing])).toEqual([["2.1.1", 6], ["1.1.2", 5]]);
  });

  it("reads counts by kind in either form", () => {
    expect(typeRows(bank)).toEqual([
      { kind: "single", accepted: 800, required: null },
      { kind: "true_false", accepted: 380, required: 400 },
    ]);
  });

  it("never shows more than the whole way, and nothing where nothing is asked", () => {
    expect(partDone(1500, 1200)).toBe(1);
    expect(partDone(600, 1200)).toBe(0.5);
    expect(partDone(600, 0)).toBe(0);
  });
});
