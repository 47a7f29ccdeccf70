/**
 * Brings journal entries to the server: in order, one batch in flight, again until each has an acknowledgement.
 *
 * The live channel is tried first; when it is down or says nothing for 4 s the same batch goes by HTTP, which the
 * same writer on the server takes. Repeats are harmless there (one row per attempt, page and seq).
 */

import { fullJitter, type Random } from "@web/backoff";
import type { Ack, AnswersRecorded, Entry, RecordAnswers } from "@web/wire_types";

import type { Journal, KeptEntry } from "./journal";

export const MAX_BATCH = 200;
/** A refusal of the whole batch that one entry may have caused. */
const ABOUT_CONTENT = new Set(["FIELD_INVALID", "UNKNOWN_FIELD", "JSON_EXPECTED", "BODY_TOO_LARGE"]);
/** This page may not write now, whatever it sends: the state says why. */
const ABOUT_THIS_PAGE = new Set(["SESSION_MOVED", "SESSION_ENDED", "SUBMITTED", "NOT_STARTED", "SUSPENDED", "FORBIDDEN"]);
const FORBIDDEN_PAUSE_MS = 5000;

export type Sender = (message: RecordAnswers) => Promise<AnswersRecorded>;

export interface OutboxOptions {
  journal: Journal;
  pageId: string;
  /** null: the live channel is down now */
  live: () => Sender | null;
  http: Sender;
  /** entries the server has spoken about, and the moment it did (server ms) */
  onAcknowledged: (entries: KeptEntry[], serverNow: number) => void;
  /** the server answered at all / nobody answered */
  onContact: (reached: boolean) => void;
  /** the server could not store: its words, or null when it is over */
  onTrouble: (reply: AnswersRecorded | null) => void;
  /** the server will not take anything from this page */
  onForbidden: () => void;
  random?: Random;
}

export class Outbox {
  private running = false;
  private sending = false;
  private tries = 0;
  private single = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly idleWaiters: (() => void)[] = [];

  constructor(private readonly options: OutboxOptions) {}

  start(): void {
    this.running = true;
    this.kick();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
    this.release();
  }

  /** Something may be sent: a new entry is on disk, or the connection is back (`now`: do not wait out a back-off). */
  kick(now = false): void {
    if (now) {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.tries = 0;
    }
    if (!this.running || this.sending || this.timer !== undefined) return;
    void this.drain();
  }

  /** Ends when nothing waits any more, or after `limit` ms. True: everything was acknowledged. */
  async flush(limit: number): Promise<boolean> {
    this.kick(true);
    if (this.options.journal.waiting().length) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limit);
        this.idleWaiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.options.journal.waiting().length === 0;
  }

  private async drain(): Promise<void> {
    this.sending = true;
    try {
      while (this.running) {
        const batch = this.options.journal.sendable(this.single ? 1 : MAX_BATCH);
        if (!batch.length) break;
        const wait = await this.send(batch);
        if (wait > 0) {
          this.pause(wait);
          break;
        }
      }
    } finally {
      this.sending = false;
    }
    if (!this.options.journal.waiting().length) this.release();
  }

  /** One try. Returns the ms to wait before the next; 0 when it went well. */
  private async send(batch: KeptEntry[]): Promise<number> {
    let reply: AnswersRecorded;
    try {
      reply = await this.deliver({ page_id: this.options.pageId, epoch: batch[0]!.epoch, entries: batch.map((entry) => asSent(entry, this.options.pageId)) });
    } catch {
      this.options.onContact(false);
      return this.backOff();
    }
    this.options.onContact(true);
    const acks = (reply.acks ?? []).map((ack) => ({ ...ack, page_id: ack.page_id ?? this.options.pageId }));
    const settled = this.options.journal.acknowledge(acks);
    if (settled.length) {
      this.tries = 0;
      this.options.onAcknowledged(settled, reply.server_now_ms);
    }
    if (reply.ok && !reply.retry && settled.length) {
      this.single = false;
      this.options.onTrouble(null);
      return 0;
    }
    if (settled.length === batch.length) return 0;
    if (ABOUT_CONTENT.has(reply.code ?? "")) return this.singleOut(batch, reply);
    if (ABOUT_THIS_PAGE.has(reply.code ?? "")) {
      this.options.onForbidden();
      return FORBIDDEN_PAUSE_MS;
    }
    if (!reply.ok) this.options.onTrouble(reply);
    return (reply.retry_after_ms ?? 0) + this.backOff();
  }

  /** Find the entry the server cannot read, so that its neighbours get through. */
  private singleOut(batch: KeptEntry[], reply: AnswersRecorded): number {
    const only = batch[0];
    if (batch.length > 1 || !only) {
      this.single = true;
      return 1;
    }
    const refused: Ack = { seq: only.seq, page_id: only.page_id, standing: "refused", code: reply.code };
    this.options.onAcknowledged(this.options.journal.acknowledge([refused]), reply.server_now_ms);
    return 1;
  }

  private async deliver(message: RecordAnswers): Promise<AnswersRecorded> {
    const live = this.options.live();
    if (live) {
      try {
        return await live(message);
      } catch {
        // No acknowledgement in time: whether it was stored is unknown, so the same goes by the other way.
      }
    }
    return this.options.http(message);
  }

  private backOff(): number {
    this.tries += 1;
    return 50 + fullJitter(this.tries - 1, undefined, undefined, this.options.random);
  }

  private pause(wait: number): void {
    clearTimeout(this.timer);
    if (!this.running) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.kick();
    }, wait);
  }

  private release(): void {
    for (const waiter of this.idleWaiters.splice(0)) waiter();
  }
}

/** An entry of the sending page does not say so, which makes the usual message and its reply a third shorter. */
function asSent(entry: KeptEntry, sender: string): Entry {
  const { seq, page_id, kind, item, value, client_time_ms, client_monotonic_ms } = entry;
  const brief = { seq, kind, item, value, client_time_ms, client_monotonic_ms };
  return page_id === sender ? brief : { ...brief, page_id };
}
