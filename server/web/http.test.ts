import { afterEach, describe, expect, it, vi } from "vitest";

import { get, post, Refused, Unreachable } from "./http";

function answers(status: number, body: string, headers: Record<string, string> = {}): void {
  vi.stubGlobal("fetch", vi.fn(async () => new Response(body, { status, headers })));
}

const refusal = JSON.stringify({ code: "TOO_EARLY", message_zh: "还没到时间。", message_en: "Not yet.", request_id: "r", data: {} });

afterEach(() => void vi.unstubAllGlobals());

describe("a call", () => {
  it("brings the body", async () => {
    answers(200, '{"n": 1}');
    expect(await get("/x")).toEqual({ n: 1 });
  });

  it("raises the program's no with its words and waiting time", async () => {
    answers(429, refusal, { "Retry-After": "3" });
    const failure = await post("/x", {}).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(Refused);
    expect((failure as Refused).refusal.code).toBe("TOO_EARLY");
    expect((failure as Refused).retryAfterMs).toBe(3000);
  });

  it.each([502, 503, 504])("takes %d for nobody there, whoever says it", async (status) => {
    answers(status, refusal);
    await expect(get("/x")).rejects.toBeInstanceOf(Unreachable);
    answers(status, "<html>bad gateway</html>");
    await expect(get("/x")).rejects.toBeInstanceOf(Unreachable);
  });

  it("takes a stranger's page for nobody there", async () => {
    answers(200, "<html>log in to the wireless network</html>");
    await expect(get("/x")).rejects.toBeInstanceOf(Unreachable);
  });

  it("takes a broken connection for nobody there", async () => {
    vi.stubGlobal("fetch", vi.fn(() => Promise.reject(new TypeError("failed"))));
    await expect(get("/x")).rejects.toBeInstanceOf(Unreachable);
  });
});
