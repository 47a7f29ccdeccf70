/**
 * Keeps the board in step with the server: snapshot first, then deltas; a gap or a broken line leads back to the
 * snapshot. It also knows how old the picture is, because a board that stands still looks like a quiet room.
 */
import { applyDelta, takeSnapshot, type Board } from "./board_state";
import type { BoardDelta, BoardSnapshot } from "./wire_types";

/** While the socket is down the snapshot is read this often. */
export const POLL_MS = 4_000;
/** After this silence the server is asked whether our version is still the newest. */
export const PROBE_MS = 2_000;
/** Older than this the board is blind and says so. */
export const BLIND_AFTER_MS = 5_000;
const MAX_HELD = 200;

export interface LinkParts {
  readSnapshot: () => Promise<BoardSnapshot>;
  /** `watch_room`; resolves with the room's version */
  watch: () => Promise<{ version: number }>;
  /** monotonic milliseconds */
  now: () => number;
  /** the board or what is known about the line has changed */
  onChange: () => void;
  /** the server said no: signed out, or not our room */
  onRefused: (failure: unknown) => void;
  isRefusal: (failure: unknown) => boolean;
}

export class BoardLink {
  board: Board | null = null;
  connected = false;
  /** monotonic moment at which the server last told us something true about this room */
  heardAt: number | null = null;
  private clockOffset = 0;
  private reading = false;
  private readAgain = false;
  private held: BoardDelta[] = [];
  private lastTryAt = -Infinity;
  private probing = false;

  constructor(private readonly parts: LinkParts) {}

  /** Server milliseconds, now. */
  serverNow(): number {
    return this.parts.now() + this.clockOffset;
  }

  /** How old the picture is; null before the first one. */
  age(): number | null {
    return this.heardAt === null ? null : Math.max(0, this.parts.now() - this.heardAt);
  }

  isBlind(): boolean {
    const age = this.age();
    return age !== null && age > BLIND_AFTER_MS;
  }

  async setConnected(connected: boolean): Promise<void> {
    this.connected = connected;
    this.parts.onChange();
    if (connected) await this.read();
  }

  receive(delta: BoardDelta): void {
    if (!this.board || this.reading) {
      this.held = [...this.held, delta].slice(-MAX_HELD);
      if (!this.board) return;
    }
    const { board, outcome, namesAreStale } = applyDelta(this.board, delta);
    if (outcome === "foreign") return;
    if (outcome === "applied") this.accept(board, delta.server_now_ms);
    if (outcome === "gap" || namesAreStale) void this.read();
  }

  /** Read the snapshot; asked again meanwhile, it is read once more afterwards. */
  async read(): Promise<void> {
    if (this.reading) {
      this.readAgain = true;
      return;
    }
    this.reading = true;
    this.lastTryAt = this.parts.now();
    try {
      // Watch first, read second: no change falls between the two. Every node counts for itself, and the snapshot may
      // come from another node than the deltas do: the number that goes on is the one of the live line.
      const watched = await this.watchedVersion();
      const read = await this.parts.readSnapshot();
      const snapshot = watched === null ? read : { ...read, version: watched };
      this.accept(this.withHeld(takeSnapshot(this.board, snapshot)), snapshot.server_now_ms);
    } catch (failure) {
      this.tellRefusal(failure);
    } finally {
      this.reading = false;
      this.held = [];
    }
    if (this.readAgain) {
      this.readAgain = false;
      await this.read();
    }
  }

  private async watchedVersion(): Promise<number | null> {
    if (!this.connected) return null;
    try {
      return (await this.parts.watch()).version;
    } catch (failure) {
      this.tellRefusal(failure);
      return null;
    }
  }

  /** Called every second by the page. */
  async tick(): Promise<void> {
    const now = this.parts.now();
    if (!this.connected || !this.board) {
      if (now - this.lastTryAt >= POLL_MS) await this.read();
      return;
    }
    const age = this.age() ?? Infinity;
    if (age < PROBE_MS || this.probing) return;
    this.probing = true;
    try {
      const { version } = await this.parts.watch();
      if (version === this.board.version) {
        this.heardAt = this.parts.now();
        this.parts.onChange();
      } else {
        await this.read();
      }
    } catch (failure) {
      // The line looks open and nothing comes through it: ask another way.
      if (this.parts.isRefusal(failure)) this.tellRefusal(failure);
      else if (now - this.lastTryAt >= POLL_MS) await this.read();
    } finally {
      this.probing = false;
    }
  }

  /** Deltas that came while the snapshot was on its way. */
  private withHeld(board: Board): Board {
    return this.held.reduce((before, delta) => {
      const applied = applyDelta(before, delta);
      if (applied.outcome === "gap" || applied.namesAreStale) this.readAgain = true;
      return applied.board;
    }, board);
  }

  private accept(board: Board, serverNowMs: number): void {
    this.board = board;
    this.heardAt = this.parts.now();
    const offset = serverNowMs - this.heardAt;
    // Network delay only makes the offset smaller; a large step means the clock was set or the PC slept.
    if (offset > this.clockOffset || this.clockOffset - offset > 2_000) this.clockOffset = offset;
    this.parts.onChange();
  }

  private tellRefusal(failure: unknown): void {
    if (this.parts.isRefusal(failure)) this.parts.onRefused(failure);
  }
}
