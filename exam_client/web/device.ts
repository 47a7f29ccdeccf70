/** What this browser profile is: a secret it made once and keeps, and a fresh number for every opened page. */

const SECRET_KEY = "mingyuan.device";

/** `bytes` random bytes in hex. crypto.randomUUID does not exist on a plain http address. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const pageId = randomHex(16);

let inMemory = "";

/** 256 bits that tell this PC from another. When nothing can be kept, they last as long as the page. */
export function deviceSecret(): string {
  try {
    const kept = localStorage.getItem(SECRET_KEY);
    if (kept && /^[a-f0-9]{64}$/.test(kept)) return kept;
    const made = inMemory || randomHex(32);
    localStorage.setItem(SECRET_KEY, made);
    return made;
  } catch {
    // Storage is switched off: signing in again after a restart needs the proctor, and the page says that it keeps nothing.
    inMemory ||= randomHex(32);
    return inMemory;
  }
}

/** The number on the desk, from ?seat=12. */
export function seatFromAddress(search: string = location.search): number | null {
  const number = Number(new URLSearchParams(search).get("seat"));
  return Number.isInteger(number) && number >= 1 && number <= 999 ? number : null;
}
