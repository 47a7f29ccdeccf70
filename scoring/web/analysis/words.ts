/** Words of the analysis pages. */
import { language, pick, translator } from "@web/i18n";
import { asMoment } from "@web/staff/words";

import { oneIn, RAREST } from "./figures";
import { EN } from "./words_en";
import { ZH } from "./words_zh";

export type AnalysisWord = keyof typeof ZH;
export const t = translator(ZH, EN);

/** A server's code in words; the code itself when there are none. */
export function wordOr(key: string, otherwise: string): string {
  return key in ZH ? t(key as AnalysisWord) : otherwise;
}

/** The first reason in words. */
export const whyOf = (reasons: readonly string[]): string => reasons.map((code) => wordOr(`reason_${code}`, "")).find(Boolean) ?? t("reason_unknown");

/** A refusal as a reply carries it. */
export function refusalWords(refusal: Record<string, unknown> | null | undefined): string {
  if (!refusal) return "";
  return pick(String(refusal["message_zh"] ?? ""), String(refusal["message_en"] ?? "")) || String(refusal["code"] ?? "");
}

export const moment = (iso: string | null | undefined): string => {
  const at = iso ? Date.parse(iso) : NaN;
  return Number.isFinite(at) ? asMoment(at, language.value) : "—";
};

/** A notice comes as both languages in one text, Chinese first: "……。 English." */
export function noticeWords(notice: string): string {
  const parts = /^(.*[。！]) ([\x20-\x7e–’…]+)$/s.exec(notice);
  return parts ? pick(parts[1], parts[2]) : notice;
}

/** A chance as people say it. */
export const rarity = (p: number): string => t(p < RAREST ? "rarerThan" : "oneInN", { n: oneIn(p, language.value) });
