import { describe, expect, it } from "vitest";

import { asLength, hasTime, inBulk, isTyped, measuresDiffer, ownLength, parseLength, peopleConcerned, reportedByOthers, stillLasts, toConfirm, waitingRooms, type TimeRow } from "./time_rows";

function aRow(changes: Partial<TimeRow> = {}): TimeRow {
  return {
    id: "r", scope: "room", room_id: "1", room_name: "第1考场", candidate_name: null, seat_number: null, open_attempts: 30, kind: "interruption",
    from_ms: 1_000, to_ms: 421_000, grant_ms: 0, server_ms: 420_000, client_gap_ms: null, cause: "server_outage", reason: "", status: "provisional",
    made_by: "system", made_by_name: null, approved_by_name: null, ...changes,
  };
}

describe("a row of the time ledger", () => {
  it("is marked when both measures differ by more than two seconds, either way", () => {
    expect(measuresDiffer(aRow())).toBe(false);
    expect(measuresDiffer(aRow({ client_gap_ms: 422_000 }))).toBe(false);
    expect(measuresDiffer(aRow({ client_gap_ms: 422_001 }))).toBe(true);
    expect(measuresDiffer(aRow({ client_gap_ms: 417_000 }))).toBe(true);
    expect(measuresDiffer(aRow({ client_gap_ms: 60_000, server_ms: null }))).toBe(false);
  });

  it("has a length once it has ended", () => {
    expect(ownLength(aRow())).toBe(420_000);
    expect(ownLength(aRow({ to_ms: null }))).toBeNull();
    expect(ownLength(aRow({ kind: "grant", from_ms: null, to_ms: null, grant_ms: -60_000 }))).toBe(-60_000);
    expect(stillLasts(aRow({ to_ms: null }))).toBe(true);
    expect(stillLasts(aRow({ kind: "grant", to_ms: null }))).toBe(false);
  });

  it("is confirmed by itself unless it waits for a decision", () => {
    const rows = [aRow(), aRow({ id: "w", status: "awaiting_decision" })];
    expect(toConfirm({ now_ms: 0, awaiting_decision: [], to_confirm: rows, settled: [], decisions: [], reports: [] }).map((row) => row.id)).toEqual(["r"]);
  });
});

describe("lengths", () => {
  it("are told in minutes, to the tenth of a second", () => {
    expect(asLength(432_500)).toBe("7:12.5");
    expect(asLength(59_960)).toBe("1:00.0");
    expect(asLength(4_032_000)).toBe("1:07:12.0");
    expect(asLength(-60_000)).toBe("−1:00.0");
  });

  it("are read as people type them, and nothing else is", () => {
    for (const text of ["7:30", " 7：30 ", "7分30秒", "0:07:30", "7 分 30 秒", "07:30.0"]) expect(parseLength(text)).toBe(450_000);
    expect(parseLength("1:07:30")).toBe(4_050_000);
    expect(parseLength("90:00")).toBe(5_400_000);
    expect(parseLength("8分钟")).toBe(480_000);
    expect(parseLength("0:00")).toBe(0);
    for (const text of ["", "7", "7:3", "7:60", "1:60:00", "-7:30", "7:30:", "七分"]) expect(parseLength(text)).toBeNull();
  });

  it("survive being told and read again", () => {
    for (const ms of [0, 100, 59_900, 60_000, 432_500, 3_600_000]) expect(parseLength(asLength(ms))).toBe(ms);
  });
});

describe("a decision about an outage", () => {
  it("is typed when it cannot be undone", () => {
    expect(isTyped("extend", "", "zh")).toBe(true);
    expect(isTyped("cancel", "", "zh")).toBe(false);
    expect(isTyped("cancel", "改期", "zh")).toBe(false);
    expect(isTyped("cancel", " 取消 ", "zh")).toBe(true);
    expect(isTyped("reschedule", "Reschedule", "en")).toBe(true);
  });

  it("counts the people of a room once", () => {
    const rows = [aRow({ from_ms: 9 }), aRow({ id: "b", from_ms: 5 }), aRow({ id: "c", room_id: "2", room_name: "第2考场", open_attempts: 28 })];
    expect(peopleConcerned(rows, ["1", "2"])).toBe(58);
    expect(peopleConcerned(rows, ["2"])).toBe(28);
    expect(peopleConcerned(rows, ["3"])).toBe(0);
    expect(waitingRooms(rows)).toEqual([
      { id: "1", name: "第1考场", people: 30, since: 5 },
      { id: "2", name: "第2考场", people: 28, since: 1_000 },
    ]);
  });

  it("belongs to a sitting that has begun", () => {
    expect(["planned", "published", "admitting", "running", "closed"].filter(hasTime)).toEqual(["admitting", "running", "closed"]);
  });
});

describe("what one press confirms", () => {
  const lasts = aRow({ id: "lasts", to_ms: null });
  const zero = aRow({ id: "zero", kind: "reversal", status: "proposed" });
  const claim = aRow({ id: "claim", scope: "attempt", status: "proposed", client_gap_ms: 452_500 });
  const rows = [aRow(), lasts, zero, claim];

  it("is time in effect that has ended, never a page's other figure", () => {
    expect(inBulk(rows, "effect").map((row) => row.id)).toEqual(["r"]);
  });
  it("or the proposals to give none", () => {
    expect(inBulk(rows, "zero").map((row) => row.id)).toEqual(["zero"]);
  });
});

describe("who may decide", () => {
  const report = { id: "a", proposal: "extend" as const, fee_waiver: false, room_ids: ["1"], reason: "", reported_by_name: null, reported_at_ms: 0, is_mine: true };
  it("not upon one's own report", () => {
    expect([...reportedByOthers([report, { ...report, room_ids: ["2"], is_mine: false }])]).toEqual(["2"]);
  });
});
