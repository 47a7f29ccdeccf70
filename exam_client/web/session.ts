/** The candidate's way from signing in to the receipt: asks the server for each step and puts its answer into the state. */

import { Refused, Unreachable } from "@web/http";
import { language, pick } from "@web/i18n";
import type {
  AnswersRecorded, Begun, CandidateState, ClockView, MessageView, Preferences, RaiseHand, RecordAnswers, Refusal,
} from "@web/wire_types";

import { placeItems } from "./answers";
import { deviceSecret, pageId, seatFromAddress } from "./device";
import * as line from "./line";
import { get, meet, post } from "./nodes";
import { fromBase64, openPaper, PaperShelf, PaperUnreadable } from "./paper";
import { answered, clock, page, untilStart } from "./state";
import { TimeNews } from "./time_news";
import { Tabs } from "./tabs";
import { t } from "./words";
import * as writing from "./writing";

const API = "/api/candidate";
const PREFETCH_SPREAD_MS = 20_000;
const FLUSH_AT_END_MS = 6000;

const shelf = new PaperShelf(() => (page.paperReady = true));
const tabs = new Tabs(pageId, async () => standDown());

/** What a person reads when nobody answers. */
function unreachable(failure: Unreachable): Refusal {
  return failure.refusal ?? { code: "UNREACHABLE", message_zh: t("unreachable"), message_en: t("unreachable"), request_id: "", data: {} };
}

/** Runs one step; a refusal becomes words on the screen. True: done. */
async function attempt(work: () => Promise<void>): Promise<boolean> {
  page.refusal = null;
  try {
    await work();
    return true;
  } catch (failure) {
    if (failure instanceof Refused) page.refusal = failure.refusal;
    else if (failure instanceof Unreachable) page.refusal = unreachable(failure);
    else throw failure;
    return false;
  }
}

/** Take a whole state in, learnt by a request made at `askedAt` (monotonic ms). */
function take(state: CandidateState, askedAt: number): void {
  const before = page.server;
  page.server = state;
  meet(state.node_addresses, state.node_pass ?? null);
  setClock(state.clock, askedAt);
  contactMade();
  if (page.place === "loading" || page.place === "sign_in") page.place = "paper";
  if (!before) adoptPreferences(state.preferences);
  if (state.paper) {
    const soon = untilStart.value <= 0 || state.step === "answering";
    shelf.prefetch(state.paper, soon ? 0 : Math.min(PREFETCH_SPREAD_MS, untilStart.value / 2));
  }
  if (state.step === "ended" || state.step === "moved") void atTheEnd(state);
  else if (page.place !== "stood_down") line.open(handlers);
}

const timeNews = new TimeNews();

function setClock(view: ClockView, askedAt?: number): void {
  clock.set(view, askedAt);
  for (const one of timeNews.since(view.given_back)) {
    page.timeNews = [...page.timeNews.filter((known) => known.from_ms === null || known.from_ms !== one.from_ms), one];
    page.announcement = pick(one.words_zh, one.words_en);
  }
  if (page.server) page.server.clock = view;
  if (clock.remaining() > 0) page.timeUp = false;
}

function contactMade(): void {
  writing.contact.reached();
  page.online = true;
}

let reading: Promise<void> | null = null;

/** Read the state again. Several callers at once share one request. */
export function refresh(): Promise<void> {
  reading ??= readState().finally(() => (reading = null));
  return reading;
}

async function readState(): Promise<void> {
  const askedAt = performance.now();
  try {
    take(await get<CandidateState>(`${API}/state`), askedAt);
  } catch (failure) {
    if (failure instanceof Refused && failure.status === 401) signedOut(failure.refusal.code);
    else if (failure instanceof Unreachable) {
      page.online = false;
      writing.contact.missed();
      if (page.place === "loading") page.refusal = unreachable(failure);
      setTimeout(() => void refresh(), 1000 + Math.random() * 2000);
    } else throw failure;
  }
}

function signedOut(code = ""): void {
  line.close();
  // In mid-exam the answers stay on the disk and the same candidate signs in again.
  void writing.putDown();
  page.server = null;
  page.paper = null;
  // A page that was in mid-exam says where the exam went; a fresh one simply asks who is here.
  page.place = code === "SESSION_MOVED" && page.place !== "loading" ? "moved" : "sign_in";
}

/** From the page that was left to the log-in, for whoever sits here next. */
export function leaveMoved(): void {
  page.place = "sign_in";
}

export const signIn = (ticket: string, pin: string): Promise<boolean> =>
  attempt(async () => {
    const chosen = { ...page.preferences };
    const askedAt = performance.now();
    const body = { ticket_number: ticket, pin, device_secret: await deviceSecret(), seat_number: seatFromAddress() };
    take(await post<CandidateState>(`${API}/sign-in`, body), askedAt);
    // A language or theme chosen before signing in is meant for the exam too.
    if (preferencesTouched) await setPreferences(chosen);
  });

export const confirm = (step: "identity" | "rules"): Promise<boolean> =>
  attempt(async () => {
    const askedAt = performance.now();
    take(await post<CandidateState>(`${API}/confirm`, { step }), askedAt);
    if (step === "rules" && !page.practised && untilStart.value > 60_000) page.place = "practice";
  });

export const signOut = (): Promise<boolean> =>
  attempt(async () => {
    // The next sign-in replaces the session anyway, so an unreachable server does not keep anybody here.
    await post(`${API}/sign-out`, {}).catch(() => undefined);
    signedOut();
  });

let beginning = false;
/** monotonic moment from which heartbeats know this page as the writing one */
let writingSince = Infinity;

/** From the start on: claim writing, open the paper, go on where it was left. Refusals are shown and asked again. */
export async function begin(): Promise<void> {
  const file = page.server?.paper;
  if (beginning || !file || !page.server || page.paper) return;
  beginning = true;
  try {
    await tabs.claim(page.server.attempt_id);
    const askedAt = performance.now();
    const [begun, bytes] = await Promise.all([post<Begun>(`${API}/begin`, { page_id: pageId }), shelf.take(file)]);
    const paper = await openPaper(bytes, fromBase64(begun.key), file.aad);
    writingSince = performance.now();
    setClock(begun.clock, askedAt);
    contactMade();
    page.refusal = null;
    // Drawn only when answers and place are known: a first question that jumps away would be one too many.
    await writing.takeUp(page.server.attempt_id, begun, placeItems(paper).map((item) => item.ref), ways);
    page.paper = paper;
    if (page.server.step === "waiting") await refresh();
  } catch (failure) {
    if (failure instanceof PaperUnreadable) shelf.drop();
    else if (failure instanceof Refused) page.refusal = failure.refusal;
    else if (failure instanceof Unreachable) page.refusal = unreachable(failure);
    else throw failure;
    page.paper = null;
  } finally {
    beginning = false;
  }
}

async function recordByHttp(message: RecordAnswers): Promise<AnswersRecorded> {
  try {
    return await post<AnswersRecorded>(`${API}/answers`, message);
  } catch (failure) {
    const said = failure instanceof Refused || failure instanceof Unreachable ? failure.refusal : null;
    if (!said) throw failure;
    if (failure instanceof Refused && failure.status === 401) signedOut(failure.refusal.code);
    const retry = failure instanceof Unreachable || (failure instanceof Refused && failure.status === 429);
    const wait = failure instanceof Refused ? failure.retryAfterMs : 0;
    return { ...said, ok: false, retry, retry_after_ms: wait, acks: [], server_now_ms: clock.serverNow() };
  }
}

/** Hand in. What is still on this PC goes first. */
export const submit = (): Promise<boolean> =>
  attempt(async () => {
    if (!(await writing.flush(FLUSH_AT_END_MS))) {
      throw new Unreachable("unsent", { code: "UNSENT", message_zh: t("submitUnsent"), message_en: t("submitUnsent"), request_id: "", data: {} });
    }
    const askedAt = performance.now();
    take(await post<CandidateState>(`${API}/submit`, { page_id: pageId, answered: answered.value }), askedAt);
    page.dialog = null;
  });

/** The clock reached zero: send what was made in time, then ask the server once more; it decides. */
export async function timeIsUp(): Promise<void> {
  if (page.timeUp || !page.paper) return;
  page.timeUp = true;
  page.dialog = null;
  await writing.flush(FLUSH_AT_END_MS);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 1000));
  while (page.timeUp && page.server?.step === "answering") {
    await refresh();
    if (page.server?.step !== "answering") break;
    await new Promise((resolve) => setTimeout(resolve, 1000 + Math.random() * 1000));
  }
}

const ways: writing.Ways = { live: line.recordSender, http: recordByHttp, onForbidden: () => void refresh() };

let ending = false;

/** The attempt is closed here: entries the server has not seen still go, then this PC forgets. */
async function atTheEnd(state: CandidateState): Promise<void> {
  if (ending) return;
  ending = true;
  try {
    page.timeUp = false;
    page.dialog = null;
    if (state.step === "moved") {
      await standDown();
      return;
    }
    if (!writing.isUp()) await writing.takeUp(state.attempt_id, { ...state, responses: [] }, [], ways);
    const late = writing.unsent() > 0;
    const allSent = await writing.flush(30_000);
    if (late || !state.receipt) page.server = await get<CandidateState>(`${API}/state`).catch(() => page.server);
    if (!allSent || !page.server?.receipt) {
      setTimeout(() => void refresh(), 2000);
      return;
    }
    await writing.wipe();
    page.paper = null;
    line.close();
  } finally {
    ending = false;
  }
}

/** Another page writes now. */
async function standDown(): Promise<void> {
  line.close();
  await writing.putDown();
  page.dialog = null;
  if (page.server?.step !== "moved") page.place = "stood_down";
}

export const raiseHand = (reason: RaiseHand["reason"]): Promise<boolean> =>
  attempt(async () => {
    await post(`${API}/hand`, { reason });
    if (page.server) page.server.hand_reason = reason;
  });

/** The candidate has read a message. It leaves the page only when the server knows. */
export const seen = (id: string): Promise<boolean> =>
  attempt(async () => {
    await post(`${API}/messages/${encodeURIComponent(id)}/seen`, {});
    read.add(id);
    if (page.server) page.server.messages = page.server.messages.filter((message) => message.id !== id);
  });

let preferencesTouched = false;
let preferencesTimer: ReturnType<typeof setTimeout> | undefined;

function adoptPreferences(preferences: Preferences): void {
  page.preferences = { ...preferences };
  language.value = preferences.language;
}

/** Takes effect at once; the server keeps it for another PC, and losing that is no harm. */
export async function setPreferences(change: Partial<Preferences>): Promise<void> {
  preferencesTouched = true;
  adoptPreferences({ ...page.preferences, ...change });
  clearTimeout(preferencesTimer);
  if (!page.server) return;
  preferencesTimer = setTimeout(() => {
    if (page.server) page.server.preferences = { ...page.preferences };
    void post(`${API}/preferences`, page.preferences).catch(() => undefined);
  }, 400);
}

/** Read here: another node's next beat may not know it yet. */
const read = new Set<string>();

function arrived(message: MessageView): void {
  const messages = page.server?.messages;
  if (!messages || read.has(message.id) || messages.some((one) => one.id === message.id)) return;
  messages.push(message);
  page.announcement = t("messageArrived", { text: message.text });
}

const handlers: line.Handlers = {
  stateChanged: (what) => void (what === "imported" ? readAnew() : refresh()),
  clockSet: setClock,
  messageArrived: arrived,
  replaced: () => void refresh().then(() => (page.server && page.server.step !== "moved" ? standDown() : undefined)),
  refused: () => void refresh(),
  heartbeatByHttp: (beat) => post(`${API}/heartbeat`, beat),
  heartbeatAnswered: (reply, askedAt) => {
    setClock(reply.clock, askedAt);
    for (const message of reply.messages) arrived(message);
    if (!page.server) return;
    page.server.candidate.identity_verified = reply.identity_verified;
    if (!reply.writing && page.paper && askedAt > writingSince && reply.step === "answering") void refresh().then(() => standDown());
    else if (reply.step !== page.server.step) void refresh();
  },
};

/** Two people agreed that answers of the PC before join these: read what stands now. */
async function readAnew(): Promise<void> {
  if (!page.paper || page.server?.step !== "answering") return refresh();
  page.paper = null;
  await begin();
  page.announcement = t("importedNews");
}

/** The candidate chose this window after another had taken over: begin again here. */
export async function continueHere(): Promise<void> {
  page.place = "paper";
  page.paper = null;
  page.refusal = null;
  await refresh();
}
