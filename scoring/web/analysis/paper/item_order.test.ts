import { describe, expect, it } from "vitest";

import type { ItemRow } from "../wire_types";
import { chooseItems, sortItems } from "./item_order";

function row(label: string, p: number | null, flags = 0, forms = ["A"]): ItemRow {
  const flag = { code: "TOO_EASY", words_zh: "太易", words_en: "Too easy", option: null };
  const figures = { n: 100, p, d27: null, item_rest_r: null, omitted: null, not_reached: null, a: null, b: null, se_a: null, se_b: null, median_seconds: null, options: [], flags: Array(flags).fill(flag) };
  return { item_id: label, item_version_id: label, label, kind: "single", point: "1-2", forms, full_mark: 1, figures };
}
const rows = [row("I010", 0.5), row("I002", null, 1), row("I001", 0.9, 2, ["B"]), row("I003", 0.5)];
const labels = (found: ItemRow[]) => found.map((each) => each.label);

describe("the item table", () => {
  it("keeps items without a figure at the end, whichever way it is sorted", () => {
    expect(labels(sortItems(rows, "p", false))).toEqual(["I003", "I010", "I001", "I002"]);
    expect(labels(sortItems(rows, "p", true))).toEqual(["I001", "I003", "I010", "I002"]);
    expect(labels(sortItems(rows, "item", false))).toEqual(["I001", "I002", "I003", "I010"]);
    expect(labels(sortItems(rows, "flags", true)).slice(0, 2)).toEqual(["I001", "I002"]);
  });

  it("shows what is asked for", () => {
    expect(labels(chooseItems(rows, { onlyFlagged: true, form: "", text: "" }))).toEqual(["I002", "I001"]);
    expect(labels(chooseItems(rows, { onlyFlagged: false, form: "B", text: "" }))).toEqual(["I001"]);
    expect(labels(chooseItems(rows, { onlyFlagged: false, form: "", text: " ｉ00 " }))).toHaveLength(3);
  });
});
