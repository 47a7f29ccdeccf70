/** Which seats are chosen, and where the keyboard goes next. Pure. */
import type { SeatCard } from "./wire_types";

export interface Selection {
  /** chosen seats, in the order in which they were chosen */
  readonly ids: readonly string[];
  /** from where shift extends, and where the keyboard is */
  readonly anchor: string | null;
  readonly focus: string | null;
}

export const NOTHING: Selection = { ids: [], anchor: null, focus: null };

export function chooseOne(seatId: string): Selection {
  return { ids: [seatId], anchor: seatId, focus: seatId };
}

export function chooseMany(seatIds: readonly string[]): Selection {
  const first = seatIds[0] ?? null;
  return { ids: [...new Set(seatIds)], anchor: first, focus: first };
}

/** Ctrl-click, or the space bar. */
export function toggle(selection: Selection, seatId: string): Selection {
  const ids = selection.ids.includes(seatId)
    ? selection.ids.filter((id) => id !== seatId)
    : [...selection.ids, seatId];
  return { ids, anchor: seatId, focus: seatId };
}

/** Shift-click: the rectangle between the anchor and the seat, as it lies in the room. */
export function extendTo(selection: Selection, seats: readonly SeatCard[], seatId: string): Selection {
  const from = seats.find((seat) => seat.seat_id === (selection.anchor ?? seatId));
  const to = seats.find((seat) => seat.seat_id === seatId);
  if (!from || !to) return chooseOne(seatId);
  const [top, bottom] = [Math.min(from.row, to.row), Math.max(from.row, to.row)];
  const [left, right] = [Math.min(from.column, to.column), Math.max(from.column, to.column)];
  const ids = seats
    .filter((seat) => seat.row >= top && seat.row <= bottom && seat.column >= left && seat.column <= right)
    .map((seat) => seat.seat_id);
  return { ids, anchor: from.seat_id, focus: seatId };
}

/** Seats that have gone are forgotten. */
export function keepExisting(selection: Selection, seats: readonly SeatCard[]): Selection {
  const there = new Set(seats.map((seat) => seat.seat_id));
  const ids = selection.ids.filter((id) => there.has(id));
  const still = (id: string | null) => (id !== null && there.has(id) ? id : null);
  return { ids, anchor: still(selection.anchor), focus: still(selection.focus) };
}

export type Step = "up" | "down" | "left" | "right" | "first" | "last";

/** The seat that lies next in that direction; the same one at the edge of the room. */
export function neighbour(seats: readonly SeatCard[], fromId: string | null, step: Step): SeatCard | undefined {
  const from = seats.find((seat) => seat.seat_id === fromId);
  if (!from || step === "first") return seats[0];
  if (step === "last") return seats[seats.length - 1];
  const nearest = (candidates: readonly SeatCard[], distance: (seat: SeatCard) => number) =>
    candidates.reduce<SeatCard | undefined>(
      (best, seat) => (best === undefined || distance(seat) < distance(best) ? seat : best),
      undefined,
    ) ?? from;
  switch (step) {
    case "left":
      return nearest(
        seats.filter((seat) => seat.row === from.row && seat.column < from.column),
        (seat) => from.column - seat.column,
      );
    case "right":
      return nearest(
        seats.filter((seat) => seat.row === from.row && seat.column > from.column),
        (seat) => seat.column - from.column,
      );
    case "up":
      return nearest(
        seats.filter((seat) => seat.row < from.row),
        (seat) => (from.row - seat.row) * 1000 + Math.abs(seat.column - from.column),
      );
    case "down":
      return nearest(
        seats.filter((seat) => seat.row > from.row),
        (seat) => (seat.row - from.row) * 1000 + Math.abs(seat.column - from.column),
      );
  }
}
