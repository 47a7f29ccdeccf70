/** Waiting times between tries. Random parts keep a room of forty PCs from coming back in one instant. */

export type Random = () => number;

/** Full jitter: anything between 0 and the growing ceiling (`first` · 2^tries, at most `cap`), in ms. */
export function fullJitter(tries: number, first = 400, cap = 5000, random: Random = Math.random): number {
  return Math.round(random() * Math.min(cap, first * 2 ** Math.min(tries, 10)));
}

/** Reconnecting: 100–300 ms at first, then doubled and spread by half, never more than 5 s. */
export function reconnectDelay(tries: number, random: Random = Math.random): number {
  const middle = Math.min(5000, 200 * 2 ** Math.min(tries, 10));
  return Math.min(5000, Math.round(middle * (0.5 + random())));
}
