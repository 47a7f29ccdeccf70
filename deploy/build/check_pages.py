"""Holds the built pages to their budgets: size, no other host, and the oldest browser the candidate page runs on."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DIST = Path(__file__).resolve().parents[2] / "server/static/dist"

# First load, gzip, in KB of 1,000 bytes: an exam PC may be ten years old, and a room opens the page in one minute.
SCRIPT_BUDGET_KB = {"candidate": 90, **dict.fromkeys(("board", "staff", "office", "results", "analysis", "bank"), 400)}
# Script, style, pictures and fonts together.
WHOLE_BUDGET_KB = {"candidate": 300}

# Addresses that libraries carry as text and never ask for; anything else means a page talks to another host.
HARMLESS_ADDRESSES = {
    "http://www.w3.org/": "names of SVG and MathML, not places",
    "https://vuejs.org/error-reference/": "Vue's error text in production names its explanation",
    "https://github.com/vuejs/": "a warning of Vue's names the change it speaks of",
    "https://element-plus.org/": "a warning of Element Plus names the page of the component",
    "https://socket.io/docs/": "an error of Socket.IO's client names its migration guide",
    "https://developer.mozilla.org/": "a licence or warning text names a page of documentation",
}

# Newer than Chromium 87 and not compiled away: browser calls and style rules that an exam PC would not know.
# Newer methods of the language itself are refused by the type check: `lib` in tsconfig.json ends at ES2021.
TOO_NEW_FOR_CANDIDATE = {
    r"(?<!typeof )\bstructuredClone\(": "structuredClone: Chromium 98",
    r"\bcrypto\.randomUUID\(": "crypto.randomUUID: Chromium 92, and on a secure address alone",
    r"\bAbortSignal\.(timeout|any)\(": "AbortSignal.timeout: Chromium 103",
    r":has\(": ":has(): Chromium 105",
    r"@container\b": "container queries: Chromium 105",
    r"@layer\b": "cascade layers: Chromium 99",
    r"color-mix\(": "color-mix(): Chromium 111",
    r"\d(d|s|l)v[hw]\b": "dynamic viewport units: Chromium 108",
}

ADDRESS = re.compile(r"""(?:https?|wss?)://[^\s"'`)<>\\,;]+""")

Manifest = dict[str, dict[str, Any]]


def first_load(manifest: Manifest, key: str) -> set[str]:
    """The files a page needs before it works: its own and all it imports, without what it loads later."""
    found: set[str] = set()
    waiting, seen = [key], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        chunk = manifest[current]
        found.update([chunk["file"], *chunk.get("css", []), *chunk.get("assets", [])])
        waiting.extend(chunk.get("imports", []))
    return found


def gzip_kb(files: set[str]) -> float:
    return sum(len(gzip.compress((DIST / name).read_bytes(), 9)) for name in files) / 1000


def size_faults(entry: str, files: set[str]) -> Iterator[str]:
    script = gzip_kb({name for name in files if name.endswith(".js")})
    whole = gzip_kb(files)
    print(f"  {entry:<10} script {script:6.1f} KB   in all {whole:6.1f} KB")
    if script > SCRIPT_BUDGET_KB.get(entry, script):
        yield f"{entry}: {script:.1f} KB of script at first load, {SCRIPT_BUDGET_KB[entry]} are allowed"
    if whole > WHOLE_BUDGET_KB.get(entry, whole):
        yield f"{entry}: {whole:.1f} KB at first load, {WHOLE_BUDGET_KB[entry]} are allowed"


def address_faults(path: Path) -> Iterator[str]:
    for address in sorted(set(ADDRESS.findall(path.read_text(encoding="utf-8")))):
        if not address.startswith(tuple(HARMLESS_ADDRESSES)):
            yield f"{path.name} holds the address {address}"


def age_faults(files: set[str]) -> Iterator[str]:
    for name in sorted(files):
        if name.endswith((".js", ".css")):
            text = (DIST / name).read_text(encoding="utf-8")
            yield from (
                f"{name} uses {what}" for pattern, what in TOO_NEW_FOR_CANDIDATE.items() if re.search(pattern, text)
            )


def faults() -> Iterator[str]:
    manifest: Manifest = json.loads((DIST / "manifest.json").read_text(encoding="utf-8"))
    for key, chunk in manifest.items():
        if not chunk.get("isEntry"):
            continue
        files = first_load(manifest, key)
        yield from size_faults(chunk["name"], files)
        if chunk["name"] == "candidate":
            yield from age_faults(files)
    for path in sorted(DIST.rglob("*")):
        if path.suffix in {".js", ".css", ".html", ".svg"}:
            yield from address_faults(path)


def main() -> int:
    found = list(faults())
    for fault in found:
        print(f"  FAULT {fault}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
