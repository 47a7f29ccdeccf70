import { describe, expect, it } from "vitest";

import { chance, clock, expectedBand, fixed, interval, NONE, ofHundred, oneIn, percent, trustOf } from "./figures";

describe("a figure that does not exist", () => {
  it("is a dash, whatever asks for it", () => {
    for (const nothing of [null, undefined, NaN, Infinity]) {
      expect([fixed(nothing), percent(nothing), ofHundred(nothing), oneIn(nothing, "zh"), chance(nothing), clock(nothing)]).toEqual(Array(6).fill(NONE));
    }
    expect(interval(null, 10)).toBeNull();
    expect(interval(0.5, 0)).toBeNull();
    expect(expectedBand(null, 10)).toBeNull();
    expect(trustOf(null)).toBe("unknown");
  });
});

describe("a chance in words", () => {
  it("is one in so many, in the units of the language", () => {
    expect(oneIn(4e-6, "zh")).toBe("25 万");
    expect(oneIn(4e-6, "en")).toBe("250,000");
    expect(oneIn(1e-9, "zh")).toBe("10 亿");
    expect(oneIn(2.4e-13, "zh")).toBe("4.2 万亿");
    expect(oneIn(0.02, "zh")).toBe("50");
    expect(oneIn(0, "zh")).toBe("1,000 万亿");
  });

  it("keeps its power of ten in tables", () => {
    expect(chance(3.4e-7)).toBe("3.4×10⁻⁷");
    expect(chance(0.0123)).toBe("0.012");
    expect(chance(0)).toBe("<10⁻³⁰⁰");
  });

  it("never rounds something to nothing or to everybody", () => {
    expect([ofHundred(0.001), ofHundred(0.999), ofHundred(0), ofHundred(1), ofHundred(0.914)]).toEqual(["<1", ">99", "0", "100", "91"]);
    expect(fixed(-0.001)).toBe("0.00");
  });
});

it("gives an interval that stays inside 0 and 1 and narrows with more people", () => {
  const few = interval(1, 5);
  const many = interval(1, 500);
  expect(few?.high).toBe(1);
  expect((many?.low ?? 0) > (few?.low ?? 1)).toBe(true);
  // Wilson's interval for 8 of 10, by hand
  expect(interval(0.8, 10)?.low).toBeCloseTo(0.4901, 3);
  expect(interval(0.8, 10)?.high).toBeCloseTo(0.9433, 3);
});
