/**
 * The PC's own journal as a file for a stick, when the server cannot be reached or another PC has taken over.
 *
 * Only the server can read it (layout: `server/delivery/journal_file.py`), so it may be carried by anybody. What is needed
 * to write it came with the paper's key and lies beside the journal: neither the server nor the candidate's log-in is
 * needed any more, and a page that was replaced can write it too.
 */

import { cmac, gcm } from "@noble/ciphers/aes.js";

import type { ExportTicket } from "@web/wire_types";

import { type KeptEntry, readEverything } from "./journal";

export const FORMAT = "mingyuan-journal/1";
export const TICKET_NOTE = "export";

/** What is kept of a candidate on this PC. */
export interface KeptJournal {
  ticket: ExportTicket & { ticket_tail: string };
  entries: KeptEntry[];
  /** entries the server has not acknowledged */
  unsent: number;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** Every candidate whose answers lie on this PC, those with unsent ones first. */
export async function keptJournals(): Promise<KeptJournal[]> {
  const { entries, notes } = await readEverything();
  const found: KeptJournal[] = [];
  for (const [attempt, own] of entries) {
    const ticket = notes.get(`${attempt}.${TICKET_NOTE}`) as KeptJournal["ticket"] | undefined;
    if (ticket) found.push({ ticket, entries: own, unsent: own.filter((entry) => entry.standing === null).length });
  }
  return found.sort((a, b) => b.unsent - a.unsent);
}

/** The text of the file. */
export function writeJournalFile(kept: KeptJournal, madeAt = Date.now()): string {
  const { ticket } = kept;
  const chainKey = fromBase64(ticket.chain_key);
  let link = new Uint8Array(0);
  const entries = [...kept.entries]
    .sort((a, b) => a.seq - b.seq)
    .map((entry) => {
      const { seq, page_id, epoch, kind, item, value, client_time_ms, client_monotonic_ms, standing } = entry;
      const line = utf8(JSON.stringify([seq, page_id, epoch, kind, item, value, client_time_ms, client_monotonic_ms]));
      const chained = new Uint8Array(link.length + line.length);
      chained.set(link);
      chained.set(line, link.length);
      link = new Uint8Array(cmac(chained, chainKey));
      return { seq, page_id, epoch, kind, item, value, client_time_ms, client_monotonic_ms, standing, link: toHex(link) };
    });
  const head = {
    format: FORMAT, attempt_id: ticket.attempt_id, script_id: ticket.script_id, device: ticket.device,
    ticket_tail: ticket.ticket_tail, made_at_ms: Math.round(madeAt), count: entries.length,
  };
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const sealed = gcm(fromBase64(ticket.seal_key), nonce, utf8(Object.values(head).join("|"))).encrypt(utf8(JSON.stringify({ entries })));
  const cipher = new Uint8Array(1 + nonce.length + sealed.length);
  cipher[0] = 1;
  cipher.set(nonce, 1);
  cipher.set(sealed, 1 + nonce.length);
  return JSON.stringify({ ...head, cipher: toBase64(cipher) });
}

/** `mingyuan-0212-20261121-0932.myj`, by this PC's own date. */
export function fileName(kept: KeptJournal, at = new Date()): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  return `mingyuan-${kept.ticket.ticket_tail}-${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}-${two(at.getHours())}${two(at.getMinutes())}.myj`;
}

/** Hand the file to the browser, which asks where to put it or puts it into its download folder. */
export function save(kept: KeptJournal): void {
  const address = URL.createObjectURL(new Blob([writeJournalFile(kept)], { type: "application/octet-stream" }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = fileName(kept);
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
