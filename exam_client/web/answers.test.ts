import { describe, expect, it } from "vitest";

import type { CandidatePaper, Entry, PaperItem } from "@web/wire_types";

import { choose, countSections, letterOf, placeItems, responsesFrom } from "./answers";

function anItem(kind: PaperItem["kind"], ref = "aa", n = 1): PaperItem {
  return { ref, n, kind, stem: "?", options: ["o1", "o2", "o3", "o4"].map((option) => ({ ref: option, text: option })) };
}

function anEntry(over: Partial<Entry>): Entry {
  return { seq: 1, page_id: "p", kind: "answer", item: "aa", value: ["o1"], client_time_ms: 0, client_monotonic_ms: 0, ...over };
}

describe("choosing an option", () => {
  it("of a single choice replaces the other", () => expect(choose(anItem("single"), ["o1"], "o2")).toEqual(["o2"]));
  it("again takes it back", () => {
    expect(choose(anItem("single"), ["o2"], "o2")).toEqual([]);
    expect(choose(anItem("true_false"), ["o2"], "o2")).toEqual([]);
    expect(choose(anItem("multiple"), ["o1", "o2"], "o2")).toEqual(["o1"]);
  });
  it("of a multiple choice adds in the displayed order, whatever the order of clicks", () => {
    expect(choose(anItem("multiple"), ["o3"], "o1")).toEqual(["o1", "o3"]);
  });
  it("changes nothing it was given", () => {
    const value = ["o1"];
    choose(anItem("multiple"), value, "o2");
    expect(value).toEqual(["o1"]);
  });
});

describe("what stands after a reload", () => {
  const stored = [{ item: "aa", value: ["o1"], flagged: false, seq: 5 }];

  it("is what the server has", () => expect(responsesFrom(stored, []).answers).toEqual({ aa: ["o1"] }));
  it("is the newer change of this PC", () => {
    expect(responsesFrom(stored, [anEntry({ seq: 7, value: ["o3"] }), anEntry({ seq: 6, value: ["o2"] })]).answers["aa"]).toEqual(["o3"]);
  });
  it("is never an older change of this PC, made before another PC answered", () => {
    expect(responsesFrom(stored, [anEntry({ seq: 4, value: ["o4"] })]).answers["aa"]).toEqual(["o1"]);
  });
  it("keeps a cleared answer cleared, and flags apart from answers", () => {
    const { answers, flags } = responsesFrom(stored, [anEntry({ seq: 6, value: [] }), anEntry({ seq: 7, kind: "flag", value: ["1"] })]);
    expect(answers["aa"]).toEqual([]);
    expect(flags["aa"]).toBe(true);
  });
});

describe("the paper", () => {
  const paper: CandidatePaper = {
    title: "t",
    total_points: 300,
    sections: [
      { title: "一", kind: "single", points_each: 100, instruction: "", items: [anItem("single", "aa", 1), anItem("single", "bb", 2)] },
      { title: "二", kind: "true_false", points_each: 100, instruction: "", items: [anItem("true_false", "cc", 3)] },
    ],
  };

  it("becomes one line of items", () => {
    expect(placeItems(paper).map((item) => [item.ref, item.index, item.section])).toEqual([["aa", 0, 0], ["bb", 1, 0], ["cc", 2, 1]]);
  });
  it("counts each section and finds what is open", () => {
    expect(countSections(paper, placeItems(paper), { aa: ["o1"], cc: [] })).toEqual([
      { title: "一", total: 2, answered: 1, open: [1] },
      { title: "二", total: 1, answered: 0, open: [2] },
    ]);
  });
  it("letters options as displayed", () => expect([0, 3, 7].map(letterOf)).toEqual(["A", "D", "H"]));
});
