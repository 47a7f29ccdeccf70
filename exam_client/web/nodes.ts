/**
 * Which node to ask: the one this page came from, and when nobody answers there, the others, one after the other.
 *
 * Everything the page asks goes through here, so that an exam goes on when its node is gone for good. Cookies stay with
 * the node that set them; elsewhere the page shows the pass that every state brings. All questions may be asked twice.
 */

import { fullJitter } from "@web/backoff";
import { call, getBytes, Unreachable } from "@web/http";

/** Where this page came from. */
const HOME = "";
const ONE_NODE_LIMIT_MS = 8000;
/** With others to ask, a node that says nothing is not waited for as long. */
const OF_SEVERAL_LIMIT_MS = 4000;

export class Nodes {
  private order: string[] = [HOME];
  private turn = 0;

  constructor(private readonly home: string, private readonly random: () => number = Math.random) {}

  /** Take in the configured addresses. The others come in random order, so that not everybody goes to the same one. */
  learn(addresses: string[]): void {
    const secure = this.home.startsWith("https:");
    const others = addresses
      .map(originOf)
      .filter((origin): origin is string => origin !== null && origin !== this.home && !(secure && origin.startsWith("http:")));
    const wanted = new Set(others);
    if (wanted.size === this.order.length - 1 && [...wanted].every((origin) => this.order.includes(origin))) return;
    const present = this.current;
    this.order = [HOME, ...shuffled([...wanted], this.random)];
    this.turn = Math.max(0, this.order.indexOf(present));
  }

  /** All addresses in the order they are tried; "" is where the page came from. */
  get all(): readonly string[] {
    return this.order;
  }

  /** The one that answered last. */
  get current(): string {
    return this.order[this.turn % this.order.length] ?? HOME;
  }

  /** `address` did not answer. Another request may have moved on already. */
  leave(address: string): void {
    if (address === this.current) this.turn = (this.turn + 1) % this.order.length;
  }

  /** `address` answers: go there first from now on. */
  prefer(address: string): void {
    const place = this.order.indexOf(address);
    if (place >= 0) this.turn = place;
  }
}

function originOf(address: string): string | null {
  try {
    return new URL(address).origin;
  } catch {
    return null; // a misspelt setting must not stop the page
  }
}

function shuffled<T>(list: T[], random: () => number): T[] {
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [list[last], list[other]] = [list[other] as T, list[last] as T];
  }
  return list;
}

export const nodes = new Nodes(typeof location === "undefined" ? "" : location.origin);

let pass: string | null = null;

/** What every state says: where else to ask, and what to show there. */
export function meet(addresses: string[], nodePass: string | null): void {
  nodes.learn(addresses);
  pass = nodePass;
}

export const nodePass = (): string | null => pass;

/** The list stands in the page itself, so that even signing in finds another node. */
export function readShell(): void {
  const listed = document.querySelector<HTMLMetaElement>('meta[name="node-addresses"]')?.content ?? "";
  nodes.learn(listed.split(" ").filter(Boolean));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Try every node once, beginning with the present one. */
async function walk<T>(one: (base: string, limit: number) => Promise<T>): Promise<T> {
  let said: Unreachable | null = null;
  const count = nodes.all.length;
  for (let tries = 0; tries < count; tries += 1) {
    const base = nodes.current;
    try {
      return await one(base, count > 1 ? OF_SEVERAL_LIMIT_MS : ONE_NODE_LIMIT_MS);
    } catch (failure) {
      if (!(failure instanceof Unreachable)) throw failure;
      // Words of our own program say more than silence does.
      if (!said?.refusal) said = failure;
      nodes.leave(base);
      if (tries + 1 < count) await pause(fullJitter(0));
    }
  }
  throw said ?? new Unreachable("no node");
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = pass ? { Authorization: `NodePass ${pass}` } : {};
  return walk((base, timeoutMs) => call<T>(method, path, body, { base, headers, timeoutMs }));
}

/** As in `@web/http`, at whichever node answers. Raises Refused and Unreachable likewise. */
export const get = <T>(path: string): Promise<T> => ask<T>("GET", path);
export const post = <T>(path: string, body: unknown): Promise<T> => ask<T>("POST", path, body);

/** A file's bytes, from whichever node has it. */
export const getFile = (path: string): Promise<Uint8Array> => walk((base) => getBytes(base + path));
