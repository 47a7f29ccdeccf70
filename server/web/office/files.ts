/** Files up and down: what JSON calls cannot carry. Failures mean the same as in `@web/http`. */
import { Refused, standingHeaders, Unreachable } from "@web/http";
import type { Refusal } from "@web/wire_types";

import type { RosterProblem } from "./types";

const PATIENCE_MS = 120_000;

async function send(path: string, body: BodyInit, headers: Record<string, string>): Promise<Response> {
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(), PATIENCE_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      body,
      headers: { Accept: "*/*", ...standingHeaders, ...headers },
      credentials: "same-origin",
      cache: "no-store",
      signal: aborter.signal,
    });
  } catch (failure) {
    throw new Unreachable(String(failure));
  } finally {
    clearTimeout(timer);
  }
  if (response.ok) return response;
  let refusal: Refusal;
  try {
    refusal = (await response.json()) as Refusal;
  } catch {
    throw new Unreachable(`${response.status} without a code`);
  }
  throw new Refused(response.status, refusal);
}

/** A form with a file. Raises Refused, Unreachable. */
export async function upload<T>(path: string, form: FormData): Promise<T> {
  return (await (await send(path, form, {})).json()) as T;
}

/** A file that exists in one reply only. Raises Refused, Unreachable. */
export async function fetchOnce(path: string, body: unknown): Promise<Blob> {
  return (await send(path, JSON.stringify(body), { "Content-Type": "application/json" })).blob();
}

/** Hand a file to the browser's downloads. */
export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A cell for a spreadsheet: quoted, and never a formula. */
export function csvCell(value: string | number): string {
  const text = String(value);
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;
}

/** The report as a file that a spreadsheet program opens with the right characters. */
export function reportAsCsv(header: readonly string[], problems: readonly RosterProblem[], language: "zh" | "en"): Blob {
  const isZh = language === "zh";
  const lines = problems.map((one) => [one.row, one.cell, one.column, one.value, isZh ? one.message_zh : one.message_en, isZh ? one.remedy : one.remedy_en, one.code]);
  const text = [header, ...lines].map((cells) => cells.map(csvCell).join(",")).join("\r\n");
  return new Blob(["\ufeff", text, "\r\n"], { type: "text/csv;charset=utf-8" });
}
