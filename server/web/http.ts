/** Requests to our own server: JSON in, JSON out, and two kinds of failure that mean different things. */

import type { Refusal } from "./wire_types";

/** The server understood and said no. The words are for a person. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly refusal: Refusal,
    /** how long to wait before asking again, from Retry-After */
    readonly retryAfterMs = 0,
  ) {
    super(`${refusal.code}: ${refusal.message_en}`);
  }
}

/** No answer, or one that did not come from our program: whether anything happened is unknown. Ask again. */
export class Unreachable extends Error {
  constructor(
    message: string,
    /** words of our own program, when it said that it cannot serve just now (503) */
    readonly refusal: Refusal | null = null,
  ) {
    super(message);
  }
}

export interface CallOptions {
  timeoutMs?: number;
  /** another node's address, e.g. "http://10.0.0.12:8600"; "" is where this page came from */
  base?: string;
  headers?: Record<string, string>;
}

/** Sent with every call; staff pages put their anti-forgery header here after signing in. */
export const standingHeaders: Record<string, string> = {};

const GATEWAY_TROUBLE = new Set([502, 503, 504]);

function isRefusal(body: unknown): body is Refusal {
  return typeof body === "object" && body !== null && typeof (body as Refusal).code === "string";
}

async function request(method: string, path: string, body: unknown, options: CallOptions): Promise<Response> {
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(), options.timeoutMs ?? 8000);
  const headers: Record<string, string> = { Accept: "application/json", ...standingHeaders, ...options.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch((options.base ?? "") + path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      // Elsewhere a pass says who asks: no cookie goes to, or comes from, another origin.
      credentials: options.base ? "omit" : "same-origin",
      cache: "no-store",
      signal: aborter.signal,
    });
  } catch (failure) {
    throw new Unreachable(String(failure));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * One call. Resolves with the reply's body.
 *
 * Raises Refused when our program said no, Unreachable when it could not be asked.
 */
export async function call<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
  const response = await request(method, path, body, options);
  if (response.status === 204) return undefined as T;
  let reply: unknown;
  try {
    reply = await response.json();
  } catch (failure) {
    throw new Unreachable(`${response.status}: ${String(failure)}`);
  }
  if (response.ok) return reply as T;
  // A gateway's own page means nobody was asked; our program's refusal with the same number has a code.
  if (!isRefusal(reply)) throw new Unreachable(`${response.status} without a code`);
  if (GATEWAY_TROUBLE.has(response.status)) throw new Unreachable(`${response.status} ${reply.code}`, reply);
  const seconds = Number(response.headers.get("Retry-After"));
  throw new Refused(response.status, reply, Number.isFinite(seconds) ? seconds * 1000 : 0);
}

export const get = <T>(path: string, options?: CallOptions): Promise<T> => call<T>("GET", path, undefined, options);
export const post = <T>(path: string, body: unknown, options?: CallOptions): Promise<T> => call<T>("POST", path, body, options);

/** A file's bytes. */
export async function getBytes(path: string, timeoutMs = 20_000): Promise<Uint8Array> {
  const response = await request("GET", path, undefined, { timeoutMs, headers: { Accept: "*/*" } });
  if (!response.ok) throw new Unreachable(`${response.status} for a file`);
  return new Uint8Array(await response.arrayBuffer());
}
