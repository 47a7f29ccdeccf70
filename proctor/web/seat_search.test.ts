import { describe, expect, it } from "vitest";

import { findSeats } from "./seat_search";
import { aCard } from "./testing/sample_board";

const seats = [
  aCard(1, { name: "王建国", pinyin: "wang jian guo", ticket_number: "2611021030101" }),
  aCard(12, { name: "陈晓明", pinyin: "chen xiao ming cxm", ticket_number: "2611021030212" }),
  aCard(21, { name: "阿依古丽·买买提", pinyin: "aygl", ticket_number: "2611021030121" }),
  aCard(40, { name: "", pinyin: "", attempt_id: null, is_spare: true, ticket_number: "" }),
];
const found = (typed: string) => findSeats(seats, typed).map((seat) => seat.number);

describe("finding a candidate", () => {
  it("by a part of the name", () => {
    expect(found("晓明")).toEqual([12]);
    expect(found("阿依")).toEqual([21]);
  });

  it("by pinyin, whole or initials, whichever way it is stored", () => {
    expect(found("cxm")).toEqual([12]);
    expect(found("wjg")).toEqual([1]);
    expect(found("WANGJ")).toEqual([1]);
    expect(found("aygl")).toEqual([21]);
  });

  it("by seat number first, then by the end of the ticket number", () => {
    expect(found("12")).toEqual([12]);
    expect(found("21")).toEqual([21]);
    expect(found("0212")).toEqual([12]);
    expect(found("１２")).toEqual([12]);
  });

  it("finds nothing when nothing is typed", () => {
    expect(found("  ")).toEqual([]);
    expect(found("没有这个人")).toEqual([]);
  });
});
