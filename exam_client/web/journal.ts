/**
 * The candidate PC's own copy of every change, on disk before it is sent and until the receipt is there.
 *
 * One object store holds entries of all attempts, keyed by (attempt, page, seq) as on the server, so that two tabs can
 * never write over each other. `Journal` mirrors one attempt in memory; the page reads only the mirror.
 */

import { deleteDB, type DBSchema, type IDBPDatabase, openDB } from "idb";

import type { Ack, Entry } from "@web/wire_types";

export type Standing = Ack["standing"];

/** An entry as kept. `standing` null: the server has not said what became of it. */
export interface KeptEntry extends Entry {
  page_id: string;
  attempt: string;
  /** the fencing number under which it was made: what another PC did since is not overwritten by it */
  epoch: number;
  standing: Standing | null;
}

interface Schema extends DBSchema {
  entries: { key: [string, string, number]; value: KeptEntry; indexes: { attempt: string } };
  notes: { key: string; value: unknown };
}

export const DATABASE_NAME = "mingyuan-candidate";
/** A disk that has not answered by then is treated as one that cannot: the answer goes to the server regardless. */
const WRITE_LIMIT_MS = 3000;

type Database = IDBPDatabase<Schema>;

export interface JournalOptions {
  attempt: string;
  pageId: string;
  epoch: number;
  /** highest seq the server has; numbering goes on above it */
  serverLastSeq: number;
  /** this PC cannot keep a copy any more (private window, full disk): say so, go on from memory */
  onStorageLost?: (reason: string) => void;
  now?: () => number;
  wallNow?: () => number;
}

function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: no answer from the disk`)), WRITE_LIMIT_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function openDatabase(onClosed: () => void): Promise<Database> {
  const database = await openDB<Schema>(DATABASE_NAME, 1, {
    upgrade(fresh) {
      fresh.createObjectStore("entries", { keyPath: ["attempt", "page_id", "seq"] }).createIndex("attempt", "attempt");
      fresh.createObjectStore("notes");
    },
    terminated: onClosed,
  });
  return database;
}

export class Journal {
  private readonly entries: KeptEntry[] = [];
  /** entries whose write has ended, well or not: what may be sent */
  private readonly settled = new Set<KeptEntry>();
  private database: Database | null = null;
  private seq: number;
  private readonly now: () => number;
  private readonly wallNow: () => number;

  private constructor(private readonly options: JournalOptions) {
    this.seq = options.serverLastSeq;
    this.now = options.now ?? (() => performance.now());
    this.wallNow = options.wallNow ?? (() => Date.now());
  }

  /** Read what this PC holds of the attempt. Never fails: without a disk the journal lives in memory. */
  static async open(options: JournalOptions): Promise<Journal> {
    const journal = new Journal(options);
    try {
      journal.database = await inTime(openDatabase(() => journal.loseStorage("closed by the browser")), "open");
      const kept = await inTime(journal.database.getAllFromIndex("entries", "attempt", options.attempt), "read");
      journal.entries.push(...kept.sort((a, b) => a.seq - b.seq));
      for (const entry of kept) journal.settled.add(entry);
      journal.seq = Math.max(journal.seq, ...kept.map((entry) => entry.seq));
    } catch (failure) {
      journal.loseStorage(String(failure));
    }
    return journal;
  }

  /** False: answers of this page are in memory and on the server only. */
  get onDisk(): boolean {
    return this.database !== null;
  }

  get lastSeq(): number {
    return this.seq;
  }

  /**
   * Note a change. The entry counts at once in memory; `stored` ends when the disk has it, or when it is clear that
   * the disk will not. Only then may it be sent.
   */
  append(kind: Entry["kind"], item: string, value: string[]): { entry: KeptEntry; stored: Promise<void> } {
    this.seq += 1;
    const entry: KeptEntry = {
      attempt: this.options.attempt,
      epoch: this.options.epoch,
      seq: this.seq,
      page_id: this.options.pageId,
      kind,
      item,
      value: [...value],
      client_time_ms: Math.round(this.wallNow()),
      client_monotonic_ms: Math.max(0, Math.round(this.now())),
      standing: null,
    };
    this.entries.push(entry);
    const stored = this.write([entry], "strict").then(() => void this.settled.add(entry));
    return { entry, stored };
  }

  /** Entries without an acknowledgement, in the order they were made, stored or not. */
  waiting(): KeptEntry[] {
    return this.entries.filter((entry) => entry.standing === null);
  }

  /** The first of the waiting that may be sent now, of one epoch; stops at one still on its way to the disk. */
  sendable(limit: number): KeptEntry[] {
    const batch: KeptEntry[] = [];
    for (const entry of this.entries) {
      if (entry.standing !== null) continue;
      if (batch.length === limit || !this.settled.has(entry)) break;
      if (batch[0] !== undefined && batch[0].epoch !== entry.epoch) break;
      batch.push(entry);
    }
    return batch;
  }

  /** Take acknowledgements in; one that is unknown or came before is harmless. Returns the entries that were settled. */
  acknowledge(acks: Ack[]): KeptEntry[] {
    const standings = new Map(acks.map((ack) => [`${ack.page_id} ${ack.seq}`, ack.standing]));
    const news: KeptEntry[] = [];
    for (const entry of this.entries) {
      const standing = standings.get(`${entry.page_id} ${entry.seq}`);
      if (standing === undefined || entry.standing !== null) continue;
      entry.standing = standing;
      news.push(entry);
    }
    // Losing this write only means sending again, which the server takes for what it is.
    if (news.length) void this.write(news, "relaxed");
    return news;
  }

  /** How many changes the server has but does not count, by reason. */
  uncounted(): Partial<Record<Standing, number>> {
    const counts: Partial<Record<Standing, number>> = {};
    for (const { standing } of this.entries) {
      if (standing !== null && standing !== "counted") counts[standing] = (counts[standing] ?? 0) + 1;
    }
    return counts;
  }

  /** A small note of this attempt (place in the paper, struck options). May be lost. */
  async note(name: string, value: unknown): Promise<void> {
    try {
      await this.database?.put("notes", JSON.parse(JSON.stringify(value)), `${this.options.attempt}.${name}`);
    } catch (failure) {
      this.loseStorage(String(failure));
    }
  }

  async readNote<T>(name: string, fallback: T): Promise<T> {
    try {
      return ((await this.database?.get("notes", `${this.options.attempt}.${name}`)) as T | undefined) ?? fallback;
    } catch (failure) {
      this.loseStorage(String(failure));
      return fallback;
    }
  }

  /** After the receipt: nothing of this candidate stays on the PC. */
  async clear(): Promise<void> {
    this.entries.length = 0;
    this.settled.clear();
    const database = this.database;
    if (!database) return;
    const mine = IDBKeyRange.bound([this.options.attempt], [this.options.attempt, []]);
    const notes = IDBKeyRange.bound(`${this.options.attempt}.`, `${this.options.attempt}.\uffff`);
    const work = database.transaction(["entries", "notes"], "readwrite");
    await Promise.all([work.objectStore("entries").delete(mine), work.objectStore("notes").delete(notes), work.done]);
  }

  close(): void {
    this.database?.close();
    this.database = null;
  }

  private async write(entries: KeptEntry[], durability: IDBTransactionDurability): Promise<void> {
    const database = this.database;
    if (!database) return;
    try {
      const work = database.transaction("entries", "readwrite", { durability });
      for (const entry of entries) void work.store.put({ ...entry, value: [...entry.value] });
      await inTime(work.done, "write");
    } catch (failure) {
      this.loseStorage(String(failure));
    }
  }

  private loseStorage(reason: string): void {
    // Closed, not left hanging: an open connection would stand in the way of the next page.
    this.close();
    this.options.onStorageLost?.(reason);
  }
}

/** A note of the PC itself, not of an attempt; undefined when there is none, or no disk. */
export async function readKept(name: string): Promise<unknown> {
  try {
    const database = await inTime(openDatabase(() => undefined), "open");
    try {
      return await inTime(database.get("notes", name), "read");
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}

/** Keep a note of the PC so that it is there after a crash in the next instant. False: this PC cannot. */
export async function keepAtOnce(name: string, value: string): Promise<boolean> {
  try {
    const database = await inTime(openDatabase(() => undefined), "open");
    try {
      const work = database.transaction("notes", "readwrite", { durability: "strict" });
      void work.store.put(value, name);
      await inTime(work.done, "write");
      return true;
    } finally {
      database.close();
    }
  } catch {
    return false;
  }
}

/** Everything this PC keeps: entries by attempt, and notes. For the export; opens the database for itself and closes it. */
export async function readEverything(): Promise<{ entries: Map<string, KeptEntry[]>; notes: Map<string, unknown> }> {
  const database = await inTime(openDatabase(() => undefined), "open");
  try {
    const entries = new Map<string, KeptEntry[]>();
    for (const entry of await inTime(database.getAll("entries"), "read")) {
      const own = entries.get(entry.attempt);
      if (own) own.push(entry);
      else entries.set(entry.attempt, [entry]);
    }
    const [names, values] = await Promise.all([database.getAllKeys("notes"), database.getAll("notes")]);
    return { entries, notes: new Map(names.map((name, place) => [name, values[place]])) };
  } finally {
    database.close();
  }
}

/** For tests: as if the browser profile were new. */
export const forgetEverything = (): Promise<void> => deleteDB(DATABASE_NAME);
