import { afterEach, describe, expect, it } from "vitest";

import { language } from "@web/i18n";

import { noticeWords, rarity, refusalWords, whyOf } from "./words";
import { EN } from "./words_en";
import { ZH } from "./words_zh";

afterEach(() => {
  language.value = "zh";
});
const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

it("has the same values to fill in both languages", () => {
  const differing = (Object.keys(ZH) as (keyof typeof ZH)[]).filter((key) => holes(ZH[key]).join() !== holes(EN[key]).join());
  expect(differing).toEqual([]);
});

describe("what the server sends", () => {
  it("is a notice of which one language is shown", () => {
    const notice = "2 题已决定不计分，未作分析：I003、I007。 2 items do not count and were left out.";
    expect(noticeWords(notice)).toBe("2 题已决定不计分，未作分析：I003、I007。");
    language.value = "en";
    expect(noticeWords(notice)).toBe("2 items do not count and were left out.");
    expect(noticeWords("只有中文。")).toBe("只有中文。");
  });

  it("is a reason or a refusal in words, also one that is not known here", () => {
    expect(whyOf(["SOMETHING_NEW", "ONE_ITEM"])).toBe("只有一道题");
    expect(whyOf([])).toBe("数据不够");
    expect(refusalWords({ code: "X", message_zh: "至少 200 名。", message_en: "" })).toBe("至少 200 名。");
    expect(refusalWords({ code: "X" })).toBe("X");
  });
});

it("does not pretend to know chances that nobody can know", () => {
  expect(rarity(1e-9)).toBe("约 10 亿分之一");
  expect(rarity(1e-19)).toBe("不到 1,000 万亿分之一");
  expect(rarity(0)).toBe("不到 1,000 万亿分之一");
});
