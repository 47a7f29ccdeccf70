/** A room that lives by itself: forty invented candidates, some of them in trouble. */
import type { Surroundings } from "../use_board";
import type { Alarm, BoardDelta, BoardSnapshot, CommandDone, SeatCard, SeatStatus, TimelineStep } from "../wire_types";

const NAMES =
  "王建国 李秀英 张伟 刘洋 陈静 杨帆 赵磊 黄丽 周杰 吴敏 徐强 陈晓明 朱琳 马超 胡蝶 郭靖 何苗 高峰 林涛 罗兰 梁栋 宋佳 郑和 谢安 韩雪 唐宁 冯远 于洁 董平 萧山 程光 曹阳 袁媛 邓超 许诺 傅雷 沈默 曾凡 阿依古丽·买买提 欧阳询".split(
    " ",
  );
const MINUTE = 60_000;

function seatCards(columns: number): SeatCard[] {
  return NAMES.map((name, i) => ({
    seat_id: `s${i + 1}`,
    number: i + 1,
    row: Math.floor(i / columns) + 1,
    column: (i % columns) + 1,
    is_spare: i === 39,
    attempt_id: i === 39 ? null : `a${i + 1}`,
    name: i === 39 ? "" : name,
    pinyin: i === 11 ? "chen xiao ming" : "",
    ticket_number: `26110210302${String(i + 1).padStart(2, "0")}`,
    id_number_masked: "3205**********1234",
    organisation: "苏州某机电有限公司",
    photo: null,
  }));
}

function statusOf(card: SeatCard, scene: string, now: number): SeatStatus {
  const n = card.number;
  const before = scene === "before";
  const base: SeatStatus = {
    seat_id: card.seat_id,
    attempt_id: card.attempt_id,
    state: before ? (n % 3 === 0 ? "not_arrived" : n % 3 === 1 ? "waiting" : "signed_in") : "answering",
    answered: before ? 0 : 30 + ((n * 7) % 22),
    total: 100,
    seen_at_ms: now - 1_000,
    answered_at_ms: before ? null : now - 6_000,
    presence: before && n % 3 === 0 ? "none" : "online",
    unsent: 0,
    hand_reason: null,
    hand_raised_at_ms: null,
    checks: n % 10 === 2 ? [null, null] : [[true, true, true, true, true], n < 36 && !before ? [true, true, true, true, true] : null],
    ends_at_ms: now + 58 * MINUTE,
    given_back_s: n === 5 ? 90 : 0,
    moved: n === 5,
    released: false,
    incidents: n === 18 ? 1 : 0,
  };
  if (card.is_spare) return { ...base, state: "spare", presence: "none", answered: 0, checks: [null, null] };
  if (before) return base;
  if (scene === "room_lost") return { ...base, presence: "lost", seen_at_ms: now - 75_000 };
  if (n === 15) return { ...base, hand_reason: "题目显示不清", hand_raised_at_ms: now - 20_000 };
  if (n === 22) return { ...base, presence: "lost", seen_at_ms: now - 72_000, unsent: 3 };
  if (n === 31) return { ...base, presence: "late", seen_at_ms: now - 14_000 };
  if (n === 8 || n === 27) return { ...base, state: "absent", presence: "none", answered: 0, checks: [null, null] };
  if (n === 29) return { ...base, state: "suspended" };
  if (n === 33) return { ...base, state: "submitted", presence: "none", answered: 100 };
  return base;
}

function step(key: TimelineStep["key"], title_zh: string, title_en: string, due: number, state: TimelineStep["state"], more: Partial<TimelineStep> = {}): TimelineStep {
  const rule_zh = "主、副监考同时到保密室领取试卷，当场核对职业、等级和份数。";
  const texts = { detail_zh: "", detail_en: "", action: null, blocked_zh: null, blocked_en: null };
  return { key, title_zh, title_en, rule_zh, rule_source: "SZ-7.2(3)", due_at_ms: due, state, ...texts, ...more };
}

function dayOf(starts: number, ends: number, scene: string): TimelineStep[] {
  const done = scene === "before" ? "coming" : "done";
  return [
    step("report", "考前会", "Briefing", starts - 40 * MINUTE, "done", { detail_zh: "已签到 2 人", detail_en: "2 signed in" }),
    step("fetch", "共同领卷", "Fetch paper", starts - 30 * MINUTE, "done", { detail_zh: "双人确认", detail_en: "both confirmed" }),
    step("admission", "入场、检机", "Admission", starts - 15 * MINUTE, "done"),
    step("notes", "宣读须知", "Read notes", starts - 10 * MINUTE, scene === "before" ? "overdue" : "done", scene === "before" ? { action: "read-notes" } : {}),
    step("open", "当众启封", "Open in public", starts - 5 * MINUTE, scene === "before" ? "now" : "done", scene === "before" ? { action: "open-paper" } : { detail_zh: "周、林", detail_en: "Zhou, Lin" }),
    step("start", "开考", "Start", starts, done),
    step("five_point", "五对照", "Five-point check", starts, scene === "before" ? "coming" : "now", scene === "before" ? {} : { detail_zh: "还差 4 人", detail_en: "4 left", action: "check-identity" }),
    step("late_cutoff", "禁止入场 · 可交卷", "No entry · may submit", starts + 30 * MINUTE, "coming", { detail_zh: "登记缺考", detail_en: "list absent", action: scene === "before" ? null : "list-absent", blocked_zh: "09:30 以后可以登记。", blocked_en: "From 09:30 on." }),
    step("warning", "提醒 15 分钟", "15-minute notice", ends - 15 * MINUTE, "coming"),
    step("end", "结束、收卷", "End, collect", ends, "coming", { action: scene === "ended" ? "end-room" : null }),
    step("record", "核对、签字、移交", "Sign, hand over", ends, "coming", { detail_zh: "考场情况记录表", detail_en: "room record" }),
  ];
}

function alarmsOf(scene: string, now: number): Alarm[] {
  if (scene === "before") return [];
  if (scene === "room_lost") {
    const seat_ids = NAMES.slice(0, 39).map((_, i) => `s${i + 1}`);
    return [{ id: "r", kind: "room_lost", severity: "red", since_ms: now - 75_000, seat_ids, words_zh: "第三机房 39 台同时失联，疑为断电或断网", words_en: "39 seats lost together: power or network", subject_id: "t3" }];
  }
  return [
    { id: "1", kind: "seat_lost", severity: "red", since_ms: now - 72_000, seat_ids: ["s22"], words_zh: "22 号 失联。服务器已收 38 题，本机待传 3 题", words_en: "Seat 22 lost. 38 answers stored, 3 unsent", subject_id: null },
    { id: "2", kind: "hand", severity: "violet", since_ms: now - 20_000, seat_ids: ["s15"], words_zh: "15 号 举手：题目显示不清", words_en: "Seat 15: display is unclear", subject_id: null },
    { id: "3", kind: "time_proposal", severity: "amber", since_ms: now - 90_000, seat_ids: ["s5"], words_zh: "5 号 换机损失 1 分 30 秒，等您确认补时", words_en: "Seat 5 lost 1 min 30 s by a change of PC; please confirm", subject_id: "t1" },
  ];
}

export function inventedSurroundings(scene: string, columns: number): Surroundings {
  const started = Date.now();
  const starts = scene === "before" ? started + 4 * MINUTE : started - 28.4 * MINUTE;
  const ends = starts + 90 * MINUTE;
  const cards = seatCards(columns);
  const statuses = cards.map((card) => statusOf(card, scene, started));
  let version = 1;
  let listen: (delta: BoardDelta) => void = () => undefined;
  let connected: (yes: boolean) => void = () => undefined;

  const snapshot = (): BoardSnapshot => ({
    version,
    server_now_ms: Date.now(),
    header: {
      ...{ sitting_id: "demo", room_id: "room3", sitting_name: "第 2 场", room_name: "第三机房", exam_title: "电工四级", chief: "周", deputy: "林" },
      ...{ sitting_state: "running", phase: "running", starts_at_ms: starts, ends_at_ms: ends, earliest_submit_at_ms: starts + 30 * MINUTE },
      ...{ late_entry_ends_at_ms: starts + 30 * MINUTE, admission_opens_at_ms: starts - 15 * MINUTE, is_rehearsal: scene === "before" },
    },
    rows: Math.ceil(cards.length / columns),
    columns,
    aisles_after: [Math.floor(columns / 2)],
    seats: cards,
    statuses,
    timeline: dayOf(starts, ends, scene),
    alarms: alarmsOf(scene, started),
    time_rows:
      scene === "before"
        ? []
        : [
            { id: "t0", scope: "room", attempt_id: null, kind: "interruption", from_ms: starts + 600_000, to_ms: starts + 1_020_000, seconds: 420, client_gap_s: 421.2, cause: "服务器重启", reason: "", status: "confirmed", made_by: "系统", approved_by: "考务 王" },
            { id: "t1", scope: "attempt", attempt_id: "a5", kind: "interruption", from_ms: started - 200_000, to_ms: started - 110_000, seconds: 90, client_gap_s: 84.5, cause: "换机", reason: "", status: "proposed", made_by: "系统", approved_by: null },
          ],
    incidents: [{ id: "i1", attempt_id: "a18", kind: "violation", tier: 1, state: "open", words: "左顾右盼，已口头提醒", action_taken: "", raised_by: "林", raised_at_ms: started - 400_000 }],
    record_url: null,
    signed_by: [],
  });

  setInterval(() => {
    if (scene === "frozen" || scene === "room_lost") return;
    const now = Date.now();
    const changed = statuses.filter((status) => status.presence === "online").sort(() => Math.random() - 0.5).slice(0, 6);
    for (const status of changed) {
      const index = statuses.findIndex((each) => each.seat_id === status.seat_id);
      const answered = status.state === "answering" ? Math.min(100, status.answered + 1) : status.answered;
      statuses[index] = { ...status, answered, seen_at_ms: now, answered_at_ms: status.answered_at_ms === null ? null : now };
    }
    version += 1;
    const news = statuses.filter((status) => changed.some((each) => each.seat_id === status.seat_id));
    listen({ sitting_id: "demo", room_id: "room3", version, server_now_ms: now, statuses: news, header: null, timeline: null, alarms: null, time_rows: null, incidents: null });
  }, 1_000);

  const socket = {
    on: (_name: "board_delta", listener: (delta: BoardDelta) => void) => {
      listen = listener;
      return socket;
    },
    ask: () => (scene === "frozen" ? new Promise(() => undefined) : Promise.resolve({ ok: true, version })),
    start: () => setTimeout(() => connected(scene !== "frozen"), 0),
    stop: () => undefined,
  };
  let reads = 0;
  return {
    sittingId: "demo",
    roomId: "room3",
    readSnapshot: () => (scene === "frozen" && ++reads > 1 ? Promise.reject(new Error("no answer")) : Promise.resolve(snapshot())),
    socket: socket as unknown as Surroundings["socket"],
    whenConnected: (listener) => (connected = listener),
    desk: async (path): Promise<CommandDone> => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      const waits = path.endsWith("open-paper") || path.endsWith("fetch-paper");
      return { ok: true, waiting_for_second: waits, expires_at_ms: waits ? Date.now() + 120_000 : null, done: 1, words_zh: "", words_en: "", journal: null };
    },
  };
}
