/** What this browser profile is: a secret it made once and keeps, and a fresh number for every opened page. */

import { keepAtOnce, readKept } from "./journal";

const SECRET_KEY = "mingyuan.device";
const SHAPE = /^[a-f0-9]{64}$/;

/** `bytes` random bytes in hex. crypto.randomUUID does not exist on a plain http address. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const pageId = randomHex(16);

let inMemory = "";

/**
 * 256 bits that tell this PC from another. Kept twice: a browser that dies writes its small storage too late, the journal's
 * database at once, and a PC that is no longer recognised would need the proctor. When nothing can be kept, they last as
 * long as the page, and the page says that it keeps nothing.
 */
export async function deviceSecret(): Promise<string> {
  const known = [inMemory, fromSmallStorage(), await readKept(SECRET_KEY)].find((one) => typeof one === "string" && SHAPE.test(one)) as string | undefined;
  inMemory = known ?? randomHex(32);
  await keepAtOnce(SECRET_KEY, inMemory);
  try {
    localStorage.setItem(SECRET_KEY, inMemory);
  } catch {
    // Switched off: the other place, or memory, has to do.
  }
  return inMemory;
}

function fromSmallStorage(): string {
  try {
    return localStorage.getItem(SECRET_KEY) ?? "";
  } catch {
    return "";
  }
}

/** The number on the desk, from ?seat=12. */
export function seatFromAddress(search: string = location.search): number | null {
  const number = Number(new URLSearchParams(search).get("seat"));
  return Number.isInteger(number) && number >= 1 && number <= 999 ? number : null;
}
