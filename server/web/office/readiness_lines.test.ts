import { expect, test } from "vitest";

import { sortedByWorst, type LineState, type ReadinessLine } from "./readiness_lines";

const line = (code: string, state: LineState): ReadinessLine => ({ code, state, zh: "", en: "", todo_zh: "", todo_en: "" });

test("what blocks comes first, and equals keep their order", () => {
  const lines = [line("A", "ok"), line("B", "warning"), line("C", "note"), line("D", "blocking"), line("E", "warning")];
  expect(sortedByWorst(lines).map((one) => one.code)).toEqual(["D", "B", "E", "A", "C"]);
  expect(lines[0]?.code).toBe("A");
});
