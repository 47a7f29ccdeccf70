/**
 * Shows the server's time. It keeps (what the server said, when we learned it) on the browser's monotonic clock;
 * ticks only draw. The PC's date is never used, so setting it changes nothing (user-pain T1, T4).
 */

/** What a clock reading must have; `ClockView` of the wire does. */
export interface Reading {
  server_now_ms: number;
  phase: string;
  starts_at_ms: number;
  ends_at_ms: number;
  remaining_ms: number;
}

export type Now = () => number;

/** A sample is worth less the older it is: two crystals drift by up to this part. */
const DRIFT = 0.0002;

export class ClockFace {
  private reading: Reading | null = null;
  private offset = 0; // server milliseconds at monotonic 0
  private doubt = Infinity; // half of the round trip of the sample in use
  private learntAt = 0;

  constructor(private readonly now: Now = () => performance.now()) {}

  /**
   * Take a new reading. `askedAt`: monotonic moment of the request it answers; without one (a push) half a second of
   * doubt is assumed. The numbers of the reading always count; its time only when it is the surest we know.
   */
  set(reading: Reading, askedAt?: number): void {
    const at = this.now();
    const doubt = askedAt === undefined ? 500 : (at - askedAt) / 2;
    const offset = reading.server_now_ms + (askedAt === undefined ? 0 : doubt) - at;
    const present = this.doubt + (at - this.learntAt) * DRIFT;
    // Further away than both doubts allow: the PC slept or the server's clock was set. Believe the newest.
    const jumped = Math.abs(offset - this.offset) > doubt + present + 250;
    if (doubt <= present || jumped) {
      this.offset = offset;
      this.doubt = doubt;
      this.learntAt = at;
    }
    this.reading = reading;
  }

  get known(): boolean {
    return this.reading !== null;
  }

  get phase(): string {
    return this.reading?.phase ?? "";
  }

  /** Server milliseconds since the epoch, now. */
  serverNow(): number {
    return this.now() + this.offset;
  }

  /** Milliseconds until the common start; 0 when it was. */
  untilStart(): number {
    return this.reading ? Math.max(0, this.reading.starts_at_ms - this.serverNow()) : 0;
  }

  /** Milliseconds left. Stands still while the exam does. */
  remaining(): number {
    const reading = this.reading;
    if (!reading) return 0;
    if (reading.phase === "over") return 0;
    if (reading.phase !== "running") return Math.max(0, reading.remaining_ms);
    return Math.max(0, reading.remaining_ms - (this.serverNow() - reading.server_now_ms));
  }
}

const two = (n: number): string => String(n).padStart(2, "0");

/** 58:24, and 1:58:24 from an hour on. A started second is shown, so that 0:00 means over. */
export function asCountdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** China has one time zone and no summer time; what an exam PC is set to must not move the times on the page. */
const EXAM_ZONE_MS = 8 * 3600_000;

/** Wall time 10:31, or 10:31:05 with seconds. */
export function asTimeOfDay(ms: number, withSeconds = false): string {
  const moment = new Date(ms + EXAM_ZONE_MS);
  const short = `${two(moment.getUTCHours())}:${two(moment.getUTCMinutes())}`;
  return withSeconds ? `${short}:${two(moment.getUTCSeconds())}` : short;
}

/** 2026-11-28 09:00 */
export function asDateAndTime(ms: number): string {
  const moment = new Date(ms + EXAM_ZONE_MS);
  return `${moment.getUTCFullYear()}-${two(moment.getUTCMonth() + 1)}-${two(moment.getUTCDate())} ${asTimeOfDay(ms)}`;
}

/**
 * Calls each alarm once when the remaining time falls to it. `arm` with the present remaining time: what is already
 * past then stays silent.
 */
export class Alarms {
  private waiting: number[] = [];

  constructor(private readonly marks: number[], private readonly ring: (mark: number) => void) {}

  arm(remaining: number): void {
    this.waiting = this.marks.filter((mark) => mark < remaining);
  }

  check(remaining: number): void {
    const due = this.waiting.filter((mark) => remaining <= mark);
    if (!due.length) return;
    this.waiting = this.waiting.filter((mark) => remaining > mark);
    this.ring(Math.min(...due));
  }
}
