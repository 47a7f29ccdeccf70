/** What the page knows: the list of sittings, the chosen one in full, and what the last act came to. */
import { computed, ref, shallowRef } from "vue";

import { get, Refused, Unreachable } from "@web/http";
import { inWords } from "@web/i18n";
import { hasRole, noticeSignOut } from "@web/staff/session";

import type { Choices, SittingHead, SittingInFull } from "./types";
import { t } from "./words";

export const BASE = "/api/scheduling";
const PATIENT = { timeoutMs: 60_000 };

export const sittings = shallowRef<SittingHead[] | null>(null);
export const chosenId = ref("");
export const chosen = shallowRef<SittingInFull | null>(null);
export const choices = shallowRef<Choices | null>(null);
export const problem = ref("");
export const done = ref("");
export const isBusy = ref(false);

export const address = computed(() => `${BASE}/sittings/${chosenId.value}`);
/** scheduling:time:confirm of server/core/permissions.py */
export const decidesTime = hasRole("office_head", "site_head");
export const isPlanned = computed(() => chosen.value?.state === "planned");

/** Say what went wrong, in the server's words where it has any. */
export function tell(failure: unknown): void {
  if (noticeSignOut(failure)) return;
  if (failure instanceof Refused) problem.value = inWords(failure.refusal);
  else problem.value = failure instanceof Unreachable && failure.refusal ? inWords(failure.refusal) : t("noAnswer");
}

/** Do one thing at a time; afterwards the page shows what the server has. `said` is what to say when it went well. */
export async function act<T>(what: () => Promise<T>, said: (result: T) => string = () => ""): Promise<T | undefined> {
  if (isBusy.value) return undefined;
  isBusy.value = true;
  problem.value = done.value = "";
  try {
    const result = await what();
    done.value = said(result);
    return result;
  } catch (failure) {
    tell(failure);
    return undefined;
  } finally {
    await reload();
    isBusy.value = false;
  }
}

export async function readChoices(): Promise<void> {
  try {
    choices.value = await get<Choices>(`${BASE}/choices`, PATIENT);
  } catch (failure) {
    tell(failure);
  }
}

export async function reload(): Promise<void> {
  try {
    sittings.value = (await get<{ sittings: SittingHead[] }>(`${BASE}/sittings`, PATIENT)).sittings;
    if (!sittings.value.some((one) => one.id === chosenId.value)) chosenId.value = firstToDo(sittings.value, decidesTime.value)?.id ?? "";
    const wanted = chosenId.value;
    const found = wanted ? await get<SittingInFull>(`${BASE}/sittings/${wanted}`, PATIENT) : null;
    if (wanted === chosenId.value) chosen.value = found;
  } catch (failure) {
    tell(failure);
  }
}

/** The soonest sitting with something to do; else the latest one. Before all, for whoever decides about time: one that runs. */
export function firstToDo(list: readonly SittingHead[], decides = false): SittingHead | undefined {
  const running = decides ? list.find((one) => one.state === "running") : undefined;
  if (running) return running;
  const open = list.filter((one) => one.state === "planned" || one.steps.some((step) => step.is_next));
  return [...open].sort((a, b) => a.starts_at.localeCompare(b.starts_at))[0] ?? list[0];
}
