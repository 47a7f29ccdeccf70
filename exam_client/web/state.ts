/** The whole state of the page in one object. Screens read it; `session.ts` and `writing.ts` change it. */

import { computed, reactive } from "vue";

import { ClockFace } from "@web/clock_face";
import type { CandidatePaper, CandidateState, GivenBack, Preferences, Refusal } from "@web/wire_types";

import { type Answers, countAnswered, countSections, type Flags, isAnswered, placeItems } from "./answers";
import type { Standing } from "./journal";

/** Where this page stands beside what the server's `step` says. */
export type Place =
  | "loading"
  | "sign_in"
  | "practice"
  | "paper" // answering
  | "review"
  | "stood_down" // another tab of this PC writes now
  | "moved"; // another PC writes now

export interface Saving {
  /** changes without an acknowledgement */
  unsent: number;
  /** the oldest of them has waited longer than a healthy round trip */
  slow: boolean;
  /** server ms of the newest acknowledgement; 0 = none yet */
  savedAt: number;
  /** this PC keeps a copy */
  onDisk: boolean;
  /** the server's words when it cannot store */
  trouble: Pick<Refusal, "code" | "message_zh" | "message_en"> | null;
}

export const page = reactive({
  place: "loading" as Place,
  server: null as CandidateState | null,
  /** live channel up, or the last request was answered */
  online: true,
  /** monotonic ms since when it is not; null while it is */
  awaySince: null as number | null,
  practised: false,
  /** words shown on the present screen after a refusal */
  refusal: null as Refusal | null,
  paperReady: false,
  paper: null as CandidatePaper | null,
  answers: {} as Answers,
  flags: {} as Flags,
  struck: {} as Answers,
  current: 0,
  /** items with a change that only this PC has */
  local: {} as Record<string, number>,
  saving: { unsent: 0, slow: false, savedAt: 0, onDisk: true, trouble: null } as Saving,
  uncounted: {} as Partial<Record<Standing, number>>,
  /** the time is over and the server has not said yet that it has collected */
  timeUp: false,
  preferences: { font: "100", theme: "light", clock_hidden: false, letter_keys: true, language: "zh" } as Preferences,
  /** a hidden clock has come back at a mark; hiding it again is allowed */
  clockForced: false,
  /** time given back since the page was opened and not read yet */
  timeNews: [] as GivenBack[],
  dialog: null as null | "sheet" | "display" | "hand" | "submit" | "export",
  /** what a screen reader hears next */
  announcement: "",
  /** ticks four times a second; everything that shows time reads it */
  tick: 0,
});

/** Not reactive in itself: read it together with `page.tick`. */
export const clock = new ClockFace();

export const items = computed(() => (page.paper ? placeItems(page.paper) : []));
export const currentItem = computed(() => items.value[page.current]);
export const answered = computed(() => countAnswered(items.value, page.answers));
export const flagged = computed(() => items.value.filter((item) => page.flags[item.ref]).length);
export const sections = computed(() => (page.paper ? countSections(page.paper, items.value, page.answers) : []));
export const firstOpen = computed(() => items.value.find((item) => !isAnswered(page.answers, item.ref)) ?? null);

/** Server milliseconds as of the last tick. */
export const serverNow = computed(() => (page.tick, clock.serverNow()));
export const remaining = computed(() => (page.tick, page.server, clock.remaining()));
export const untilStart = computed(() => (page.tick, page.server, clock.untilStart()));
/** How long nobody has answered, in ms; 0 while somebody does. */
export const awayFor = computed(() => (page.tick, page.awaySince === null ? 0 : performance.now() - page.awaySince));
export const maySubmit = computed(() => serverNow.value >= (page.server?.clock.earliest_submit_at_ms ?? Infinity));

export type Screen =
  | "loading" | "sign_in" | "identity" | "rules" | "practice" | "waiting" | "answering" | "review" | "receipt" | "standstill";

/** Which screen is drawn: the server's step first, then the page's own place. */
export const screen = computed<Screen>(() => {
  if (page.place === "loading" || page.place === "sign_in") return page.place;
  if (page.place === "stood_down" || page.place === "moved") return "standstill";
  switch (page.server?.step) {
    case "identity":
    case "rules":
      return page.server.step;
    case "ended":
      return page.server.receipt ? "receipt" : "standstill";
    case "suspended":
    case "awaiting_decision":
    case "moved":
      return "standstill";
    case "waiting":
      return page.place === "practice" && untilStart.value > 0 ? "practice" : "waiting";
    default:
      if (page.timeUp) return "standstill";
      if (!page.paper) return "waiting";
      return page.place === "review" ? "review" : "answering";
  }
});
