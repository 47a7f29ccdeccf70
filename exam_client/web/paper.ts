/**
 * The paper: fetched encrypted while waiting, opened with the key that `begin` brings.
 *
 * File: one byte 0x02 (AES-256-GCM over zlib; 0x01: not compressed), 12 bytes nonce, ciphertext with its 16-byte tag. The browser's own cipher is not
 * there on a plain http address in a LAN, so it is computed here.
 */

import { gcm } from "@noble/ciphers/aes.js";

import type { CandidatePaper, PaperFile } from "@web/wire_types";

import { getFile } from "./nodes";

const PLAIN = 1;
const COMPRESSED = 2;
const NONCE_BYTES = 12;

export class PaperUnreadable extends Error {}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Raises PaperUnreadable when the file, its name or the key is not the right one. */
export async function openPaper(file: Uint8Array, key: Uint8Array, aad: string): Promise<CandidatePaper> {
  if (file[0] !== PLAIN && file[0] !== COMPRESSED) throw new PaperUnreadable(`unknown algorithm ${file[0]}`);
  try {
    const cipher = gcm(key, file.subarray(1, 1 + NONCE_BYTES), new TextEncoder().encode(aad));
    const opened = cipher.decrypt(file.subarray(1 + NONCE_BYTES));
    const plain = file[0] === COMPRESSED ? await inflate(opened) : opened;
    return JSON.parse(new TextDecoder().decode(plain)) as CandidatePaper;
  } catch (failure) {
    throw new PaperUnreadable(String(failure));
  }
}

async function inflate(bytes: Uint8Array): Promise<ArrayBuffer> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** Holds the one paper file of this page. */
export class PaperShelf {
  private url = "";
  private bytes: Promise<Uint8Array> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onFetched: () => void = () => undefined) {}

  /** Fetch it some time within `spread` ms, so that a room does not ask in one instant. */
  prefetch(file: PaperFile, spread: number): void {
    if (this.url === file.url && (this.bytes || this.timer !== undefined)) return;
    this.url = file.url;
    this.bytes = null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.take(file).catch(() => this.prefetch(file, 5000));
    }, Math.random() * spread);
  }

  /** The file's bytes, now. A failure is forgotten, so that the next call tries again. */
  take(file: PaperFile): Promise<Uint8Array> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.url !== file.url || !this.bytes) {
      this.url = file.url;
      const fetching = getFile(file.url);
      this.bytes = fetching;
      fetching.then(this.onFetched, () => {
        if (this.bytes === fetching) this.bytes = null;
      });
    }
    return this.bytes;
  }

  /** Forget a file that could not be opened. */
  drop(): void {
    this.bytes = null;
  }
}
