import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { standingHeaders } from "@web/http";

import { account, hasRole, safeNext, signIn, signOut, wasEnded, whoAmI } from "./session";

const SESSION = { account: { id: "1", display_name: "周", roles: ["proctor"] }, csrf_token: "word" };
const REFUSAL = { code: "SESSION_ENDED", message_zh: "登录已结束。", message_en: "Ended.", request_id: "r", data: {} };
let status = 200;

beforeEach(() => {
  status = 200;
  vi.stubGlobal("fetch", async (path: string) => {
    if (path.endsWith("sign-out")) return new Response(null, { status: 204 });
    return Response.json(status === 200 ? SESSION : REFUSAL, { status });
  });
});
afterEach(() => vi.unstubAllGlobals());

describe("a staff session", () => {
  it("sends the anti-forgery word with every request after signing in", async () => {
    await signIn("zhou", "secret");
    expect(account.value?.display_name).toBe("周");
    expect(standingHeaders["X-CSRF-Token"]).toBe("word");
    expect(hasRole("proctor").value).toBe(true);
    expect(hasRole("bank_keeper").value).toBe(false);
  });

  it("notices that it was ended from outside", async () => {
    await signIn("zhou", "secret");
    status = 401;
    await whoAmI();
    expect(account.value).toBeNull();
    expect(wasEnded.value).toBe(true);
    expect(standingHeaders["X-CSRF-Token"]).toBeUndefined();
  });

  it("does not call an own sign-out a forced one", async () => {
    await signIn("zhou", "secret");
    await signOut();
    expect(account.value).toBeNull();
    expect(wasEnded.value).toBe(false);
  });
});

describe("where to go after signing in", () => {
  it("is an address of this site or nowhere", () => {
    expect(safeNext("?next=%2Fboard%2Fs%2Fr")).toBe("/board/s/r");
    for (const bad of ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]) {
      expect(safeNext(`?next=${encodeURIComponent(bad)}`)).toBeNull();
    }
  });
});
