import { beforeEach, describe, expect, it, vi } from "vitest";

import { BoardLink } from "./board_link";
import { aDelta, aSnapshot, aStatus } from "./testing/sample_board";
import type { BoardSnapshot } from "./wire_types";

class Room {
  clock = 0;
  snapshot: BoardSnapshot = aSnapshot();
  reads = 0;
  watches = 0;
  refused: unknown[] = [];
  down = false;
  hold: Promise<void> | null = null;
  link = new BoardLink({
    readSnapshot: async () => {
      this.reads += 1;
      const answer = this.snapshot;
      if (this.hold) await this.hold;
      if (this.down) throw new Error("no answer");
      return answer;
    },
    watch: async () => {
      this.watches += 1;
      if (this.down) throw new Error("no answer");
      return { version: this.snapshot.version };
    },
    now: () => this.clock,
    onChange: () => undefined,
    onRefused: (failure) => this.refused.push(failure),
    isRefusal: (failure) => failure === "refused",
  });
}

let room: Room;
beforeEach(() => {
  room = new Room();
});

describe("keeping the board in step", () => {
  it("watches before it reads, so that nothing falls between", async () => {
    await room.link.setConnected(true);
    expect([room.watches, room.reads]).toEqual([1, 1]);
    expect(room.link.board?.version).toBe(7);
  });

  it("reads the snapshot again when a number is missing", async () => {
    await room.link.setConnected(true);
    room.snapshot = aSnapshot({ version: 9 });
    room.link.receive(aDelta(9));
    await vi.waitFor(() => expect(room.reads).toBe(2));
  });

  it("keeps what comes while the snapshot is on its way", async () => {
    let release = () => {};
    room.hold = new Promise((resolve) => (release = resolve));
    const reading = room.link.read();
    room.link.receive(aDelta(8, [aStatus(2, { answered: 77 })]));
    release();
    await reading;
    expect(room.link.board?.version).toBe(8);
    expect(room.link.board?.statuses["s2"]?.answered).toBe(77);
  });

  it("counts by the live line when the snapshot comes from another node", async () => {
    room.link = new BoardLink({
      readSnapshot: async () => aSnapshot({ version: 0, server_now_ms: 60_000 }),
      watch: async () => ({ version: 500 }),
      now: () => room.clock,
      onChange: () => undefined,
      onRefused: () => undefined,
      isRefusal: () => false,
    });
    await room.link.setConnected(true);
    room.link.receive(aDelta(501, [aStatus(2, { answered: 55 })]));
    expect(room.link.board?.statuses["s2"]?.answered).toBe(55);
  });

  it("polls the snapshot while the socket is down, not more often than every few seconds", async () => {
    await room.link.tick();
    room.clock = 1_000;
    await room.link.tick();
    expect(room.reads).toBe(1);
    room.clock = 4_000;
    await room.link.tick();
    expect(room.reads).toBe(2);
  });

  it("asks after a silence whether its version is the newest, and is fresh again by the answer", async () => {
    await room.link.setConnected(true);
    room.clock = 3_000;
    await room.link.tick();
    expect([room.watches, room.reads]).toEqual([2, 1]);
    expect(room.link.age()).toBe(0);
  });

  it("says that it is blind when nothing came for five seconds", async () => {
    await room.link.setConnected(true);
    room.down = true;
    room.clock = 4_900;
    await room.link.tick();
    expect(room.link.isBlind()).toBe(false);
    room.clock = 5_100;
    expect(room.link.isBlind()).toBe(true);
    room.down = false;
    room.clock = 9_000;
    await room.link.tick();
    expect(room.link.isBlind()).toBe(false);
  });

  it("shows the server's time, not the PC's", async () => {
    room.clock = 500;
    await room.link.read();
    room.clock = 2_500;
    expect(room.link.serverNow()).toBe(52_000);
  });
});
