/** How far a bank is on its way to 1,200 items. Pure. */

/** GET /api/bank/readiness: the object of `bank readiness --json`. */
export interface Readiness {
  accepted: number;
  required: number;
  /** by kind: a number, or accepted and required */
  by_type: Record<string, number | { accepted: number; required?: number }>;
  by_point: PointRow[];
  duplicates: number;
  papers_possible: number;
  ready: boolean;
}
export interface PointRow {
  point: string;
  title?: string;
  accepted: number;
  required: number;
}
export interface TypeRow {
  kind: string;
  accepted: number;
  required: number | null;
}

export function typeRows(readiness: Readiness): TypeRow[] {
  return Object.entries(readiness.by_type).map(([kind, value]) =>
    typeof value === "number" ? { kind, accepted: value, required: null } : { kind, accepted: value.accepted, required: value.required ?? null },
  );
}

/** Points with too few items, the largest gap first. */
export function gaps(readiness: Readiness): (PointRow & { missing: number })[] {
  return readiness.by_point
    .map((row) => ({ ...row, missing: row.required - row.accepted }))
    .filter((row) => row.missing > 0)
    .sort((a, b) => b.missing - a.missing || a.point.localeCompare(b.point));
}

/** 0 … 1 of the way; a bank without a requirement is not ready, it is unknown. */
export function partDone(accepted: number, required: number): number {
  return required > 0 ? Math.min(1, accepted / required) : 0;
}
