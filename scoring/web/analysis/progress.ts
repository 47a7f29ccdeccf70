/** Where a running analysis stands. Pure. */
import type { ProgressLine } from "./wire_types";

export const PARTS = ["collect", "items", "calibration", "behaviour", "similarity", "store"] as const;

/** The step from 1, and how much of it is done, 0 … 100. */
export function stepOf(progress: ProgressLine | null): { part: (typeof PARTS)[number]; step: number; percent: number; whole: number } {
  const at = Math.max(0, PARTS.indexOf((progress?.part ?? "collect") as (typeof PARTS)[number]));
  const share = progress && progress.total > 0 ? Math.min(1, Math.max(0, progress.done / progress.total)) : 0;
  return { part: PARTS[at] ?? "collect", step: at + 1, percent: Math.round(share * 100), whole: ((at + share) / PARTS.length) * 100 };
}

/** How soon to ask again, in milliseconds. */
export const soon = (isRunning: boolean): number => (isRunning ? 1500 : 20_000);
