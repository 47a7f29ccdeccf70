/** How a seat looks: bar, word, icon and, only when something is asked of the proctor, a tint. Pure. */
import type { SeatStatus } from "./wire_types";

export type Look =
  | "voided"
  | "lost"
  | "hand"
  | "late"
  | "suspended"
  | "not_arrived"
  | "signed_in"
  | "waiting"
  | "answering"
  | "submitted"
  | "collected"
  | "absent"
  | "spare"
  | "empty";

/** Looks that ask for a person; they come first in the chips and are tinted on the map. */
export const ASKING: readonly Look[] = ["lost", "hand", "late"];

/** The order of the chips. */
export const LOOKS: readonly Look[] = [
  "answering",
  "hand",
  "lost",
  "late",
  "submitted",
  "absent",
  "not_arrived",
  "signed_in",
  "waiting",
  "suspended",
  "collected",
  "voided",
  "spare",
  "empty",
];

/** Chips that are there even when nobody is counted under them: a zero is news too. */
export const ALWAYS_COUNTED: readonly Look[] = ["answering", "hand", "lost", "submitted", "absent"];

const EXPECTED_ONLINE: ReadonlySet<SeatStatus["state"]> = new Set(["signed_in", "waiting", "answering", "suspended"]);

/** Only a machine that should be there can be missed; what is worse comes first. */
export function lookOf(status: SeatStatus | undefined): Look {
  if (!status) return "empty";
  if (EXPECTED_ONLINE.has(status.state)) {
    if (status.presence === "lost") return "lost";
    if (status.hand_raised_at_ms !== null) return "hand";
    if (status.presence === "late") return "late";
  }
  return status.state;
}

export function isOnline(status: SeatStatus | undefined): boolean {
  return status?.presence === "online";
}

export function isFinished(status: SeatStatus | undefined): boolean {
  return status !== undefined && ["submitted", "collected", "absent", "voided"].includes(status.state);
}

/** Somebody sits (or is still expected) here. */
export function isPlanned(status: SeatStatus | undefined): boolean {
  return status !== undefined && status.attempt_id !== null;
}

export function countLooks(statuses: Iterable<SeatStatus>): Record<Look, number> {
  const counts = Object.fromEntries(LOOKS.map((look) => [look, 0])) as Record<Look, number>;
  for (const status of statuses) counts[lookOf(status)] += 1;
  return counts;
}

/** Which pass of the five-point check is due: 1 on entry, 2 after the start; null when both are done or nobody is there. */
export function duePass(status: SeatStatus | undefined, hasStarted: boolean): 1 | 2 | null {
  if (!status || !isPlanned(status) || !EXPECTED_ONLINE.has(status.state)) return null;
  const [first, second] = status.checks;
  // What was missed on entry is made good by the second pass, which everybody gets.
  if (hasStarted) return second ? null : 2;
  return first ? null : 1;
}

/** An age is drawn only when it says something: a machine that answered a moment ago is simply there. */
export const SILENT_AFTER_MS = 10_000;
