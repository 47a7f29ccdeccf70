import { describe, expect, it } from "vitest";

import { Refused, Unreachable } from "@web/http";

import { CommandDesk, type Post } from "./commands";
import type { CommandDone } from "./wire_types";

const DONE: CommandDone = { ok: true, waiting_for_second: false, expires_at_ms: null, done: 1, words_zh: "已发送 1 人", words_en: "sent to 1", journal: null };

function desk(send: Post) {
  const calls: [string, unknown][] = [];
  let refreshed = 0;
  const made = new CommandDesk(
    "/api/proctor/board/s/r",
    () => 42,
    () => (refreshed += 1),
    (path, body) => {
      calls.push([path, body]);
      return send(path, body);
    },
  );
  return { made, calls, refreshed: () => refreshed };
}

describe("sending a command", () => {
  it("shows it as sent at once and as done after the reply", async () => {
    let answer: (reply: CommandDone) => void = () => undefined;
    const { made, calls, refreshed } = desk(() => new Promise((resolve) => (answer = resolve)));
    const running = made.run("lower-hand", { attempt_id: "a1" }, "1 号");
    expect(made.sent[0]?.state).toBe("sent");
    answer(DONE);
    expect((await running).kind).toBe("done");
    expect(made.sent[0]).toMatchObject({ state: "done", words: "已发送 1 人", whom: "1 号", atMs: 42 });
    expect(calls).toEqual([["/api/proctor/board/s/r/lower-hand", { attempt_id: "a1" }]]);
    expect(refreshed()).toBe(1);
  });

  it("says in the server's words why it was refused", async () => {
    const refusal = { code: "TOO_EARLY", message_zh: "09:30 以后才可以。", message_en: "From 09:30 on.", request_id: "r", data: {} };
    const { made, refreshed } = desk(() => Promise.reject(new Refused(409, refusal)));
    const outcome = await made.run("list-absent", {});
    expect(outcome).toEqual({ kind: "refused", words: "09:30 以后才可以。", code: "TOO_EARLY", status: 409 });
    expect(refreshed()).toBe(0);
  });

  it("does not send again by itself when there is no reply, and says that nothing is known", async () => {
    const { made, calls } = desk(() => Promise.reject(new Unreachable("timeout")));
    expect((await made.run("collect", { attempt_ids: ["a1"], reason: "x" })).kind).toBe("unknown");
    expect(made.sent[0]?.state).toBe("unknown");
    expect(calls).toHaveLength(1);
  });
});
