/** What can be done with the results of a sitting now, and why not. Pure. */
import type { StaffRole } from "@web/staff/session";

export interface SittingCounts {
  sitting_id: string;
  name: string;
  occupation_name: string;
  level: number;
  starts_at: string;
  is_rehearsal: boolean;
  attempts: number;
  ended: number;
  by_state: Partial<Record<ResultState, number>>;
  by_attendance: Partial<Record<"taken" | "absent" | "void", number>>;
  delivered: number;
  waiting: number;
  dead: number;
}
export type ResultState = "pending" | "scored" | "confirmed" | "released" | "amended";

export interface ResultRow {
  result_id: string;
  attempt_id: string;
  name: string;
  id_type: string;
  id_number_masked: string;
  ticket_number: string;
  room_name: string;
  seat_number: number;
  state: ResultState;
  attendance: "taken" | "absent" | "void";
  /** points, e.g. "60.00" */
  score: string | null;
  passed: boolean | null;
  is_hidden: boolean;
}

export type Why =
  | "notClerk"
  | "notHead"
  | "unfinished"
  | "unscored"
  | "nothing"
  | "confirmedAlready"
  | "releasedAlready"
  | "notConfirmed"
  | "notReleased";
/** `why` is null when it can be done; `n` is how many it is about. */
export interface Step {
  why: Why | null;
  n: number;
}

const no = (why: Why, n = 0): Step => ({ why, n });

function numbers(counts: SittingCounts) {
  const of = (state: ResultState) => counts.by_state[state] ?? 0;
  const settled = of("scored") + of("confirmed") + of("released") + of("amended");
  return { of, published: of("released") + of("amended"), unfinished: counts.attempts - counts.ended, unscored: Math.max(0, counts.ended - settled) };
}

/** One person confirms that the results are complete. */
export function confirming(counts: SittingCounts, roles: readonly StaffRole[]): Step {
  const { of, published, unfinished, unscored } = numbers(counts);
  if (published && published === counts.attempts) return no("releasedAlready");
  if (!roles.includes("exam_clerk")) return no("notClerk");
  if (!counts.attempts) return no("nothing");
  if (unfinished > 0) return no("unfinished", unfinished);
  if (unscored > 0) return no("unscored", unscored);
  return of("scored") ? { why: null, n: of("scored") } : no("confirmedAlready", of("confirmed"));
}

/** Another person releases them. Who confirmed is known to the server alone, and it refuses the same person. */
export function releasing(counts: SittingCounts, roles: readonly StaffRole[]): Step {
  const { of, published, unfinished, unscored } = numbers(counts);
  if (published && published === counts.attempts) return no("releasedAlready");
  if (!roles.includes("office_head") && !roles.includes("site_head")) return no("notHead");
  const unconfirmed = unfinished + unscored + of("scored");
  if (unconfirmed > 0 || !counts.attempts) return no("notConfirmed", unconfirmed);
  return { why: null, n: of("confirmed") };
}

/** Files leave the house only when everything is released. */
export function exporting(counts: SittingCounts): Step {
  const { published } = numbers(counts);
  return published > 0 && published === counts.attempts ? { why: null, n: published } : no("notReleased", counts.attempts - published);
}
