import { describe, expect, it } from "vitest";

import type { GivenBack } from "@web/wire_types";

import { TimeNews } from "./time_news";

const row = (from_ms: number | null, seconds: number, words_zh = "x"): GivenBack => ({
  from_ms, to_ms: from_ms === null ? null : from_ms + seconds * 1000, seconds, cause: "server_outage", words_zh, words_en: "x",
});

describe("news of time given back", () => {
  it("says nothing about what was there when the page was opened", () => {
    expect(new TimeNews().since([row(1, 60)])).toEqual([]);
  });
  it("tells a row once, and again when it grew", () => {
    const news = new TimeNews();
    news.since([]);
    expect(news.since([row(1, 60)])).toHaveLength(1);
    expect(news.since([row(1, 60.4)])).toHaveLength(0);
    expect(news.since([row(1, 90)])).toHaveLength(1);
  });
  it("tells a grant by its words, and one of two equal outages", () => {
    const news = new TimeNews();
    news.since([row(1, 60)]);
    expect(news.since([row(1, 60), row(null, 300, "监考员补时 5 分")]).map((one) => one.words_zh)).toEqual(["监考员补时 5 分"]);
    expect(news.since([row(1, 60), row(null, 300, "监考员补时 5 分"), row(2, 60)])).toHaveLength(1);
  });
});
