/** Changing answers: into the state at once, into the journal, then out. The only file that writes answers. */

import { pageId } from "./device";
import { Journal, type KeptEntry } from "./journal";
import { Outbox, type Sender } from "./outbox";
import { Contact } from "./contact";
import { choose, responsesFrom } from "./answers";
import { currentItem, items, page } from "./state";
import { TICKET_NOTE } from "./export";
import type { AnswersRecorded, Begun, StoredResponse } from "@web/wire_types";

/** A change that is not acknowledged within this time is shown as "only on this PC". */
const SLOW_MS = 4000;

export interface Ways {
  live: () => Sender | null;
  http: Sender;
  /** the server says this page may not write: look what became of it */
  onForbidden: () => void;
}

export const contact = new Contact();

let journal: Journal | null = null;
let outbox: Outbox | null = null;
let slowTimer: ReturnType<typeof setInterval> | undefined;

const monotonic = (): number => Math.round(performance.now());

/** Take up the pen: what is stored and what this PC still holds, then keep sending. */
export async function takeUp(attempt: string, begun: Omit<Begun, "key" | "export"> & Partial<Pick<Begun, "export">>, itemRefs: string[], ways: Ways): Promise<void> {
  await putDown();
  journal = await Journal.open({
    attempt,
    pageId,
    epoch: begun.epoch,
    serverLastSeq: begun.last_seq,
    onStorageLost: () => (page.saving.onDisk = false),
  });
  page.saving.onDisk = journal.onDisk;
  if (begun.export) {
    const ticket_tail = page.server?.candidate.ticket_number.slice(-4) ?? "";
    void journal.note(TICKET_NOTE, { ...begun.export, ticket_tail });
  }
  // What this PC made before another one took over is still sent, but a person decides about it.
  const { answers, flags } = responsesFrom(begun.responses, journal.waiting().filter((entry) => entry.epoch === begun.epoch));
  page.answers = answers;
  page.flags = flags;
  page.struck = await journal.readNote("struck", {});
  page.current = Math.min(await journal.readNote("position", lastPlace(begun.responses, itemRefs)), Math.max(0, itemRefs.length - 1));
  if (begun.responses.length) page.saving.savedAt = begun.clock.server_now_ms;
  outbox = new Outbox({
    journal,
    pageId,
    live: ways.live,
    http: ways.http,
    onAcknowledged: (entries, serverNow) => acknowledged(entries, serverNow, begun.epoch, ways),
    onContact: heard,
    onTrouble: troubled,
    onForbidden: ways.onForbidden,
  });
  recount();
  outbox.start();
  slowTimer = setInterval(recount, 1000);
}

/** On a PC that knows no place yet, after a swap: the question that was worked on last. */
export function lastPlace(responses: StoredResponse[], itemRefs: string[]): number {
  const newest = responses.reduce<StoredResponse | null>((last, one) => (!last || one.seq > last.seq ? one : last), null);
  return Math.max(0, newest ? itemRefs.indexOf(newest.item) : 0);
}

/** Lay down the pen: nothing is sent any more; what was not acknowledged stays on the disk. */
export async function putDown(): Promise<void> {
  clearInterval(slowTimer);
  outbox?.stop();
  journal?.close();
  outbox = null;
  journal = null;
}

export const isUp = (): boolean => journal !== null;

export const sendNow = (): void => outbox?.kick(true);

/** Send all that is left, for at most `limit` ms. True: nothing waits. */
export async function flush(limit: number): Promise<boolean> {
  return outbox ? outbox.flush(limit) : true;
}

/** After the receipt, when nothing waits: no trace of this candidate stays here. */
export async function wipe(): Promise<void> {
  if (!journal || journal.waiting().length) return;
  await journal.clear();
  await putDown();
}

export const unsent = (): number => journal?.waiting().length ?? 0;

function change(kind: "answer" | "flag", item: string, value: string[]): void {
  if (!journal) return;
  contact.changed();
  const { stored } = journal.append(kind, item, value);
  recount();
  void stored.then(() => outbox?.kick());
}

/** A click or key on an option of the present item. */
export function chooseOption(option: string): void {
  const item = currentItem.value;
  if (!item || !journal) return;
  const value = choose(item, page.answers[item.ref] ?? [], option);
  page.answers[item.ref] = value;
  change("answer", item.ref, value);
}

export function toggleFlag(ref = currentItem.value?.ref): void {
  if (!ref || !journal) return;
  page.flags[ref] = !page.flags[ref];
  change("flag", ref, page.flags[ref] ? ["1"] : []);
}

/** Strike an option out, or back: a note of the candidate's own, kept on this PC only. */
export function toggleStruck(item: string, option: string): void {
  const had = page.struck[item] ?? [];
  page.struck[item] = had.includes(option) ? had.filter((ref) => ref !== option) : [...had, option];
  void journal?.note("struck", page.struck);
}

export function goTo(index: number): void {
  page.current = Math.max(0, Math.min(index, items.value.length - 1));
  void journal?.note("position", page.current);
}

function recount(): void {
  const waiting = journal?.waiting() ?? [];
  page.local = Object.fromEntries(waiting.map((entry) => [entry.item, entry.seq]));
  page.saving.unsent = waiting.length;
  const oldest = waiting[0];
  const elsewhere = oldest !== undefined && oldest.page_id !== pageId;
  page.saving.slow = oldest !== undefined && (elsewhere || monotonic() - oldest.client_monotonic_ms > SLOW_MS);
  page.uncounted = journal?.uncounted() ?? {};
}

function acknowledged(entries: KeptEntry[], serverNow: number, epoch: number, ways: Ways): void {
  if (entries.some((entry) => entry.standing === "counted")) page.saving.savedAt = serverNow;
  recount();
  // Late, closed or superseded although this page believes to be the writing one: look what happened.
  if (entries.some((entry) => entry.epoch === epoch && entry.standing !== "counted" && entry.standing !== "refused")) ways.onForbidden();
}

function heard(reached: boolean): void {
  if (reached) contact.reached();
  else contact.missed();
  page.online = reached;
}

function troubled(reply: AnswersRecorded | null): void {
  page.saving.trouble = reply?.code
    ? { code: reply.code, message_zh: reply.message_zh ?? "", message_en: reply.message_en ?? "" }
    : null;
}
