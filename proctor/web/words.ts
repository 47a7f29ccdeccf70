/** The board's words in the page's language, and how it writes durations. */
import { translator } from "@web/i18n";

import { EN } from "./words_en";
import { ZH } from "./words_zh";

export type WordKey = keyof typeof ZH;
export const t = translator(ZH, EN);

/** A code of the server in words; the code itself when this page does not know it. */
export function inWordsOf(prefix: "cause" | "kind", code: string): string {
  const key = `${prefix}_${code}`;
  return key in ZH ? t(key as WordKey) : code;
}

/** 72 → "1 分 12 秒"; whole seconds, hours without them. */
export function inTime(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  if (total < 60) return t("seconds", { n: total });
  if (total < 3600) return t("minutesSeconds", { m: Math.floor(total / 60), s: total % 60 });
  return t("hoursMinutes", { h: Math.floor(total / 3600), m: Math.floor((total % 3600) / 60) });
}

/** Seconds with one decimal as the ledger shows them, e.g. "420.0 秒". */
export function inExactSeconds(seconds: number): string {
  return t("seconds", { n: seconds.toFixed(1) });
}
