/**
 * Waiting times between tries (rule 8): full jitter, so that five hundred PCs never come back in one instant.
 *
 * The ceiling begins at 0.5 s and doubles every second try, to 15 s: short breaks, which are by far the most, are over
 * within the first few tries.
 */

export type Random = () => number;

const FIRST_MS = 500;
const CAP_MS = 15_000;
/** No try follows another at once, whatever the dice say. */
const LEAST_MS = 50;

/** Full jitter: anything between 0 and the growing ceiling, in ms. */
export function fullJitter(tries: number, first = FIRST_MS, cap = CAP_MS, random: Random = Math.random): number {
  return Math.round(random() * Math.min(cap, first * 2 ** Math.floor(Math.min(tries, 20) / 2)));
}

/** Before the next try. With several addresses to choose from, the first round through them does not wait long. */
export function reconnectDelay(tries: number, addresses = 1, random: Random = Math.random): number {
  const round = Math.floor(tries / Math.max(1, addresses));
  const waited = round === 0 ? random() * 250 : fullJitter(round - 1, FIRST_MS, CAP_MS, random);
  return LEAST_MS + Math.round(waited);
}

/** Leaving a node that asked for it: all its pages leave, spread over a second. */
export const moveDelay = (random: Random = Math.random): number => Math.round(random() * 1000);
