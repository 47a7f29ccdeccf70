/** How long this page could not reach the server, on the monotonic clock; evidence for time to be given back. */

export class Contact {
  private lastReached: number;
  private lostAt: number | null = null;
  private longest = 0;
  private answered = false;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.lastReached = now();
  }

  get lost(): boolean {
    return this.lostAt !== null;
  }

  /** The server answered something. */
  reached(): void {
    const at = this.now();
    if (this.lostAt !== null) this.longest = Math.max(this.longest, at - this.lostAt);
    this.lostAt = null;
    this.lastReached = at;
  }

  /** It did not. The gap counts from when it last did. */
  missed(): void {
    this.lostAt ??= this.lastReached;
  }

  /** The candidate changed an answer. */
  changed(): void {
    if (this.lostAt !== null) this.answered = true;
  }

  /** What the next heartbeat reports. A gap that still goes on is reported as far as it has come. */
  report(): { gap_ms: number; answered_during_gap: boolean } {
    const open = this.lostAt === null ? 0 : this.now() - this.lostAt;
    return { gap_ms: Math.round(Math.max(this.longest, open)), answered_during_gap: this.answered };
  }

  /** The heartbeat that carried `report` was acknowledged. */
  told(): void {
    this.longest = 0;
    this.answered = false;
  }
}
