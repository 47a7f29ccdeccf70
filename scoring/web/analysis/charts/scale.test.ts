import { describe, expect, it } from "vitest";

import { bandPath, domainOf, linear, linePath, SHAPES, shapePath, ticks } from "./scale";

const same = (value: number) => value;

describe("a scale", () => {
  it("puts the ends of the data at the ends of the drawing and keeps outliers inside", () => {
    const x = linear([-3, 3], [40, 500]);
    expect([x(-3), x(0), x(3), x(99)]).toEqual([40, 270, 500, 500]);
  });

  it("never divides by nothing when all values are the same", () => {
    expect(linear([5, 5], [0, 100])(5)).toBe(50);
    expect(ticks([5, 5])).toEqual([5]);
    expect(domainOf([5, 5], [0, 1])).toEqual([4, 6]);
    expect(domainOf([null, undefined, NaN], [0, 1])).toEqual([0, 1]);
  });

  it("marks round figures only", () => {
    expect(ticks([0, 1], 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks([-3, 3], 6)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
    expect(ticks([0, 37], 4)).toEqual([0, 10, 20, 30]);
  });
});

describe("a line", () => {
  it("is interrupted where a figure is missing, and holds no NaN", () => {
    const spots = [{ x: 0, y: 1 }, { x: 1, y: null }, { x: 2, y: NaN }, { x: 3, y: 2 }, { x: 4, y: 3 }];
    expect(linePath(spots, same, same)).toBe("M0.0 1.0M3.0 2.0L4.0 3.0");
  });

  it("has a band only where both edges are known", () => {
    expect(bandPath([{ x: 0, low: 0, high: 1 }, { x: 1, low: null, high: 1 }], same, same)).toBe("");
    expect(bandPath([{ x: 0, low: 0, high: 2 }, { x: 1, low: 1, high: 3 }], same, same)).toBe("M0.0 2.0L1.0 3.0L1.0 1.0L0.0 0.0Z");
  });
});

it("tells every mark apart by its shape alone", () => {
  expect(new Set(SHAPES.map((shape) => shapePath(shape, 5))).size).toBe(SHAPES.length);
});
