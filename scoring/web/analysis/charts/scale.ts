/** Where things stand in a drawing. Pure. Anything that is not a number is left out, never drawn at zero. */

export type Range = readonly [number, number];

export const isNumber = (value: number | null | undefined): value is number => typeof value === "number" && Number.isFinite(value);

/** Data to drawing; a domain without width puts everything into the middle. */
export function linear(domain: Range, range: Range): (value: number) => number {
  const [low, high] = domain;
  const [from, to] = range;
  if (!(high > low)) return () => (from + to) / 2;
  return (value) => from + ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (to - from);
}

/** Round steps (1, 2, 5 × 10ⁿ) inside a domain, about `wanted` of them. */
export function ticks(domain: Range, wanted = 5): number[] {
  const [low, high] = domain;
  if (!(high > low) || !Number.isFinite(high - low)) return isNumber(low) ? [low] : [];
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * power >= rough - 1e-12) ?? 10) * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found: number[] = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) found.push(Number(at.toFixed(digits)) + 0);
  return found;
}

export interface Spot {
  x: number;
  y: number | null;
}

/** A line through the spots, interrupted where one is missing. */
export function linePath(spots: readonly Spot[], x: (value: number) => number, y: (value: number) => number): string {
  let path = "";
  let isDown = false;
  for (const spot of spots) {
    if (!isNumber(spot.y) || !isNumber(spot.x)) {
      isDown = false;
      continue;
    }
    path += `${isDown ? "L" : "M"}${x(spot.x).toFixed(1)} ${y(spot.y).toFixed(1)}`;
    isDown = true;
  }
  return path;
}

/** The area between two lines; spots without both edges are left out. */
export function bandPath(
  spots: readonly { x: number; low?: number | null; high?: number | null }[],
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const whole = spots.filter((spot) => isNumber(spot.low) && isNumber(spot.high));
  if (whole.length < 2) return "";
  const there = whole.map((spot) => `${x(spot.x).toFixed(1)} ${y(spot.high as number).toFixed(1)}`);
  const back = whole.map((spot) => `${x(spot.x).toFixed(1)} ${y(spot.low as number).toFixed(1)}`).reverse();
  return `M${there.join("L")}L${back.join("L")}Z`;
}

/** Smallest and largest of the numbers, widened to round figures; `fallback` when there are none. */
export function domainOf(values: readonly (number | null | undefined)[], fallback: Range, step = 1): Range {
  const known = values.filter(isNumber);
  if (!known.length) return fallback;
  const low = Math.floor(Math.min(...known) / step) * step;
  const high = Math.ceil(Math.max(...known) / step) * step;
  return high > low ? [low, high] : [low - step, high + step];
}

export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "plus"] as const;
export type Shape = (typeof SHAPES)[number];

/** The outline of a mark around (0, 0); `r` is about its half width. */
export function shapePath(shape: Shape, r: number): string {
  const n = (value: number) => value.toFixed(1);
  if (shape === "square") return `M${n(-r)} ${n(-r)}H${n(r)}V${n(r)}H${n(-r)}Z`;
  if (shape === "triangle") return `M0 ${n(-r * 1.25)}L${n(r * 1.15)} ${n(r * 0.9)}H${n(-r * 1.15)}Z`;
  if (shape === "diamond") return `M0 ${n(-r * 1.35)}L${n(r * 1.2)} 0L0 ${n(r * 1.35)}L${n(-r * 1.2)} 0Z`;
  if (shape === "cross") return `M${n(-r)} ${n(-r)}L${n(r)} ${n(r)}M${n(-r)} ${n(r)}L${n(r)} ${n(-r)}`;
  if (shape === "plus") return `M0 ${n(-r * 1.2)}V${n(r * 1.2)}M${n(-r * 1.2)} 0H${n(r * 1.2)}`;
  return `M${n(-r)} 0A${n(r)} ${n(r)} 0 1 0 ${n(r)} 0A${n(r)} ${n(r)} 0 1 0 ${n(-r)} 0Z`;
}
