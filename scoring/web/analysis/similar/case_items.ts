/** How the answers of two papers stand beside each other. Pure. */
import type { AnswerOf, CaseItem } from "../wire_types";

export type Likeness = "same_wrong" | "same_right" | "same" | "different";
export type Show = "all" | "same_wrong" | "same" | "different";

/** While keys are hidden nothing is called right or wrong. */
export function likenessOf(item: CaseItem): Likeness {
  if (!item.same) return "different";
  if (item.same_wrong === null) return "same";
  return item.same_wrong ? "same_wrong" : "same_right";
}

export function isShown(item: CaseItem, show: Show): boolean {
  if (show === "all") return true;
  if (show === "same_wrong") return item.same_wrong === true;
  return show === "same" ? item.same : !item.same;
}

/** Colour comes last: each likeness has its own sign. */
export const SIGNS: Record<Likeness, string> = { same_wrong: "✕＝✕", same_right: "✓＝✓", same: "＝", different: "≠" };

/** Whether an option is among the chosen ones: "ACD" is three options, unless the item has an option of that very name ("AA"). */
export function chose(answer: AnswerOf, option: string, names: readonly string[]): boolean {
  return names.includes(answer.canonical) ? answer.canonical === option : answer.canonical.includes(option);
}
