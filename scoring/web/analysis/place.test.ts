import { expect, it } from "vitest";

import { caseAddress, itemAddress, paperAddress, placeOf, similarAddress } from "./place";

const read = (address: string) => placeOf(new URL(address, "http://x").search);

it("reads back every address that it writes, whatever stands in the ids", () => {
  const odd = "a&b=c ?#中";
  expect(read(paperAddress(odd))).toEqual({ page: "paper", sittingId: odd });
  expect(read(itemAddress(odd))).toEqual({ page: "item", versionId: odd, sittingId: "" });
  expect(read(itemAddress("v", odd))).toEqual({ page: "item", versionId: "v", sittingId: odd });
  expect(read(similarAddress(odd))).toEqual({ page: "room", sittingId: odd, roomId: "" });
  expect(read(similarAddress("s", odd))).toEqual({ page: "room", sittingId: "s", roomId: odd });
  expect(read(caseAddress(odd))).toEqual({ page: "case", caseId: odd });
  expect(placeOf("")).toEqual({ page: "list" });
});
