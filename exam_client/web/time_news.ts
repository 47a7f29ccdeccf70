/** Finds out what is new in the list of time given back, so that it is told once, in words. */

import type { GivenBack } from "@web/wire_types";

/** Less is no news to a person in the middle of a question; the list under the answer sheet has every second. */
const WORTH_TELLING_S = 5;

export class TimeNews {
  private known: Map<string, number> | null = null;

  /** Rows that came, or grew, since the last call. The first list is no news: it was there when the page was opened. */
  since(rows: GivenBack[]): GivenBack[] {
    const before = this.known;
    this.known = new Map(rows.map((row) => [keyOf(row), row.seconds]));
    if (!before) return [];
    return rows.filter((row) => Math.abs(row.seconds - (before.get(keyOf(row)) ?? 0)) >= WORTH_TELLING_S);
  }
}

/** Interruptions are told apart by their beginning; grants by their words, which say how much and why. */
const keyOf = (row: GivenBack): string => (row.from_ms === null ? `grant ${row.words_zh}` : `${row.cause} ${row.from_ms}`);
