import { expect, it } from "vitest";

import type { AnswerOf, CaseItem } from "../wire_types";
import { chose, isShown, likenessOf, SIGNS } from "./case_items";

const answer: AnswerOf = { n: 1, canonical: "AC", displayed: "BD", answered_s: null, before: [], is_right: null };
const item = (same: boolean, same_wrong: boolean | null): CaseItem => ({ label: "I001", item_version_id: "v", kind: "multiple", stem: "", options: [], a: answer, b: answer, same, same_wrong });

it("calls nothing wrong while keys are hidden", () => {
  expect(likenessOf(item(true, null))).toBe("same");
  expect(isShown(item(true, null), "same_wrong")).toBe(false);
});

it("tells the four kinds apart by sign", () => {
  expect([likenessOf(item(true, true)), likenessOf(item(true, false)), likenessOf(item(false, false))]).toEqual(["same_wrong", "same_right", "different"]);
  expect(new Set(Object.values(SIGNS)).size).toBe(4);
  expect([isShown(item(true, false), "same"), isShown(item(true, false), "different"), isShown(item(false, null), "different")]).toEqual([true, false, true]);
});

it("finds every letter of an answer of several", () => {
  expect(["A", "B", "C"].map((letter) => chose(answer, letter, ["A", "B", "C", "D"]))).toEqual([true, false, true]);
  expect(["A", "AC"].map((letter) => chose(answer, letter, ["A", "AC"]))).toEqual([false, true]);
});
