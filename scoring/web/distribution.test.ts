import { describe, expect, it } from "vitest";

import { bandsOf, hundredths } from "./distribution";

describe("the picture of the scores", () => {
  it("puts exactly 60 on the passing side and 59.99 on the other", () => {
    const bands = bandsOf([6000, 5999], 60);
    expect(bands.find((band) => band.from === 60)).toMatchObject({ count: 1, isPassing: true });
    expect(bands.find((band) => band.from === 55)).toMatchObject({ count: 1, isPassing: false });
  });

  it("counts everybody once, the full score too", () => {
    const scores = [0, 1, 499, 500, 9_999, 10_000];
    const bands = bandsOf(scores, 60);
    expect(bands.reduce((sum, band) => sum + band.count, 0)).toBe(scores.length);
    expect(bands[bands.length - 1]?.count).toBe(2);
    expect(bands).toHaveLength(20);
  });

  it("reads points as the server writes them", () => {
    expect(hundredths("60.00")).toBe(6000);
    expect(hundredths("59.5")).toBe(5950);
    expect(hundredths("100")).toBe(10000);
    expect(hundredths(null)).toBeNull();
    expect(hundredths("many")).toBeNull();
  });
});
