/** Words of the staff shell. */
import { translator } from "@web/i18n";

const ZH = {
  product: "明远 · 考务",
  home: "首页",
  results: "成绩",
  bank: "题库",
  signInTitle: "工作人员登录",
  loginName: "账号",
  password: "密码",
  signIn: "登录",
  signingIn: "正在登录……",
  signOut: "退出登录",
  ended: "您的登录已结束（已在别处退出、被管理员退出，或时间过长）。请重新登录。",
  unreachable: "暂时连不上服务器，正在重试。已完成的操作不受影响。",
  noAnswer: "没有收到答复，请检查网络后再试一次。",
  language: "English",
  myRooms: "我的考场",
  noRooms: "目前没有安排给您的考场。安排好以后会出现在这里。",
  openBoard: "打开监考看板",
  duty_chief: "主监考",
  duty_deputy: "副监考",
  duty_viewer: "查看",
  myWork: "我的工作",
  noWork: "您的角色在这里没有可做的事。需要其他权限请联系系统管理员。",
  toResults: "成绩确认与发布",
  toResultsWhy: "核对成绩完整性、确认、发布、导出",
  toBank: "题库建设进度",
  toBankWhy: "距 1200 题还差多少，缺口在哪里",
  role_site_head: "所长",
  role_office_head: "办公室主任",
  role_exam_clerk: "考务员",
  role_bank_keeper: "题库管理员",
  role_proctor: "监考员",
  role_inspector: "巡考",
  role_supervisor: "质量督导员",
  role_sysadmin: "系统管理员",
  role_secadmin: "安全管理员",
  role_auditadmin: "审计管理员",
  state_planned: "已安排",
  state_published: "已公布",
  state_preparing: "准备中",
  state_open: "入场中",
  state_running: "考试中",
  state_awaiting_decision: "待负责人决定",
  state_ended: "已结束",
  state_closed: "已结束",
  state_cancelled: "已取消",
  loading: "正在读取……",
};
const EN: Record<keyof typeof ZH, string> = {
  product: "Mingyuan · Office",
  home: "Home",
  results: "Results",
  bank: "Item bank",
  signInTitle: "Staff log-in",
  loginName: "Account",
  password: "Password",
  signIn: "Sign in",
  signingIn: "Signing in …",
  signOut: "Sign out",
  ended: "Your log-in has ended (signed out elsewhere, by an administrator, or too long ago). Please sign in again.",
  unreachable: "The server cannot be reached at the moment; trying again. What was done stays done.",
  noAnswer: "No reply. Check the network and try again.",
  language: "中文",
  myRooms: "My rooms",
  noRooms: "No room is assigned to you now. It will appear here when it is.",
  openBoard: "Open the board",
  duty_chief: "Chief proctor",
  duty_deputy: "Deputy proctor",
  duty_viewer: "View only",
  myWork: "My work",
  noWork: "There is nothing here for your role. Ask the system administrator for other rights.",
  toResults: "Confirm and release results",
  toResultsWhy: "Check that they are complete, confirm, release, export",
  toBank: "Progress of the item bank",
  toBankWhy: "How far to 1,200 items, and where the gaps are",
  role_site_head: "Head of site",
  role_office_head: "Head of office",
  role_exam_clerk: "Exam clerk",
  role_bank_keeper: "Bank keeper",
  role_proctor: "Proctor",
  role_inspector: "Inspector",
  role_supervisor: "Supervisor",
  role_sysadmin: "System administrator",
  role_secadmin: "Security administrator",
  role_auditadmin: "Audit administrator",
  state_planned: "Planned",
  state_published: "Published",
  state_preparing: "Preparing",
  state_open: "Admission",
  state_running: "Running",
  state_awaiting_decision: "Awaiting decision",
  state_ended: "Ended",
  state_closed: "Ended",
  state_cancelled: "Cancelled",
  loading: "Reading …",
};
export type StaffWord = keyof typeof ZH;
export const t = translator(ZH, EN);

/** A server's code in words; the code itself when there are none. */
export function wordOr(key: string, otherwise: string): string {
  return key in ZH ? t(key as StaffWord) : otherwise;
}

const two = (n: number) => String(n).padStart(2, "0");
const DAYS = { zh: ["周日", "周一", "周二", "周三", "周四", "周五", "周六"], en: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] };

/** 2026-11-28 周六 09:00 */
export function asMoment(ms: number, language: "zh" | "en" = "zh"): string {
  const at = new Date(ms);
  const day = DAYS[language][at.getDay()];
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
