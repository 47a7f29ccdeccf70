/** Two languages, chosen on the page. Chinese is the source: an English text missing from a catalogue is a type error. */

import { ref, watchEffect } from "vue";

import type { Refusal } from "./wire_types";

export type Language = "zh" | "en";
type Values = Record<string, string | number>;

/** The page's language; change it and everything drawn with `t` follows. */
export const language = ref<Language>("zh");

const NAMES: Record<Language, string> = { zh: "zh-CN", en: "en" };

/** Keeps <html lang> right, which decides fonts and how a screen reader speaks. */
export function followLanguage(): void {
  watchEffect(() => {
    document.documentElement.lang = NAMES[language.value];
  });
}

/**
 * A translator over one catalogue: `const t = translator(zh, en)`, then `t("saved", { time })` puts the value in place
 * of `{time}`.
 */
export function translator<Zh extends Record<string, string>>(zh: Zh, en: Record<keyof Zh, string>) {
  const catalogues: Record<Language, Record<keyof Zh, string>> = { zh, en };
  return (key: keyof Zh, values: Values = {}): string =>
    catalogues[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** A pair of texts as the server sends them (`words_zh`, `words_en`), in the page's language. */
export function pick(zh: string | null | undefined, en: string | null | undefined): string {
  return (language.value === "zh" ? zh : en) || zh || en || "";
}

/** A refusal's words in the page's language. */
export const inWords = (refusal: Pick<Refusal, "message_zh" | "message_en">): string =>
  pick(refusal.message_zh, refusal.message_en);
