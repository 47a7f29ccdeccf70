/** Scores as bands around the pass line. Pure; scores are integers in 1/100 point. */

export interface Band {
  /** points, inclusive */
  from: number;
  /** points; exclusive but for the last band */
  to: number;
  count: number;
  isPassing: boolean;
}

export const BAND_POINTS = 5;
export const FULL_POINTS = 100;

/** "59.50" → 5950; null stays null. */
export function hundredths(score: string | null): number | null {
  if (score === null) return null;
  const match = /^(\d+)(?:\.(\d{1,2}))?$/.exec(score);
  if (!match) return null;
  return Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0"));
}

/** Every score falls into exactly one band; exactly 60.00 stands on the passing side of the line. */
export function bandsOf(scores: readonly number[], passPoints: number, full = FULL_POINTS): Band[] {
  const bands: Band[] = [];
  for (let from = 0; from < full; from += BAND_POINTS) {
    bands.push({ from, to: Math.min(full, from + BAND_POINTS), count: 0, isPassing: from >= passPoints });
  }
  for (const score of scores) {
    const index = Math.min(bands.length - 1, Math.max(0, Math.floor(score / 100 / BAND_POINTS)));
    const band = bands[index];
    if (band) band.count += 1;
  }
  return bands;
}
