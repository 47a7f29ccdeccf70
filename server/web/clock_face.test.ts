import { describe, expect, it } from "vitest";

import { Alarms, asCountdown, ClockFace, type Reading } from "./clock_face";

const START = 1_800_000_000_000;
const MINUTE = 60_000;

function reading(over: Partial<Reading> = {}): Reading {
  return { server_now_ms: START, phase: "running", starts_at_ms: START, ends_at_ms: START + 90 * MINUTE, remaining_ms: 90 * MINUTE, ...over };
}

function aFace() {
  let now = 1000;
  const face = new ClockFace(() => now);
  return { face, pass: (ms: number) => (now += ms), at: () => now };
}

describe("the clock face", () => {
  it("counts down on the monotonic clock alone", () => {
    const { face, pass, at } = aFace();
    face.set(reading(), at());
    pass(3 * 3600_000 - 90 * MINUTE);
    expect(face.remaining()).toBe(0);
    const other = aFace();
    other.face.set(reading(), other.at());
    other.pass(10 * MINUTE);
    expect(other.face.remaining()).toBe(80 * MINUTE);
  });

  it("takes half the round trip off", () => {
    const { face, pass, at } = aFace();
    const askedAt = at();
    pass(200);
    face.set(reading(), askedAt);
    expect(face.serverNow()).toBe(START + 100);
    expect(face.remaining()).toBe(90 * MINUTE - 100);
  });

  it("keeps the surer of two samples", () => {
    const { face, pass, at } = aFace();
    face.set(reading(), at());
    const askedAt = at();
    pass(2000); // a slow reply whose way back took nearly all of it
    face.set(reading({ server_now_ms: START + 100, remaining_ms: 90 * MINUTE - 100 }), askedAt);
    expect(face.serverNow()).toBe(START + 2000);
    expect(face.remaining()).toBe(90 * MINUTE - 2000);
  });

  it("believes the server after the PC slept", () => {
    const { face, pass, at } = aFace();
    face.set(reading(), at());
    pass(1000); // the monotonic clock stood still for ten minutes
    const askedAt = at();
    pass(100);
    face.set(reading({ server_now_ms: START + 601_000, remaining_ms: 90 * MINUTE - 601_000 }), askedAt);
    expect(Math.abs(face.remaining() - (90 * MINUTE - 601_000))).toBeLessThan(200);
  });

  it("follows a grant that is pushed", () => {
    const { face, pass, at } = aFace();
    face.set(reading(), at());
    pass(MINUTE);
    face.set(reading({ server_now_ms: START + MINUTE, remaining_ms: 96 * MINUTE }));
    expect(face.remaining()).toBe(96 * MINUTE);
  });

  it("stands still while suspended, and is at zero when it is over", () => {
    const { face, pass, at } = aFace();
    face.set(reading({ phase: "suspended", remaining_ms: 50 * MINUTE }), at());
    pass(5 * MINUTE);
    expect(face.remaining()).toBe(50 * MINUTE);
    face.set(reading({ phase: "over" }), at());
    expect(face.remaining()).toBe(0);
  });

  it("never shows more time after a reload that asks the same server", () => {
    const { face, pass, at } = aFace();
    let last = Infinity;
    for (let reload = 0; reload < 20; reload += 1) {
      const askedAt = at();
      pass(40);
      const passed = at() - 1000 - 20;
      face.set(reading({ server_now_ms: START + passed, remaining_ms: 90 * MINUTE - passed }), askedAt);
      expect(face.remaining()).toBeLessThanOrEqual(last);
      last = face.remaining();
      pass(700);
    }
  });
});

describe("texts of times", () => {
  it.each([
    [0, "00:00"],
    [1, "00:01"],
    [59_000, "00:59"],
    [58 * MINUTE + 24_000, "58:24"],
    [118 * MINUTE, "1:58:00"],
    [-5, "00:00"],
  ])("%d ms left reads %s", (ms, text) => expect(asCountdown(ms)).toBe(text));
});

describe("alarms", () => {
  it("ring once each, and only those still ahead", () => {
    const rung: number[] = [];
    const alarms = new Alarms([15 * MINUTE, 5 * MINUTE], (mark) => rung.push(mark));
    alarms.arm(10 * MINUTE);
    alarms.check(6 * MINUTE);
    expect(rung).toEqual([]);
    alarms.check(5 * MINUTE);
    alarms.check(4 * MINUTE);
    expect(rung).toEqual([5 * MINUTE]);
  });
});
