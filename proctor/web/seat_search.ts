/** Finding a candidate by name, pinyin initials, the end of the ticket number, or the seat number. Pure. */
import type { SeatCard } from "./wire_types";

/** Seats that match, best first; nothing typed finds nothing. */
export function findSeats(seats: readonly SeatCard[], typed: string): SeatCard[] {
  const query = typed.normalize("NFKC").trim().toLowerCase();
  if (!query) return [];
  const ranked = seats
    .map((seat) => ({ seat, rank: rankOf(seat, query) }))
    .filter(({ rank }) => rank > 0)
    .sort((a, b) => b.rank - a.rank || a.seat.number - b.seat.number);
  return ranked.map(({ seat }) => seat);
}

function rankOf(seat: SeatCard, query: string): number {
  if (/^\d+$/.test(query)) {
    if (seat.number === Number(query)) return 5;
    // One or two digits mean a seat; more of them are the end of a ticket number.
    return query.length >= 2 && seat.ticket_number.endsWith(query) ? 3 : 0;
  }
  const name = seat.name.normalize("NFKC").toLowerCase();
  if (name && name === query) return 5;
  if (name.startsWith(query)) return 4;
  if (name.includes(query)) return 3;
  return pinyinRank(seat.pinyin.toLowerCase(), query.replaceAll(/[\s']/g, ""));
}

/** `pinyin` may hold syllables ("chen xiao ming"), initials ("cxm") or both. */
function pinyinRank(pinyin: string, query: string): number {
  if (!pinyin || !query) return 0;
  const parts = pinyin.split(/[\s,;/|]+/).filter(Boolean);
  const initials = parts.map((part) => part[0]).join("");
  if (initials === query || parts.includes(query)) return 4;
  if (initials.startsWith(query) || parts.join("").startsWith(query)) return 3;
  return parts.some((part) => part.startsWith(query)) ? 2 : 0;
}
