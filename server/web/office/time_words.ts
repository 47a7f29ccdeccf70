/** A row of the time ledger in words. */
import { asTimeOfDay } from "@web/clock_face";

import { asLength, ownLength, stillLasts, type TimeRow } from "./time_rows";
import { t, type OfficeWord } from "./words";
import { ZH } from "./words_zh";

/** 第1考场 12 号 陈小明 */
export function whomOf(row: TimeRow): string {
  if (row.scope === "sitting") return t("wholeSitting");
  const room = row.room_name ?? "—";
  return row.scope === "room" ? t("wholeRoom", { room }) : t("oneSeat", { room, n: row.seat_number ?? "—", name: row.candidate_name ?? "—" });
}

/** 10:12:03 – 10:19:03 · 7:00.0 */
export function spanOf(row: TimeRow): string {
  if (row.kind === "grant") return t("granted", { length: asLength(row.grant_ms) });
  if (row.kind === "reversal") return t("waiverRow");
  if (row.from_ms === null) return "—";
  return `${asTimeOfDay(row.from_ms, true)} – ${stillLasts(row) ? "…" : asTimeOfDay(row.to_ms ?? row.from_ms, true)} · ${stillLasts(row) ? t("stillLasts") : asLength(ownLength(row) ?? 0)}`;
}

export function causeOf(row: TimeRow): string {
  const key = `cause_${row.cause}`;
  return key in ZH ? t(key as OfficeWord) : row.cause;
}

/** Who made the row: a person's name, or the system itself. */
export const makerOf = (row: TimeRow): string => (row.made_by === "system" ? t("bySystem") : (row.made_by_name ?? row.made_by));
