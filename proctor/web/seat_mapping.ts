/** Who goes to which seat of the other room: the same number where it is free, the others in order of their numbers. */

export interface Numbered {
  id: string;
  number: number;
}

/** From person to seat, in the order of the present seats. Whoever finds no seat is missing from it. */
export function mapSeats(people: readonly Numbered[], free: readonly Numbered[], sameNumbers: boolean): Map<string, string> {
  const left = new Map(free.map((seat) => [seat.number, seat.id]));
  const mapping = new Map<string, string>();
  const ordered = [...people].sort((a, b) => a.number - b.number);
  if (sameNumbers) {
    for (const person of ordered) {
      const seat = left.get(person.number);
      if (seat === undefined) continue;
      mapping.set(person.id, seat);
      left.delete(person.number);
    }
  }
  const rest = [...left.keys()].sort((a, b) => a - b);
  for (const person of ordered) {
    if (mapping.has(person.id)) continue;
    const number = rest.shift();
    if (number !== undefined) mapping.set(person.id, left.get(number) as string);
  }
  return mapping;
}
