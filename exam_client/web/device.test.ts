import "fake-indexeddb/auto";

import { beforeEach, expect, it, vi } from "vitest";

beforeEach(() => void vi.resetModules());
const anew = async (): Promise<string> => (await import("./device")).deviceSecret();

it("a PC is the same PC after a crash that took either of the two places with it", async () => {
  const first = await anew();
  localStorage.clear(); // a browser killed before it wrote its small storage
  vi.resetModules();
  expect(await anew()).toBe(first);
  const { forgetEverything } = await import("./journal");
  await forgetEverything();
  vi.resetModules();
  expect(await anew()).toBe(first);
});

it("a PC that was wiped is another PC", async () => {
  const first = await anew();
  localStorage.clear();
  await (await import("./journal")).forgetEverything();
  vi.resetModules();
  expect(await anew()).not.toBe(first);
});
