/** What a line drawing shows. Shape, dash and a name at the line's end tell series apart; colour comes last. */
import type { Shape } from "./scale";

export interface Point {
  x: number;
  y: number | null;
  low?: number | null;
  high?: number | null;
  /** half width of the mark; default 4 */
  size?: number;
}
export interface Series {
  name: string;
  tone: "jade" | "ink" | "blue" | "violet" | "amber" | "vermilion" | "grey";
  points: readonly Point[];
  shape?: Shape;
  /** SVG stroke-dasharray; empty: unbroken */
  dash?: string;
  hasLine?: boolean;
  isThick?: boolean;
  /** a shaded area between low and high instead of bars at the points */
  hasBand?: boolean;
  /** written beside the last point */
  endLabel?: string;
}
export interface Tick {
  at: number;
  text: string;
}
export interface Mark {
  at: number;
  text: string;
}
