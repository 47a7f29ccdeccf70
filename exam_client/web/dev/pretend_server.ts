/**
 * Development only, not an entry of the build: answers the page's requests inside the browser, so that every screen can be
 * looked at without a server. ?step=answering&until=60&phase=running&n=100 and so on; see `asked`.
 */

import { gcm } from "@noble/ciphers/aes.js";

import type { CandidatePaper, CandidateState, ClockView, RecordAnswers, StoredResponse } from "@web/wire_types";

const asked = new URLSearchParams(location.search);
const number = (name: string, fallback: number): number => Number(asked.get(name) ?? fallback);
const T0 = Date.now();
const startsAt = T0 + number("until", asked.get("step") === "answering" || !asked.get("step") ? -1865 : 600) * 1000;
const MINUTES = number("minutes", 90);
const key = new Uint8Array(32).fill(7);
const AAD = "script:dev:paper";

const STEMS = [
  "三相异步电动机铭牌标注 380 V、△接法、额定电流 15.4 A。用星—三角降压起动时，起动线电流约为直接起动时的（　　）。",
  "用万用表电阻挡测量线路通断之前，首先应当（　　）。",
  "下列做法中，符合停电检修安全要求的有（　　）。\n① 验电　② 装设接地线　③ 悬挂标示牌　④ 装设遮栏",
];

function paper(): CandidatePaper {
  const singles = number("n", 80);
  let n = 0;
  const item = (kind: "single" | "multiple" | "true_false") => {
    n += 1;
    const texts = kind === "true_false" ? ["正确", "错误"] : ["1/√3 倍", "1/3 倍", "1/2 倍，且与电源电压的平方成正比；当负载转矩较大时不宜采用这种起动方式", "√3 倍"];
    return { ref: `i${n}`, n, kind, stem: kind === "true_false" ? "验电器使用前应先在有电设备上确认其完好。" : STEMS[n % 3]!, options: texts.map((text, o) => ({ ref: `i${n}o${o}`, text })) };
  };
  const many = (count: number, kind: "single" | "multiple" | "true_false") => Array.from({ length: count }, () => item(kind));
  return {
    title: "电工（四级/中级工）理论知识考试",
    total_points: 10000,
    sections: [
      { title: "单项选择题", kind: "single", points_each: 100, instruction: "每题只有一个正确选项。", items: many(singles - 10, "single") },
      { title: "多项选择题", kind: "multiple", points_each: 100, instruction: "多选、少选、错选均不得分。", items: many(10, "multiple") },
      { title: "判断题", kind: "true_false", points_each: 100, instruction: "", items: many(20, "true_false") },
    ],
  };
}

const stored = new Map<string, StoredResponse>();
for (let i = 1; i <= number("answered", 36); i += 1) {
  if (i === 21) continue;
  stored.set(`i${i}`, { item: `i${i}`, value: [`i${i}o1`], flagged: i === 9 || i === 33, seq: i });
}

const givenBack = asked.get("given")
  ? [{ from_ms: T0 - 1.2e6, to_ms: T0 - 7.8e5, seconds: 420, cause: "network", words_zh: "因 10:12—10:19 网络中断，已为您补时 7 分 00 秒", words_en: "7 min 00 s given back for the network interruption 10:12–10:19" }]
  : [];

function clock(): ClockView {
  const now = Date.now();
  const phase = (asked.get("phase") ?? (now < startsAt ? "admission" : "running")) as ClockView["phase"];
  const endsAt = startsAt + MINUTES * 60_000 + number("extra", 0) * 1000;
  return {
    server_now_ms: now, phase, starts_at_ms: startsAt, ends_at_ms: endsAt, remaining_ms: Math.max(0, endsAt - Math.max(now, startsAt)),
    earliest_submit_at_ms: startsAt + 30 * 60_000 + number("submit_in", 0) * 1000, late_entry_ends_at_ms: startsAt + 30 * 60_000, warning_at_ms: endsAt - 15 * 60_000, given_back: givenBack,
  };
}

let step = (asked.get("step") ?? "answering") as CandidateState["step"];
let hand: string | null = asked.get("hand");
let preferences: CandidateState["preferences"] = {
  font: (asked.get("font") ?? "100") as "100", theme: (asked.get("theme") ?? "light") as "light", clock_hidden: asked.has("hidden"), letter_keys: true, language: (asked.get("lang") ?? "zh") as "zh",
};
let messages = asked.get("message") ? [{ id: "m1", text: asked.get("message")!, sent_at_ms: T0, to_room: true }] : [];

const state = (): CandidateState => ({
  step, attempt_id: `dev${asked.get("attempt") ?? ""}`, epoch: 1, last_seq: 36,
  candidate: { name: "陈晓明", ticket_number: "2611021030212", id_number_masked: "3205**********1234", organisation: "苏州某电梯有限公司", seat_number: 12, room_name: "第三机房", photo: null, identity_verified: asked.has("verified") },
  exam: {
    title: "电工（四级/中级工）理论知识考试", centre_name: "苏州信息职业技术学院", sitting_name: "第 2 场", occupation_name: "电工", level: 4, level_name: "四级 / 中级工", duration_minutes: MINUTES, is_rehearsal: asked.has("rehearsal"),
    rules_zh: ["凭准考证和有效身份证件入场，对号入座，证件放在桌面左上角。", "开考 30 分钟后不得入场；开考 30 分钟内不得交卷、离场。", "手机、智能手表等电子设备一律关机，放在指定位置。", "考试中有问题请举手；监考员不解答试题内容。", "考试机发生故障请立即举手，耽误的时间按规定补足。", "不得交谈、传递物品、抄录试题；违者按规定处理。"],
    rules_en: [],
  },
  clock: clock(), paper: { url: "/papers/dev.bin", sha256: "", aad: AAD, item_count: 100 }, preferences, hand_reason: hand, messages,
  receipt: step === "ended" ? { ended_at_ms: Date.now(), end_how: (asked.get("how") ?? "submit") as "submit", answered: 98, total: 100, receipt_code: "7K3M9QXP", answers_digest: "", signature: "" } : null,
  node_addresses: [], node_pass: null,
});

function file(): Uint8Array {
  const nonce = new Uint8Array(12).fill(3);
  const sealed = gcm(key, nonce, new TextEncoder().encode(AAD)).encrypt(new TextEncoder().encode(JSON.stringify(paper())));
  return new Uint8Array([1, ...nonce, ...sealed]);
}

function reply(path: string, body: unknown): unknown {
  const name = path.replace("/api/candidate/", "");
  if (name === "begin") return { key: btoa(String.fromCharCode(...key)), epoch: 1, last_seq: 36, responses: [...stored.values()], clock: clock() };
  if (name === "answers") return { ok: true, retry: false, retry_after_ms: 0, server_now_ms: Date.now(), acks: (body as RecordAnswers).entries.map((entry) => ({ seq: entry.seq, page_id: entry.page_id, standing: asked.get("standing") ?? "counted", code: null })) };
  if (name === "heartbeat") return { ok: true, clock: clock(), step, messages, identity_verified: asked.has("verified"), writing: true };
  if (name === "confirm") step = (body as { step: string }).step === "identity" ? "rules" : "waiting";
  if (name === "sign-in") step = "identity";
  if (name === "submit") step = "ended";
  if (name === "hand") hand = (body as { reason: string | null }).reason;
  if (name === "preferences") preferences = body as typeof preferences;
  if (name.startsWith("messages/")) messages = [];
  if (name === "begin" || (name === "state" && step === "waiting" && Date.now() > startsAt)) step = "answering";
  return state();
}

window.fetch = async (address, init) => {
  const path = String(address);
  await new Promise((resolve) => setTimeout(resolve, 20));
  if (asked.has("offline") && /answers|heartbeat/.test(path)) throw new TypeError("offline");
  if (path.startsWith("/papers/")) return new Response(file() as BodyInit);
  if (asked.has("signed_out") && path.endsWith("/state")) return refuse(401, "SESSION_ENDED", "尚未登录或登录已结束，请重新登录。");
  if (asked.has("wrong") && path.endsWith("/sign-in")) return refuse(401, "SIGN_IN_REFUSED", "准考证号或密码不正确。请对照准考证再输一次；连续输错请举手。");
  return new Response(JSON.stringify(reply(path, init?.body ? JSON.parse(String(init.body)) : null)), { headers: { "Content-Type": "application/json" } });
};

await import("../main");

function refuse(status: number, code: string, words: string): Response {
  return new Response(JSON.stringify({ code, message_zh: words, message_en: words, request_id: "", data: {} }), { status });
}
