/** What answers are and how they change: pure functions, no state of their own. */

import type { CandidatePaper, Entry, PaperItem, StoredResponse } from "@web/wire_types";

/** Chosen option refs by item; no entry and [] both mean: not answered. */
export type Answers = Record<string, string[]>;
export type Flags = Record<string, boolean>;

/** An item with its place in the paper. */
export interface PlacedItem extends PaperItem {
  index: number;
  section: number;
}

export interface SectionCount {
  title: string;
  total: number;
  answered: number;
  /** places of the unanswered, rising */
  open: number[];
}

export interface Responses {
  answers: Answers;
  flags: Flags;
}

/** The paper as one line of items. */
export function placeItems(paper: CandidatePaper): PlacedItem[] {
  let index = 0;
  return paper.sections.flatMap((section, number) =>
    section.items.map((item) => ({ ...item, section: number, index: index++ })),
  );
}

/** The value after a click or key on one option. A second choice of the same option takes it back. */
export function choose(item: PaperItem, value: string[], option: string): string[] {
  const had = value.includes(option);
  if (item.kind !== "multiple") return had ? [] : [option];
  const wanted = new Set(value);
  if (had) wanted.delete(option);
  else wanted.add(option);
  return item.options.map((one) => one.ref).filter((ref) => wanted.has(ref));
}

export const isAnswered = (answers: Answers, ref: string): boolean => (answers[ref]?.length ?? 0) > 0;

export function countAnswered(items: PlacedItem[], answers: Answers): number {
  return items.filter((item) => isAnswered(answers, item.ref)).length;
}

/** Counts per section, for the answer sheet and before submitting. */
export function countSections(paper: CandidatePaper, items: PlacedItem[], answers: Answers): SectionCount[] {
  return paper.sections.map((section, number) => {
    const own = items.filter((item) => item.section === number);
    const open = own.filter((item) => !isAnswered(answers, item.ref)).map((item) => item.index);
    return { title: section.title, total: own.length, answered: own.length - open.length, open };
  });
}

/** What stands now: what the server holds, overlaid by what it has not been told yet, wherever that is newer. */
export function responsesFrom(stored: StoredResponse[], unsent: Entry[]): Responses {
  const answers: Answers = {};
  const flags: Flags = {};
  const newest: Record<string, number> = {};
  for (const response of stored) {
    answers[response.item] = response.value;
    flags[response.item] = response.flagged;
    newest[`answer ${response.item}`] = response.seq;
    newest[`flag ${response.item}`] = response.seq;
  }
  for (const entry of unsent) {
    const key = `${entry.kind} ${entry.item}`;
    if (entry.seq <= (newest[key] ?? 0)) continue;
    newest[key] = entry.seq;
    if (entry.kind === "answer") answers[entry.item] = entry.value;
    else flags[entry.item] = entry.value.length > 0;
  }
  return { answers, flags };
}

/** A, B, C … as displayed; an option has no letter of its own. */
export const letterOf = (place: number): string => String.fromCharCode(65 + place);

/** 一、二、三 for a section's number; papers have few. */
export const numeralOf = (place: number): string => "一二三四五六七八九十"[place] ?? String(place + 1);

/** Points in 1/100 as text: 1, 0.5, 1.25. */
export const asPoints = (hundredths: number): string => String(hundredths / 100);
