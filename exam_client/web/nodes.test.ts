import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { get, meet, Nodes, nodes, post } from "./nodes";

const A = "http://10.0.0.1:8600";
const B = "http://10.0.0.2:8600";
const C = "http://10.0.0.3:8600";

describe("the list of nodes", () => {
  it("begins at home, whatever the order of the list", () => {
    const list = new Nodes(B, () => 0);
    list.learn([A, B, C]);
    expect(list.all[0]).toBe("");
    expect([...list.all].sort()).toEqual(["", A, C].sort());
  });
  it("sends pages to the other nodes in different orders", () => {
    const seen = new Set<string>();
    for (const dice of [0, 0.9]) {
      const list = new Nodes(A, () => dice);
      list.learn([A, B, C]);
      seen.add(list.all[1] ?? "");
    }
    expect(seen).toEqual(new Set([B, C]));
  });
  it("moves on once, however many requests failed at the same node", () => {
    const list = new Nodes(A, () => 0);
    list.learn([A, B]);
    list.leave("");
    list.leave("");
    expect(list.current).toBe(B);
    list.leave(B);
    expect(list.current).toBe("");
  });
  it("stays where it is when the same list comes again", () => {
    const list = new Nodes(A);
    list.learn([A, B, C]);
    const wanted = list.all[2] ?? "";
    list.prefer(wanted);
    list.learn([C, B, A]);
    expect(list.current).toBe(wanted);
  });
  it("leaves out what a browser would not let it ask, and misspelt addresses", () => {
    const list = new Nodes("https://exam.lan");
    list.learn(["http://10.0.0.1:8600", "exam two", "https://exam-2.lan/"]);
    expect(list.all).toEqual(["", "https://exam-2.lan"]);
  });
});

describe("asking", () => {
  const asked: { url: string; authorization: string | null }[] = [];
  let answer: (url: string) => Response | Error;

  beforeEach(() => {
    vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 50 });
    asked.length = 0;
    vi.stubGlobal("fetch", (url: string, options: RequestInit) => {
      asked.push({ url, authorization: new Headers(options.headers).get("Authorization") });
      const reply = answer(url);
      return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
    });
    meet([B], "the-pass");
    nodes.prefer("");
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });
  const refusal = { code: "STORAGE_FULL", message_zh: "满", message_en: "full", request_id: "", data: {} };

  it("goes on at the other node, with its pass, and stays there", async () => {
    answer = (url) => (url.startsWith(B) ? json({ n: 1 }) : new TypeError("refused"));
    await expect(get("/x")).resolves.toEqual({ n: 1 });
    await expect(post("/y", {})).resolves.toEqual({ n: 1 });
    expect(asked.map((one) => one.url)).toEqual(["/x", `${B}/x`, `${B}/y`]);
    expect(asked[1]?.authorization).toBe("NodePass the-pass");
  });
  it("does not ask a second node when the first said no", async () => {
    answer = () => json({ ...refusal, code: "TOO_EARLY" }, 409);
    await expect(post("/x", {})).rejects.toMatchObject({ refusal: { code: "TOO_EARLY" } });
    expect(asked).toHaveLength(1);
  });
  it("asks each node once and passes on the words of one that could not store", async () => {
    answer = (url) => (url.startsWith(B) ? new TypeError("refused") : json(refusal, 503));
    await expect(post("/x", {})).rejects.toMatchObject({ refusal: { code: "STORAGE_FULL" } });
    expect(asked).toHaveLength(2);
  });
});
