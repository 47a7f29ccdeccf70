import "fake-indexeddb/auto";

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Journal, type JournalOptions, forgetEverything } from "./journal";

const PAGE = "a".repeat(32);
const OTHER_PAGE = "b".repeat(32);
const opened: Journal[] = [];

async function open(over: Partial<JournalOptions> = {}): Promise<Journal> {
  const journal = await Journal.open({ attempt: "attempt-1", pageId: PAGE, epoch: 1, serverLastSeq: 0, ...over });
  opened.push(journal);
  return journal;
}

const seqs = (journal: Journal): number[] => journal.waiting().map((entry) => entry.seq);

beforeEach(forgetEverything);
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  for (const journal of opened.splice(0)) journal.close();
});

describe("the journal", () => {
  it("is on the disk before an entry may be sent", async () => {
    const journal = await open();
    const { stored } = journal.append("answer", "i1", ["o1"]);
    expect(journal.sendable(200)).toEqual([]);
    expect(seqs(journal)).toEqual([1]);
    await stored;
    expect(journal.sendable(200).map((entry) => entry.seq)).toEqual([1]);
  });

  it("asks the browser for strict durability", async () => {
    const transaction = vi.spyOn(IDBDatabase.prototype, "transaction");
    const journal = await open();
    await journal.append("answer", "i1", ["o1"]).stored;
    expect(transaction.mock.calls.some(([, mode, options]) => mode === "readwrite" && options?.durability === "strict")).toBe(true);
  });

  it("gives a new page everything that was not acknowledged, in order, with the page that made it", async () => {
    const before = await open();
    await Promise.all([1, 2, 3].map((n) => before.append("answer", `i${n}`, ["o1"]).stored));
    before.acknowledge([{ seq: 2, page_id: PAGE, standing: "counted", code: null }]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    before.close();
    const after = await open({ pageId: OTHER_PAGE });
    expect(after.waiting().map((entry) => [entry.seq, entry.page_id])).toEqual([[1, PAGE], [3, PAGE]]);
    expect(after.append("answer", "i4", ["o1"]).entry).toMatchObject({ seq: 4, page_id: OTHER_PAGE });
  });

  it("numbers above what the server has", async () => {
    const journal = await open({ serverLastSeq: 41 });
    expect(journal.append("flag", "i1", ["1"]).entry.seq).toBe(42);
  });

  it("keeps acknowledged entries as the second copy until it is cleared", async () => {
    const journal = await open();
    await journal.append("answer", "i1", ["o1"]).stored;
    journal.acknowledge([{ seq: 1, page_id: PAGE, standing: "counted", code: null }]);
    journal.close();
    const again = await open();
    expect(again.lastSeq).toBe(1);
    await again.note("position", 7);
    await again.clear();
    again.close();
    const empty = await open();
    expect(empty.lastSeq).toBe(0);
    expect(await empty.readNote("position", 0)).toBe(0);
  });

  it("clears one attempt and leaves another alone", async () => {
    const one = await open();
    await one.append("answer", "i1", ["o1"]).stored;
    const two = await open({ attempt: "attempt-2" });
    await two.append("answer", "i1", ["o1"]).stored;
    await two.clear();
    one.close();
    expect(seqs(await open())).toEqual([1]);
  });

  it("takes the same acknowledgement twice, and one of another page not at all", async () => {
    const journal = await open();
    await journal.append("answer", "i1", ["o1"]).stored;
    expect(journal.acknowledge([{ seq: 1, page_id: OTHER_PAGE, standing: "counted", code: null }])).toEqual([]);
    const ack = { seq: 1, page_id: PAGE, standing: "late", code: null } as const;
    expect(journal.acknowledge([ack])).toHaveLength(1);
    expect(journal.acknowledge([ack])).toEqual([]);
    expect(journal.uncounted()).toEqual({ late: 1 });
  });

  it("goes on from memory and says so when the browser keeps nothing", async () => {
    vi.stubGlobal("indexedDB", { open: () => { throw new DOMException("private", "SecurityError"); } });
    const lost = vi.fn();
    const journal = await open({ onStorageLost: lost });
    await journal.append("answer", "i1", ["o1"]).stored;
    expect(journal.onDisk).toBe(false);
    expect(lost).toHaveBeenCalled();
    expect(journal.sendable(200)).toHaveLength(1);
  });

  it("goes on from memory when the disk becomes full in mid-exam", async () => {
    const lost = vi.fn();
    const journal = await open({ onStorageLost: lost });
    await journal.append("answer", "i1", ["o1"]).stored;
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => { throw new DOMException("full", "QuotaExceededError"); });
    await journal.append("answer", "i2", ["o1"]).stored;
    expect(lost).toHaveBeenCalledOnce();
    expect(journal.sendable(200).map((entry) => entry.item)).toEqual(["i1", "i2"]);
  });

  it("does not hold an answer back because the disk says nothing", async () => {
    const journal = await open();
    vi.useFakeTimers();
    vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(
      () => ({ done: new Promise(() => undefined), objectStore: () => ({ put: () => undefined }), addEventListener: () => undefined }) as never,
    );
    const { stored } = journal.append("answer", "i1", ["o1"]);
    await vi.advanceTimersByTimeAsync(3100);
    await stored;
    vi.useRealTimers();
    expect(journal.onDisk).toBe(false);
    expect(journal.sendable(200)).toHaveLength(1);
  });
});
