/** The line to the server: live channel, heartbeat over whichever way works, and what is known about being connected. */

import { fullJitter } from "@web/backoff";
import { LiveSocket } from "@web/live_socket";
import {
  type ClientMessages, type ClockView, type Heartbeat, type HeartbeatReply, type MessageView, NAMESPACE, type ServerMessages,
} from "@web/wire_types";

import { pageId } from "./device";
import { nodePass, nodes } from "./nodes";
import type { Sender } from "./outbox";
import { currentItem, page } from "./state";
import * as writing from "./writing";

export interface Handlers {
  stateChanged: (what: string) => void;
  clockSet: (clock: ClockView) => void;
  messageArrived: (message: MessageView) => void;
  /** another page of this candidate writes now */
  replaced: () => void;
  /** the server does not let this page in */
  refused: () => void;
  heartbeatByHttp: (beat: Heartbeat) => Promise<HeartbeatReply>;
  heartbeatAnswered: (reply: HeartbeatReply, askedAt: number) => void;
}

const HEARTBEAT_MS = 5000;
const ACK_LIMIT_MS = 4000;

let live: LiveSocket<ClientMessages, ServerMessages> | null = null;
let beating: ReturnType<typeof setInterval> | undefined;

export function open(handlers: Handlers): void {
  if (live) return;
  live = new LiveSocket<ClientMessages, ServerMessages>({
    namespace: NAMESPACE,
    addresses: () => nodes.all,
    onAddress: (address) => nodes.prefer(address),
    auth: () => ({ page_id: pageId, node_pass: nodePass() ?? undefined }),
    onChange: (connected) => {
      if (connected) {
        reached(true);
        writing.sendNow();
        void beat(handlers);
      } else if (live) {
        // Perhaps only the channel: the heartbeat by HTTP finds out soon, not all pages of a dead node in one instant.
        setTimeout(() => void beat(handlers), fullJitter(0));
      }
    },
    onRefused: handlers.refused,
  })
    .on("state_changed", ({ what }) => handlers.stateChanged(what))
    .on("clock_set", ({ clock }) => handlers.clockSet(clock))
    .on("message_arrived", handlers.messageArrived)
    .on("replaced", handlers.replaced)
    .on("moving", () => {
      nodes.leave(nodes.current);
      live?.moveOn();
    });
  live.start();
  beating = setInterval(() => void beat(handlers), HEARTBEAT_MS);
}

export function close(): void {
  clearInterval(beating);
  const socket = live;
  live = null;
  socket?.stop();
}

/** The live way for answers, while it is up. */
export const recordSender = (): Sender | null => {
  const socket = live;
  return socket?.connected ? (message) => socket.ask("record_answers", message, ACK_LIMIT_MS) : null;
};

function reached(yes: boolean): void {
  if (yes) writing.contact.reached();
  else writing.contact.missed();
  page.online = yes;
}

let waiting = false;

async function beat(handlers: Handlers): Promise<void> {
  if (waiting) return;
  waiting = true;
  const askedAt = performance.now();
  const message: Heartbeat = {
    page_id: pageId,
    unsent: writing.unsent(),
    ...writing.contact.report(),
    position: currentItem.value?.ref ?? null,
  };
  try {
    const reply = await ask(message, handlers);
    reached(true);
    if (!reply.ok) return;
    writing.contact.told();
    handlers.heartbeatAnswered(reply, askedAt);
    if (message.unsent) writing.sendNow();
  } catch {
    reached(false);
  } finally {
    waiting = false;
  }
}

async function ask(message: Heartbeat, handlers: Handlers): Promise<HeartbeatReply> {
  const socket = live;
  if (socket?.connected) {
    try {
      return await socket.ask("heartbeat", message, ACK_LIMIT_MS);
    } catch {
      // Half-dead channel: the other way says whether anybody is there.
    }
  }
  return handlers.heartbeatByHttp(message);
}
