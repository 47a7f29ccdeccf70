/** What `GET /api/office/readiness` answers, and in which order people read it. */
export type LineState = "ok" | "note" | "warning" | "blocking";

export interface ReadinessLine {
  code: string;
  state: LineState;
  zh: string;
  en: string;
  todo_zh: string;
  todo_en: string;
}

export interface Readiness {
  status: number;
  warnings: number;
  blocking: number;
  lines: ReadinessLine[];
}

export const SIGNS: Record<LineState, string> = { ok: "✓", note: "·", warning: "!", blocking: "✗" };
const ORDER: readonly LineState[] = ["blocking", "warning", "ok", "note"];

/** The worst first; within a state as the server lists them. */
export function sortedByWorst(lines: readonly ReadinessLine[]): ReadinessLine[] {
  return [...lines].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
}
