/** Reading a page's figures and sending its acts, with the server's words when it says no. */
import { onMounted, onUnmounted, ref, type Ref, shallowRef } from "vue";

import { get, post, Refused, Unreachable } from "@web/http";
import { inWords } from "@web/i18n";
import { noticeSignOut } from "@web/staff/session";

import { t } from "./words";

const READ_TIMEOUT_MS = 30_000;

/** Words for whatever a request raised; empty when the log-in ended, which the page's frame shows. */
export function wordsFor(failure: unknown): string {
  if (noticeSignOut(failure)) return "";
  if (failure instanceof Refused) return inWords(failure.refusal);
  if (failure instanceof Unreachable && failure.refusal) return inWords(failure.refusal);
  return t("noAnswer");
}

export interface Loaded<T> {
  value: Ref<T | null>;
  problem: Ref<string>;
  isLoading: Ref<boolean>;
  read: () => Promise<void>;
}

/** Reads once at the start, and again every `againMs` (0: never) while the page stands open. */
export function useLoaded<T>(path: string | (() => string), againMs: (value: T | null) => number = () => 0): Loaded<T> {
  const value = shallowRef<T | null>(null) as Ref<T | null>;
  const problem = ref("");
  const isLoading = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isGone = false;

  async function read(): Promise<void> {
    clearTimeout(timer);
    isLoading.value = true;
    try {
      value.value = await get<T>(typeof path === "string" ? path : path(), { timeoutMs: READ_TIMEOUT_MS });
      problem.value = "";
    } catch (failure) {
      problem.value = wordsFor(failure);
    } finally {
      isLoading.value = false;
      const wait = againMs(value.value);
      if (wait && !isGone) timer = setTimeout(() => void read(), wait);
    }
  }
  onMounted(() => void read());
  onUnmounted(() => {
    isGone = true;
    clearTimeout(timer);
  });
  return { value, problem, isLoading, read };
}

/** Sends one act at a time. `act` gives the reply, or null when it was not done. */
export function useActs() {
  const problem = ref("");
  const isBusy = ref(false);
  async function act<T>(path: string, body: unknown): Promise<T | null> {
    if (isBusy.value) return null;
    isBusy.value = true;
    problem.value = "";
    try {
      return await post<T>(path, body, { timeoutMs: READ_TIMEOUT_MS });
    } catch (failure) {
      problem.value = wordsFor(failure);
      return null;
    } finally {
      isBusy.value = false;
    }
  }
  return { problem, isBusy, act };
}
