/** What the address asks for, and addresses of the analysis pages. Every page is an address, so that going back works. */

export type Place =
  | { page: "list" }
  | { page: "paper"; sittingId: string }
  | { page: "item"; versionId: string; sittingId: string }
  | { page: "room"; sittingId: string; roomId: string }
  | { page: "case"; caseId: string };

export function placeOf(search: string): Place {
  const asked = new URLSearchParams(search);
  const sittingId = asked.get("sitting") ?? "";
  const versionId = asked.get("item");
  const caseId = asked.get("case");
  if (caseId) return { page: "case", caseId };
  if (versionId) return { page: "item", versionId, sittingId };
  if (sittingId && asked.has("similar")) return { page: "room", sittingId, roomId: asked.get("room") ?? "" };
  return sittingId ? { page: "paper", sittingId } : { page: "list" };
}

const on = (values: Record<string, string>) => `/analysis?${new URLSearchParams(values).toString()}`;
export const paperAddress = (sittingId: string) => on({ sitting: sittingId });
export const itemAddress = (versionId: string, sittingId = "") => on(sittingId ? { item: versionId, sitting: sittingId } : { item: versionId });
export const similarAddress = (sittingId: string, roomId = "") => on(roomId ? { sitting: sittingId, similar: "1", room: roomId } : { sitting: sittingId, similar: "1" });
export const caseAddress = (caseId: string) => on({ case: caseId });
