/** What stands beside the likeness of a pair, in words; what is not known is not said. */
import { fixed } from "../figures";
import type { PairLine } from "../wire_types";
import { t } from "../words";

export function factsOf(pair: PairLine): string[] {
  const names = { a: pair.a_place, b: pair.b_place };
  const found: string[] = [];
  if (pair.seat_distance !== null) found.push(t("factSeat", { n: fixed(pair.seat_distance, 0) }));
  if (pair.same_class !== null) found.push(t(pair.same_class ? "factClass" : "factNotClass"));
  if (pair.same_machine) found.push(t("factMachine"));
  if (pair.a_first !== null || pair.b_first !== null) found.push(t("factFirst", { ...names, m: pair.a_first ?? "—", n: pair.b_first ?? "—" }));
  if (pair.a_changed_to_b !== null || pair.b_changed_to_a !== null) found.push(t("factChanged", { ...names, m: pair.a_changed_to_b ?? "—", n: pair.b_changed_to_a ?? "—" }));
  if (pair.pace_r !== null) found.push(t("factPace", { r: fixed(pair.pace_r) }));
  return found;
}
