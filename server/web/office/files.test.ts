import { describe, expect, it } from "vitest";

import { csvCell, reportAsCsv } from "./files";

describe("the report as a file", () => {
  it("never starts a formula and keeps quotes", () => {
    expect(csvCell("=HYPERLINK(1)")).toBe(`"'=HYPERLINK(1)"`);
    expect(csvCell('a"b')).toBe('"a""b"');
    expect(csvCell(12)).toBe('"12"');
  });

  it("holds every problem in the language of the page", async () => {
    const one = { row: 4, cell: "C4", column: "证件号码", code: "X", value: "3201***", message_zh: "错", message_en: "wrong", remedy: "改", remedy_en: "mend" };
    const text = await reportAsCsv(["行", "格", "列", "内容", "问题", "办法", "代码"], [one], "en").text();
    expect(text).toContain('"4","C4","证件号码","3201***","wrong","mend","X"');
    expect(text.split("\r\n")).toHaveLength(3);
  });
});
