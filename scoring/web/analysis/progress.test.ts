import { expect, it } from "vitest";

import { PARTS, stepOf } from "./progress";

it("says which step of how many, and never more than all of it", () => {
  expect(stepOf(null)).toEqual({ part: "collect", step: 1, percent: 0, whole: 0 });
  expect(stepOf({ part: "similarity", done: 3, total: 4 })).toMatchObject({ step: 5, percent: 75 });
  expect(stepOf({ part: "store", done: 9, total: 4 })).toMatchObject({ step: PARTS.length, percent: 100, whole: 100 });
  expect(stepOf({ part: "items", done: 0, total: 0 }).percent).toBe(0);
  expect(stepOf({ part: "something new", done: 1, total: 2 }).step).toBe(1);
});
