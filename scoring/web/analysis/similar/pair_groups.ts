/** Pairs of a room, numbered once for map, list and words. Pure. */
import type { PairLine, RoomMap } from "../wire_types";

export interface NumberedPair {
  n: number;
  pair: PairLine;
  /** rooms of the two; empty when a seat is not known */
  rooms: [string, string];
}

/** Flagged pairs in the server's order get their numbers from 1, the rest go on counting. */
export function numberPairs(pairs: readonly PairLine[], rooms: readonly RoomMap[]): NumberedPair[] {
  const roomOf = new Map(rooms.flatMap((room) => room.seats.flatMap((seat) => (seat.attempt_id ? [[seat.attempt_id, room.room_id] as const] : []))));
  return pairs.map((pair, at) => ({ n: at + 1, pair, rooms: [roomOf.get(pair.a) ?? "", roomOf.get(pair.b) ?? ""] }));
}

export const isFlagged = (numbered: NumberedPair): boolean => numbered.pair.flagged_by.length > 0;
export const touches = (numbered: NumberedPair, roomId: string): boolean => numbered.rooms.includes(roomId);
export const within = (numbered: NumberedPair, roomId: string): boolean => numbered.rooms[0] === roomId && numbered.rooms[1] === roomId;

/** The room to open with: the one asked for, else the one with most flagged pairs, else the first. */
export function roomToShow(rooms: readonly RoomMap[], numbered: readonly NumberedPair[], asked: string): RoomMap | null {
  const wanted = rooms.find((room) => room.room_id === asked);
  if (wanted) return wanted;
  const count = (room: RoomMap) => numbered.filter((each) => isFlagged(each) && touches(each, room.room_id)).length;
  return [...rooms].sort((a, b) => count(b) - count(a))[0] ?? null;
}

/** The smaller of the two chances that were judged: what the pair is known for. */
export function smallestChance(pair: PairLine): number {
  return pair.letters_p !== null && (pair.flagged_by.includes("letters") || !pair.judged) ? Math.min(pair.letters_p, pair.judged ? pair.p : 1) : pair.p;
}
