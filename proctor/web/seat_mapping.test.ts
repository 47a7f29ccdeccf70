import { describe, expect, it } from "vitest";

import { mapSeats } from "./seat_mapping";

const people = [12, 3, 7].map((number) => ({ id: `p${number}`, number }));
const free = [1, 2, 3, 4].map((number) => ({ id: `s${number}`, number }));

describe("seats in the other room", () => {
  it("follow the order of the numbers", () => {
    expect([...mapSeats(people, free, false)]).toEqual([["p3", "s1"], ["p7", "s2"], ["p12", "s3"]]);
  });
  it("keep the number where that seat is free, and give nobody's seat twice", () => {
    const mapping = mapSeats(people, free, true);
    expect(mapping.get("p3")).toBe("s3");
    expect(new Set(mapping.values()).size).toBe(3);
  });
  it("leave out whoever finds no seat", () => {
    expect([...mapSeats(people, free.slice(0, 2), false).keys()]).toEqual(["p3", "p7"]);
  });
});
