/** What runs beside the screens: the tick, the clock's alarms, the look, the keyboard, and what happens when time comes. */

import { watch, watchEffect } from "vue";

import { Alarms } from "@web/clock_face";

import { listenToKeys } from "./keys";
import { readShell } from "./nodes";
import { begin, refresh, timeIsUp } from "./session";
import { clock, page, remaining, untilStart } from "./state";
import { t } from "./words";

const TICK_MS = 250;
const MINUTE = 60_000;
/** Marks where a hidden clock comes back and is spoken. */
const MARKS = [15 * MINUTE, 5 * MINUTE];

export function start(): void {
  watchEffect(() => {
    const root = document.documentElement;
    root.dataset["theme"] = page.preferences.theme;
    root.dataset["font"] = page.preferences.font;
  });
  readShell();
  listenToKeys();
  watchTheTime();
  announceSaving();
  watch(() => page.online, (online) => (page.awaySince = online ? null : performance.now()));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && page.server) void refresh();
  });
  void refresh();
}

function watchTheTime(): void {
  const alarms = new Alarms(MARKS, (mark) => {
    page.clockForced = true;
    page.announcement = t("minutesLeft", { n: mark / MINUTE });
  });
  let nextTry = 0;
  setInterval(() => {
    page.tick += 1;
    if (page.place === "stood_down") return;
    const step = page.server?.step;
    // Asked again every one to two seconds: the proctors may open the paper a little late.
    const startable = step === "answering" || (step === "waiting" && untilStart.value <= 0);
    if (startable && !page.paper && performance.now() >= nextTry) {
      nextTry = performance.now() + 1000 + Math.random() * 1000;
      void begin();
    }
    if (page.paper && step === "answering") {
      alarms.check(remaining.value);
      if (remaining.value <= 0 && clock.phase !== "suspended") void timeIsUp();
    }
  }, TICK_MS);
  // A grant moves the end: marks that lie ahead again will be said again.
  watch(() => page.server?.clock.ends_at_ms, () => alarms.arm(clock.remaining()));
}

/** Only changes of kind are spoken, never each saved answer. */
function announceSaving(): void {
  let wasLocal = false;
  watch(
    () => page.saving.unsent > 0 && page.saving.slow,
    (local) => {
      if (local) page.announcement = t("savedLocal");
      else if (wasLocal) page.announcement = t("backOnline");
      wasLocal = local;
    },
  );
  watch(() => page.saving.onDisk, (onDisk) => {
    if (!onDisk) page.announcement = t("cannotKeep");
  });
}
