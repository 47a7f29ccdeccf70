import { describe, expect, it } from "vitest";

import { chooseMany, chooseOne, extendTo, keepExisting, neighbour, NOTHING, toggle } from "./seat_selection";
import { aCard } from "./testing/sample_board";

const seats = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => aCard(number)); // two rows of four

describe("choosing seats", () => {
  it("adds and removes with ctrl", () => {
    const two = toggle(chooseOne("s1"), "s3");
    expect(two.ids).toEqual(["s1", "s3"]);
    expect(toggle(two, "s1").ids).toEqual(["s3"]);
  });

  it("extends with shift to the rectangle in the room, from the same anchor each time", () => {
    const wide = extendTo(chooseOne("s2"), seats, "s7");
    expect(wide.ids).toEqual(["s2", "s3", "s6", "s7"]);
    expect(extendTo(wide, seats, "s3").ids).toEqual(["s2", "s3"]);
  });

  it("counts a seat once and forgets the ones that have gone", () => {
    expect(chooseMany(["s1", "s1", "s2"]).ids).toEqual(["s1", "s2"]);
    expect(keepExisting(chooseMany(["s1", "gone"]), seats).ids).toEqual(["s1"]);
    expect(keepExisting({ ...NOTHING, focus: "gone" }, seats).focus).toBeNull();
  });
});

describe("moving with the arrow keys", () => {
  const to = (from: string | null, step: Parameters<typeof neighbour>[2]) => neighbour(seats, from, step)?.seat_id;

  it("goes to the seat that lies there", () => {
    expect(to("s2", "right")).toBe("s3");
    expect(to("s6", "up")).toBe("s2");
    expect(to("s2", "down")).toBe("s6");
    expect(to("s3", "left")).toBe("s2");
  });

  it("stays at the edge and begins at the first seat", () => {
    expect(to("s4", "right")).toBe("s4");
    expect(to("s1", "up")).toBe("s1");
    expect(to(null, "down")).toBe("s1");
    expect(to("s3", "last")).toBe("s8");
  });

  it("jumps over a hole in the room", () => {
    const holed = seats.filter((seat) => seat.seat_id !== "s6");
    expect(["s5", "s7"]).toContain(neighbour(holed, "s2", "down")?.seat_id);
    expect(neighbour(holed, "s5", "right")?.seat_id).toBe("s7");
  });
});
