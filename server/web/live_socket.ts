/**
 * One Socket.IO connection that comes back by itself, to whichever node answers.
 *
 * Reconnecting is done here and not by the library, because the next try goes to the next address. Nothing is
 * buffered: what was not acknowledged belongs to the caller, who sends it again.
 */

import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";

import { moveDelay, reconnectDelay } from "./backoff";

type Payloads = Record<string, unknown>;
type Asks = Record<string, { send: unknown; reply: unknown }>;

export interface LiveSocketOptions {
  namespace: string;
  /** node addresses in the order to try; none = where this page came from. Read again before every try. */
  addresses?: () => readonly string[];
  /** this address let us in */
  onAddress?: (address: string) => void;
  /** what goes with the connection beside the cookie */
  auth?: () => Record<string, unknown>;
  /** every change between connected and not */
  onChange?: (connected: boolean) => void;
  /** the server would not let us in (signed out, taken over): read the state again; the socket tries on, slowly */
  onRefused?: (code: string) => void;
  /** for tests */
  connect?: (address: string, options: Partial<ManagerOptions & SocketOptions>) => Socket;
}

const REFUSED_WAIT_MS = 5000;
const CONNECT_TIMEOUT_MS = 5000;

/** ClientAsks and ServerSays: the generated maps `ClientMessages` and `ServerMessages` of a wire. */
export class LiveSocket<ClientAsks extends object, ServerSays extends object> {
  private socket: Socket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private tries = 0;
  private turn = 0;
  private running = false;
  private wasConnected = false;
  private readonly listeners: [string, (payload: unknown) => void][] = [];

  constructor(private readonly options: LiveSocketOptions) {}

  get connected(): boolean {
    return this.socket?.connected ?? false;
  }

  /** Listen for a message; before `start`, or for the next connection. */
  on<Name extends keyof ServerSays & string>(name: Name, listener: (payload: ServerSays[Name]) => void): this {
    const untyped: [string, (payload: unknown) => void] = [name, listener as (payload: unknown) => void];
    this.listeners.push(untyped);
    this.socket?.on(...untyped);
    return this;
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    window.addEventListener("online", this.reconnectNow);
    this.open();
  }

  stop(): void {
    this.running = false;
    clearTimeout(this.timer);
    window.removeEventListener("online", this.reconnectNow);
    this.close();
  }

  /** Ask and wait for the acknowledgement; rejects when there is none in time. Never sent later by itself. */
  ask<Name extends keyof ClientAsks & string>(
    name: Name,
    payload: (ClientAsks & Asks)[Name]["send"],
    timeoutMs = 4000,
  ): Promise<(ClientAsks & Asks)[Name]["reply"]> {
    const socket = this.socket;
    if (!socket?.connected) return Promise.reject(new Error("not connected"));
    return socket.timeout(timeoutMs).emitWithAck(name, payload);
  }

  /** This node is going: leave it and try the next address at once. */
  readonly moveOn = (): void => {
    if (!this.running) return;
    this.turn += 1;
    this.close();
    this.later(moveDelay());
  };

  /** Try now instead of when the waiting time is over. */
  readonly reconnectNow = (): void => {
    if (!this.running || this.connected) return;
    this.close();
    clearTimeout(this.timer);
    this.open();
  };

  private open(): void {
    const addresses = this.options.addresses?.() ?? [];
    const address = addresses.length ? (addresses[this.turn % addresses.length] ?? "") : "";
    const connect = this.options.connect ?? io;
    const socket = connect(address.replace(/\/$/, "") + this.options.namespace, {
      transports: ["websocket"],
      reconnection: false,
      forceNew: true,
      multiplex: false,
      timeout: CONNECT_TIMEOUT_MS,
      withCredentials: true,
      auth: this.options.auth?.() ?? {},
    });
    this.socket = socket;
    for (const [name, listener] of this.listeners) socket.on(name, listener);
    socket.on("connect", () => {
      if (this.socket !== socket) return;
      this.tries = 0;
      this.options.onAddress?.(address);
      this.tell(true);
    });
    socket.on("connect_error", (failure: Error & { data?: Payloads }) => {
      if (this.socket !== socket) return;
      // A refusal by our program carries data; a dead address does not.
      const code = failure.data?.["code"];
      this.close();
      if (typeof code === "string") {
        this.options.onRefused?.(code);
        this.later(REFUSED_WAIT_MS);
      } else {
        this.tryNext();
      }
    });
    socket.on("disconnect", (reason) => {
      if (this.socket !== socket) return;
      this.close();
      if (reason === "io server disconnect") this.later(REFUSED_WAIT_MS);
      else this.tryNext();
    });
  }

  private tryNext(): void {
    this.turn += 1;
    this.later(reconnectDelay(this.tries, this.options.addresses?.().length));
    this.tries += 1;
  }

  private later(delay: number): void {
    clearTimeout(this.timer);
    if (this.running) this.timer = setTimeout(() => this.open(), delay);
  }

  private close(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.removeAllListeners();
    socket?.disconnect();
    this.tell(false);
  }

  private tell(connected: boolean): void {
    if (connected === this.wasConnected) return;
    this.wasConnected = connected;
    this.options.onChange?.(connected);
  }
}
