/** Figures as people read them. Nothing here ever says NaN: what does not exist is a dash. Pure. */
import { isNumber } from "./charts/scale";

export const NONE = "—";

export const fixed = (value: number | null | undefined, digits = 2): string => (isNumber(value) ? (Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value).toFixed(digits) : NONE);
export const percent = (value: number | null | undefined, digits = 0): string => (isNumber(value) ? `${(value * 100).toFixed(digits)}%` : NONE);
/** Of a hundred people, as a whole number; never "0" for something that is not nothing. */
export function ofHundred(share: number | null | undefined): string {
  if (!isNumber(share)) return NONE;
  if (share > 0 && share < 0.005) return "<1";
  if (share < 1 && share > 0.995) return ">99";
  return String(Math.round(share * 100));
}

/** Rarer than this nobody can imagine, and no model is that exact: it is only said to be rarer. */
export const RAREST = 1e-15;

/** 1 in how many: 0.000004 → "25 万" / "250,000". */
export function oneIn(p: number | null | undefined, language: "zh" | "en"): string {
  if (!isNumber(p) || p > 1) return NONE;
  const times = 1 / Math.max(p, RAREST);
  const two = (value: number) => Number(value.toPrecision(2));
  if (language === "en") return two(times).toLocaleString("en");
  if (times >= 1e12) return `${two(times / 1e12).toLocaleString("en")} 万亿`;
  if (times >= 1e8) return `${two(times / 1e8).toLocaleString("en")} 亿`;
  if (times >= 1e4) return `${two(times / 1e4).toLocaleString("en")} 万`;
  return two(times).toLocaleString("en");
}

/** p as written in tables: 0.012, 3.4×10⁻⁷ */
export function chance(p: number | null | undefined): string {
  if (!isNumber(p)) return NONE;
  if (p >= 0.001) return p.toFixed(3);
  if (p < 1e-300) return "<10⁻³⁰⁰";
  const power = Math.floor(Math.log10(p));
  return `${(p / 10 ** power).toFixed(1)}×10${superscript(power)}`;
}
function superscript(value: number): string {
  return [...String(value)].map((sign) => (sign === "-" ? "⁻" : ("⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)] ?? ""))).join("");
}

/** 95 % interval of a share (Wilson 1927); null without people. */
export function interval(share: number | null | undefined, n: number): { low: number; high: number } | null {
  if (!isNumber(share) || !(n > 0)) return null;
  const z = 1.96;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Where 95 of 100 groups of n would lie if the model were right. */
export function expectedBand(expected: number | null, n: number): { low: number; high: number } | null {
  if (!isNumber(expected) || !(n > 0)) return null;
  const half = 1.96 * Math.sqrt((expected * (1 - expected)) / n);
  return { low: Math.max(0, expected - half), high: Math.min(1, expected + half) };
}

/** 3725 s → 1:02:05; 65 → 1:05 */
export function clock(seconds: number | null | undefined): string {
  if (!isNumber(seconds)) return NONE;
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export const ALPHA_GOOD = 0.8;
export const ALPHA_FAIR = 0.7;
export type Trust = "good" | "fair" | "poor" | "unknown";
export function trustOf(alpha: number | null | undefined): Trust {
  if (!isNumber(alpha)) return "unknown";
  return alpha >= ALPHA_GOOD ? "good" : alpha >= ALPHA_FAIR ? "fair" : "poor";
}

/** Bounds beyond which an item is flagged: scoring/domain/statistics/flags.py. */
export const BOUNDS = { tooHard: 0.2, tooEasy: 0.95, weakD: 0.2 };
