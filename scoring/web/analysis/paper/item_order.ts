/** Which items are shown, in which order. Pure. */
import { isNumber } from "../charts/scale";
import type { ItemRow } from "../wire_types";

export type SortKey = "item" | "kind" | "point" | "n" | "p" | "d" | "r" | "b" | "omitted" | "median_s" | "flags";
type Value = string | number | null;

const VALUES: Record<SortKey, (row: ItemRow) => Value> = {
  item: (row) => row.label,
  kind: (row) => row.kind,
  point: (row) => row.point,
  n: (row) => row.figures.n,
  p: (row) => row.figures.p,
  d: (row) => row.figures.d27,
  r: (row) => row.figures.item_rest_r,
  b: (row) => row.figures.b,
  omitted: (row) => row.figures.omitted,
  median_s: (row) => row.figures.median_seconds,
  flags: (row) => row.figures.flags.length,
};

function compare(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return a.localeCompare(b, "zh", { numeric: true });
  return Number(a) - Number(b);
}

/** Sorted copy; what has no figure comes last whichever way one sorts, equal ones by label. */
export function sortItems(rows: readonly ItemRow[], key: SortKey, isDown: boolean): ItemRow[] {
  const value = VALUES[key];
  const isMissing = (each: Value) => each === null || (typeof each === "number" && !isNumber(each));
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (isMissing(x) !== isMissing(y)) return isMissing(x) ? 1 : -1;
    const order = isMissing(x) ? 0 : (isDown ? -1 : 1) * compare(x, y);
    return order || compare(a.label, b.label);
  });
}

export interface Wanted {
  onlyFlagged: boolean;
  form: string;
  text: string;
}
export function chooseItems(rows: readonly ItemRow[], wanted: Wanted): ItemRow[] {
  const text = wanted.text.normalize("NFKC").trim().toLowerCase();
  return rows.filter(
    (row) =>
      (!wanted.onlyFlagged || row.figures.flags.length > 0) &&
      (!wanted.form || row.forms.includes(wanted.form)) &&
      (!text || row.label.toLowerCase().includes(text) || row.point.toLowerCase().includes(text)),
  );
}
