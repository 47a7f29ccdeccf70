import { deflateSync } from "node:zlib";

import { gcm } from "@noble/ciphers/aes.js";
import { describe, expect, it } from "vitest";

import { Contact } from "./contact";
import { deviceSecret, pageId, seatFromAddress } from "./device";
import { readKey } from "./keys";
import { openPaper, PaperUnreadable } from "./paper";
import { lastPlace } from "./writing";

const KEY = new Uint8Array(32).fill(9);
const AAD = "script:s1:paper";
const PAPER = { title: "电工", total_points: 100, sections: [] };

function aFile(algorithm = 2): Uint8Array {
  const nonce = new Uint8Array(12).fill(1);
  const text = new TextEncoder().encode(JSON.stringify(PAPER));
  const sealed = gcm(KEY, nonce, new TextEncoder().encode(AAD)).encrypt(algorithm === 2 ? deflateSync(text) : text);
  return new Uint8Array([algorithm, ...nonce, ...sealed]);
}

describe("the paper file", () => {
  it("opens with its key and name, compressed or not", async () => {
    expect(await openPaper(aFile(), KEY, AAD)).toEqual(PAPER);
    expect(await openPaper(aFile(1), KEY, AAD)).toEqual(PAPER);
  });
  it("does not open with another key, under another name, or changed by a bit", async () => {
    await expect(openPaper(aFile(), new Uint8Array(32), AAD)).rejects.toThrow(PaperUnreadable);
    await expect(openPaper(aFile(), KEY, "script:s2:paper")).rejects.toThrow(PaperUnreadable);
    const bent = aFile();
    bent[20]! ^= 1;
    await expect(openPaper(bent, KEY, AAD)).rejects.toThrow(PaperUnreadable);
    await expect(openPaper(new Uint8Array([3, ...aFile().subarray(1)]), KEY, AAD)).rejects.toThrow(PaperUnreadable);
  });
});

describe("contact with the server", () => {
  function aContact() {
    let now = 0;
    return { contact: new Contact(() => now), pass: (ms: number) => (now += ms) };
  }

  it("counts a gap from the last answer, once, and forgets it when it was told", () => {
    const { contact, pass } = aContact();
    contact.reached();
    pass(5000);
    contact.missed();
    pass(60_000);
    contact.missed();
    contact.changed();
    contact.reached();
    expect(contact.report()).toEqual({ gap_ms: 65_000, answered_during_gap: true });
    contact.told();
    expect(contact.report()).toEqual({ gap_ms: 0, answered_during_gap: false });
  });
  it("does not call quiet time a gap", () => {
    const { contact, pass } = aContact();
    pass(60_000);
    contact.changed();
    contact.reached();
    expect(contact.report()).toEqual({ gap_ms: 0, answered_during_gap: false });
  });
  it("reports the longest of several", () => {
    const { contact, pass } = aContact();
    for (const span of [3000, 9000, 2000]) {
      contact.missed();
      pass(span);
      contact.reached();
    }
    expect(contact.report().gap_ms).toBe(9000);
  });
});

describe("the place after a change of PC", () => {
  const stored = (item: string, seq: number) => ({ item, value: ["a"], flagged: false, seq });
  it("is the question that was worked on last", () => {
    expect(lastPlace([stored("b", 4), stored("c", 9), stored("a", 2)], ["a", "b", "c"])).toBe(2);
    expect(lastPlace([], ["a", "b"])).toBe(0);
    expect(lastPlace([stored("elsewhere", 1)], ["a"])).toBe(0);
  });
});

describe("keys", () => {
  it.each([
    ["a", "KeyA", { act: "choose", place: 0 }],
    ["H", "KeyH", { act: "choose", place: 7 }],
    ["4", "Digit4", { act: "choose", place: 3 }],
    ["Process", "KeyB", { act: "choose", place: 1 }],
    ["j", "KeyJ", { act: "next" }],
    ["k", "KeyK", { act: "previous" }],
    ["m", "KeyM", { act: "flag" }],
    ["ArrowLeft", "ArrowLeft", { act: "previous" }],
    ["Enter", "Enter", { act: "next" }],
    ["9", "Digit9", null],
    ["z", "KeyZ", null],
  ])("%s means %o", (key, code, action) => expect(readKey(key, code, true)).toEqual(action));
  it("of one letter can be switched off; arrows stay", () => {
    expect(readKey("a", "KeyA", false)).toBeNull();
    expect(readKey("ArrowRight", "ArrowRight", false)).toEqual({ act: "next" });
  });
});

describe("the device", () => {
  it("keeps its secret and has a fresh page number", async () => {
    const secret = await deviceSecret();
    expect(secret).toMatch(/^[a-f0-9]{64}$/);
    expect(await deviceSecret()).toBe(secret);
    expect(pageId).toMatch(/^[a-f0-9]{32}$/);
  });
  it("takes its seat from the address, when that is a seat", () => {
    expect(seatFromAddress("?seat=12")).toBe(12);
    for (const wrong of ["", "?seat=0", "?seat=1000", "?seat=1.5", "?seat=x"]) expect(seatFromAddress(wrong)).toBeNull();
  });
});
