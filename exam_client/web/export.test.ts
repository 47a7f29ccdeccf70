import "fake-indexeddb/auto";

import { cmac, gcm } from "@noble/ciphers/aes.js";
import { afterEach, describe, expect, it } from "vitest";

import { fileName, keptJournals, writeJournalFile } from "./export";
import { forgetEverything, Journal } from "./journal";

const TICKET = {
  attempt_id: "att-1", script_id: "script-1", device: "d".repeat(64), ticket_tail: "0212",
  seal_key: btoa("s".repeat(32)), chain_key: btoa("c".repeat(32)),
};
const bytes = (text: string): Uint8Array => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));

async function aJournal(attempt = "att-1") {
  const journal = await Journal.open({ attempt, pageId: "a".repeat(32), epoch: 1, serverLastSeq: 0 });
  await journal.note("export", { ...TICKET, attempt_id: attempt });
  return journal;
}

afterEach(forgetEverything);

describe("the exported journal", () => {
  it("is found on this PC without any server, unsent ones first, also after its page was closed", async () => {
    const quiet = await aJournal("att-0");
    await quiet.append("answer", "q1", ["a"]).stored;
    quiet.acknowledge([{ seq: 1, page_id: "a".repeat(32), standing: "counted", code: null }]);
    const journal = await aJournal();
    await journal.append("answer", "q1", ["a"]).stored;
    await journal.append("flag", "q2", ["1"]).stored;
    journal.close();
    const found = await keptJournals();
    expect(found.map((one) => [one.ticket.attempt_id, one.entries.length, one.unsent])).toEqual([["att-1", 2, 2], ["att-0", 1, 0]]);
    expect(fileName(found[0]!, new Date(2026, 10, 21, 9, 5))).toBe("mingyuan-0212-20261121-0905.myj");
    quiet.close();
  });

  it("opens with the server's keys, is bound to its head, and every entry hangs on the one before", async () => {
    const journal = await aJournal();
    await journal.append("answer", "q1", ["a", "b"]).stored;
    await journal.append("answer", "q2", []).stored;
    const file = JSON.parse(writeJournalFile((await keptJournals())[0]!, 5)) as Record<string, string | number>;
    const aad = `mingyuan-journal/1|att-1|script-1|${"d".repeat(64)}|0212|5|2`;
    const cipher = bytes(String(file["cipher"]));
    const open = (associated: string) =>
      JSON.parse(new TextDecoder().decode(gcm(bytes(TICKET.seal_key), cipher.subarray(1, 13), new TextEncoder().encode(associated)).decrypt(cipher.subarray(13))));
    expect(() => open(aad.replace("att-1", "att-2"))).toThrow();
    const { entries } = open(aad) as { entries: { item: string; link: string }[] };
    expect(entries.map((one) => one.item)).toEqual(["q1", "q2"]);
    const second = JSON.stringify([2, "a".repeat(32), 1, "answer", "q2", [], ...Object.values(entries[1]!).slice(6, 8)]);
    const before = Uint8Array.from(entries[0]!.link.match(/../g)!, (two) => parseInt(two, 16));
    const link = cmac(Uint8Array.from([...before, ...new TextEncoder().encode(second)]), bytes(TICKET.chain_key));
    expect(Array.from(link, (one) => one.toString(16).padStart(2, "0")).join("")).toBe(entries[1]!.link);
    expect(Object.keys(file)).not.toContain("entries");
    journal.close();
  });
});
