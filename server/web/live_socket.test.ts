import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { LiveSocket } from "./live_socket";

type Listener = (...things: unknown[]) => void;

/** Stands for the library's socket: the test says when it connects and what breaks. */
class FakeSocket {
  connected = false;
  listeners = new Map<string, Listener[]>();
  constructor(readonly address: string) {}
  on(name: string, listener: Listener): this {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
    return this;
  }
  removeAllListeners(): void {
    this.listeners.clear();
  }
  disconnect(): void {
    this.connected = false;
  }
  timeout(): { emitWithAck: (name: string, payload: unknown) => Promise<unknown> } {
    return { emitWithAck: (name, payload) => Promise.resolve({ name, payload }) };
  }
  happen(name: string, ...things: unknown[]): void {
    this.connected = name === "connect" ? true : name === "disconnect" ? false : this.connected;
    for (const listener of this.listeners.get(name) ?? []) listener(...things);
  }
}

interface Asks {
  hello: { send: { n: number }; reply: unknown };
}
interface Says {
  news: { n: number };
}

function aSocket(addresses: string[] = []) {
  const made: FakeSocket[] = [];
  const changes: boolean[] = [];
  const refusals: string[] = [];
  const live = new LiveSocket<Asks, Says>({
    namespace: "/candidate",
    addresses: () => addresses,
    onChange: (connected) => changes.push(connected),
    onRefused: (code) => refusals.push(code),
    connect: (address) => {
      const socket = new FakeSocket(address);
      made.push(socket);
      return socket as never;
    },
  });
  return { live, made, changes, refusals, last: () => made[made.length - 1]! };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the live socket", () => {
  it("goes to the next address after a failure and comes back to the first", () => {
    const { live, made, last } = aSocket(["http://a", "http://b/"]);
    live.start();
    last().happen("connect_error", new Error("refused"));
    vi.advanceTimersByTime(300);
    last().happen("connect_error", new Error("refused"));
    vi.advanceTimersByTime(600);
    expect(made.map((socket) => socket.address)).toEqual(["http://a/candidate", "http://b/candidate", "http://a/candidate"]);
    live.stop();
  });

  it("comes back within 300 ms of a lost connection", () => {
    const { live, made, changes, last } = aSocket();
    live.start();
    last().happen("connect");
    last().happen("disconnect", "transport close");
    vi.advanceTimersByTime(300);
    expect(made).toHaveLength(2);
    last().happen("connect");
    expect(changes).toEqual([true, false, true]);
    live.stop();
  });

  it("never waits longer than fifteen seconds", () => {
    const { live, made, last } = aSocket();
    live.start();
    for (let i = 0; i < 20; i += 1) {
      last().happen("connect_error", new Error("no"));
      vi.advanceTimersByTime(15_050);
    }
    expect(made).toHaveLength(21);
    live.stop();
  });

  it("tells a refusal from a dead address, and does not storm", () => {
    const { live, made, refusals, last } = aSocket();
    live.start();
    last().happen("connect_error", Object.assign(new Error("no"), { data: { code: "NOT_SIGNED_IN" } }));
    expect(refusals).toEqual(["NOT_SIGNED_IN"]);
    vi.advanceTimersByTime(4000);
    expect(made).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(made).toHaveLength(2);
    live.stop();
  });

  it("moves on within a second when a node goes", () => {
    const { live, made, last } = aSocket(["http://a", "http://b"]);
    live.start();
    last().happen("connect");
    live.moveOn();
    vi.advanceTimersByTime(1000);
    expect(made[1]?.address).toBe("http://b/candidate");
    live.stop();
  });

  it("delivers messages on every later connection, and nothing of an old one", () => {
    const { live, made, last } = aSocket();
    const heard: number[] = [];
    live.on("news", (news) => heard.push(news.n));
    live.start();
    last().happen("connect");
    last().happen("disconnect", "transport close");
    vi.advanceTimersByTime(300);
    last().happen("connect");
    made[0]!.happen("news", { n: 1 });
    last().happen("news", { n: 2 });
    expect(heard).toEqual([2]);
    live.stop();
  });

  it("refuses to ask while there is no connection, rather than sending later", async () => {
    const { live } = aSocket();
    live.start();
    await expect(live.ask("hello", { n: 1 })).rejects.toThrow("not connected");
    live.stop();
  });

  it("stays silent after stop", () => {
    const { live, made, last } = aSocket();
    live.start();
    last().happen("connect_error", new Error("no"));
    live.stop();
    vi.advanceTimersByTime(60_000);
    expect(made).toHaveLength(1);
  });
});
