import "fake-indexeddb/auto";

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Ack, AnswersRecorded, RecordAnswers } from "@web/wire_types";

import { forgetEverything, Journal } from "./journal";
import { MAX_BATCH, Outbox, type Sender } from "./outbox";

const PAGE = "a".repeat(32);
const OTHER_PAGE = "b".repeat(32);
const NOW = 1_800_000_000_000;
const nothing = { retry: false, retry_after_ms: 0, acks: [], server_now_ms: NOW, code: null, message_zh: null, message_en: null };

/** One row per (page, seq), as the database has it; remembers every message it was sent. */
class PretendServer {
  rows = new Map<string, string[]>();
  messages: RecordAnswers[] = [];

  readonly store: Sender = (message) => {
    this.messages.push(message);
    const acks: Ack[] = message.entries.map((entry) => {
      const key = `${entry.page_id} ${entry.seq}`;
      if (!this.rows.has(key)) this.rows.set(key, entry.value);
      return { seq: entry.seq, page_id: entry.page_id, standing: "counted", code: null };
    });
    return Promise.resolve({ ...nothing, ok: true, acks });
  };
  get seqs(): number[] {
    return [...this.rows.keys()].map((key) => Number(key.split(" ")[1]));
  }
}

const gone: Sender = () => Promise.reject(new Error("no answer"));
let journal: Journal;

beforeEach(async () => {
  await forgetEverything();
  journal = await Journal.open({ attempt: "x", pageId: PAGE, epoch: 3, serverLastSeq: 0 });
});
afterEach(() => {
  vi.useRealTimers();
  journal.close();
});

function anOutbox(ways: { live?: () => Sender | null; http?: Sender }, pageId = PAGE) {
  const seen = { contact: [] as boolean[], trouble: [] as (AnswersRecorded | null)[], saved: [] as number[], forbidden: 0 };
  const outbox = new Outbox({
    journal, pageId, live: ways.live ?? (() => null), http: ways.http ?? gone, random: () => 0.5,
    onAcknowledged: (entries) => seen.saved.push(...entries.map((entry) => entry.seq)),
    onContact: (reached) => seen.contact.push(reached),
    onTrouble: (reply) => seen.trouble.push(reply),
    onForbidden: () => (seen.forbidden += 1),
  });
  return { outbox, seen };
}

async function answer(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => journal.append("answer", `i${i}`, ["o1"]).stored));
}

describe("the outbox", () => {
  it("sends in order, in batches of at most 200, one at a time", async () => {
    await answer(450);
    const server = new PretendServer();
    let inFlight = 0;
    const { outbox } = anOutbox({ live: () => async (message) => {
      inFlight += 1;
      expect(inFlight).toBe(1);
      await Promise.resolve();
      inFlight -= 1;
      return server.store(message);
    } });
    outbox.start();
    expect(await outbox.flush(1000)).toBe(true);
    expect(server.messages.map((message) => message.entries.length)).toEqual([MAX_BATCH, MAX_BATCH, 50]);
    expect(server.seqs).toEqual(Array.from({ length: 450 }, (_, i) => i + 1));
    expect(server.messages[0]).toMatchObject({ page_id: PAGE, epoch: 3 });
    outbox.stop();
  });

  it("sends only what the wire knows", async () => {
    await answer(1);
    const server = new PretendServer();
    const { outbox } = anOutbox({ http: server.store });
    outbox.start();
    await outbox.flush(1000);
    expect(Object.keys(server.messages[0]!.entries[0]!).sort()).toEqual(
      ["client_monotonic_ms", "client_time_ms", "item", "kind", "seq", "value"],
    );
    outbox.stop();
  });

  it("names the page of an entry only where another one made it, and understands brief acknowledgements", async () => {
    const sent: RecordAnswers[] = [];
    const http: Sender = (message) => {
      sent.push(message);
      const acks: Ack[] = message.entries.map((entry) => ({ seq: entry.seq, page_id: entry.page_id, standing: "counted" }));
      return Promise.resolve({ ok: true, acks, server_now_ms: NOW });
    };
    await answer(1);
    journal.close();
    journal = await Journal.open({ attempt: "x", pageId: OTHER_PAGE, epoch: 3, serverLastSeq: 0 });
    await answer(1);
    const { outbox: later } = anOutbox({ http }, OTHER_PAGE);
    later.start();
    expect(await later.flush(1000)).toBe(true);
    expect(sent[0]!.entries.map((entry) => entry.page_id)).toEqual([PAGE, undefined]);
    later.stop();
  });

  it("sends the same again by HTTP when the acknowledgement is lost; the server has it once", async () => {
    await answer(2);
    const server = new PretendServer();
    const { outbox, seen } = anOutbox({
      live: () => async (message) => {
        await server.store(message); // stored, but the reply never arrives
        throw new Error("operation has timed out");
      },
      http: server.store,
    });
    outbox.start();
    expect(await outbox.flush(1000)).toBe(true);
    expect(server.messages).toHaveLength(2);
    expect(server.rows.size).toBe(2);
    expect(seen.saved).toEqual([1, 2]);
    outbox.stop();
  });

  it("waits longer and longer while nobody answers, then sends everything", async () => {
    await answer(3);
    const server = new PretendServer();
    let up = false;
    const tried = vi.fn();
    const { outbox, seen } = anOutbox({ http: (message) => {
      tried();
      return up ? server.store(message) : gone(message);
    } });
    vi.useFakeTimers();
    outbox.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(tried.mock.calls.length).toBeGreaterThan(10);
    expect(tried.mock.calls.length).toBeLessThan(40);
    expect(seen.contact.every((reached) => !reached)).toBe(true);
    up = true;
    await vi.advanceTimersByTimeAsync(5000);
    expect(server.seqs).toEqual([1, 2, 3]);
    outbox.stop();
  });

  it("does not wait out a back-off once the connection is back", async () => {
    await answer(1);
    const server = new PretendServer();
    let live: Sender | null = null;
    vi.useFakeTimers();
    const { outbox } = anOutbox({ live: () => live, http: gone });
    outbox.start();
    await vi.advanceTimersByTimeAsync(20_000);
    live = server.store;
    outbox.kick(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(server.seqs).toEqual([1]);
    outbox.stop();
  });

  it("keeps everything when the server cannot store, shows its words, and tries again", async () => {
    await answer(2);
    const server = new PretendServer();
    let full = true;
    const { outbox, seen } = anOutbox({ http: (message) => full
      ? Promise.resolve({ ...nothing, ok: false, retry: true, code: "STORAGE_FULL", message_zh: "磁盘已满", message_en: "full" })
      : server.store(message) });
    vi.useFakeTimers();
    outbox.start();
    await vi.advanceTimersByTimeAsync(3000);
    expect(journal.waiting()).toHaveLength(2);
    expect(seen.trouble[0]?.code).toBe("STORAGE_FULL");
    full = false;
    await vi.advanceTimersByTimeAsync(6000);
    expect(journal.waiting()).toEqual([]);
    expect(seen.trouble[seen.trouble.length - 1]).toBeNull();
    outbox.stop();
  });

  it("goes on with what a reply left out", async () => {
    await answer(3);
    const server = new PretendServer();
    const { outbox } = anOutbox({ http: async (message) => {
      const reply = await server.store(message);
      return { ...reply, acks: reply.acks.slice(0, 1) };
    } });
    outbox.start();
    expect(await outbox.flush(1000)).toBe(true);
    expect(server.messages.map((message) => message.entries.map((entry) => entry.seq))).toEqual([[1, 2, 3], [2, 3], [3]]);
    outbox.stop();
  });

  it("does not storm a server that acknowledges nothing", async () => {
    await answer(1);
    const tried = vi.fn();
    vi.useFakeTimers();
    const { outbox } = anOutbox({ http: () => {
      tried();
      return Promise.resolve({ ...nothing, ok: true });
    } });
    outbox.start();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(tried.mock.calls.length).toBeLessThan(12);
    outbox.stop();
  });

  it("singles out an entry the server cannot read, so that its neighbours get through", async () => {
    await answer(3);
    const server = new PretendServer();
    const { outbox } = anOutbox({ http: (message) => message.entries.some((entry) => entry.seq === 2)
      ? Promise.resolve({ ...nothing, ok: false, code: "FIELD_INVALID", message_zh: "不符合要求", message_en: "not accepted" })
      : server.store(message) });
    vi.useFakeTimers();
    outbox.start();
    await vi.advanceTimersByTimeAsync(5000);
    expect(server.seqs).toEqual([1, 3]);
    expect(journal.waiting()).toEqual([]);
    expect(journal.uncounted()).toEqual({ refused: 1 });
    outbox.stop();
  });

  it("says under which epoch an entry was made, even when another PC wrote in between", async () => {
    await answer(2);
    journal.close();
    journal = await Journal.open({ attempt: "x", pageId: "b".repeat(32), epoch: 5, serverLastSeq: 9 });
    await answer(1);
    const server = new PretendServer();
    const { outbox } = anOutbox({ http: server.store });
    outbox.start();
    await outbox.flush(1000);
    expect(server.messages.map((message) => [message.epoch, message.entries.map((entry) => entry.seq)])).toEqual([[3, [1, 2]], [5, [10]]]);
    outbox.stop();
  });

  it("asks what happened when it may not write, and keeps everything", async () => {
    await answer(1);
    vi.useFakeTimers();
    const { outbox, seen } = anOutbox({ http: () => Promise.resolve({ ...nothing, ok: false, code: "SESSION_MOVED", message_zh: "已转到另一台电脑", message_en: "moved" }) });
    outbox.start();
    await vi.advanceTimersByTimeAsync(11_000);
    expect(seen.forbidden).toBe(3);
    expect(journal.waiting()).toHaveLength(1);
    outbox.stop();
  });

  it("reports what was late instead of calling it saved", async () => {
    await answer(1);
    const { outbox } = anOutbox({ http: (message) => Promise.resolve({
      ...nothing, ok: true, acks: message.entries.map((entry) => ({ seq: entry.seq, page_id: entry.page_id, standing: "late" as const, code: "LATE" })),
    }) });
    outbox.start();
    await outbox.flush(1000);
    expect(journal.uncounted()).toEqual({ late: 1 });
    outbox.stop();
  });

  it("gives a flush up after its limit and keeps what is left", async () => {
    await answer(1);
    vi.useFakeTimers();
    const { outbox } = anOutbox({});
    outbox.start();
    const flushed = outbox.flush(6000);
    await vi.advanceTimersByTimeAsync(6000);
    expect(await flushed).toBe(false);
    outbox.stop();
    expect(journal.waiting()).toHaveLength(1);
  });

  it("sends nothing after stop", async () => {
    const server = new PretendServer();
    const { outbox } = anOutbox({ http: server.store });
    outbox.start();
    outbox.stop();
    await answer(1);
    outbox.kick(true);
    expect(server.messages).toEqual([]);
  });
});
