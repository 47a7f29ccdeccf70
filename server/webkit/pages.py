"""The HTML shells of our pages: an empty frame, the built script and style, nothing inline."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import render_template

from server.core.errors import Unavailable

DIST = Path(__file__).parents[1] / "static" / "dist"


def manifest() -> dict[str, Any]:
    """What the page build wrote: source entry → files. Read again when the pages were built again.

    Raises:
        Unavailable: `PAGES_NOT_BUILT`.
    """
    path = DIST / "manifest.json"
    if not path.exists():
        raise Unavailable(
            "PAGES_NOT_BUILT", "页面尚未构建，请运行 make setup。", "The pages have not been built: run make setup."
        )
    return _read(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _read(path: Path, _built_at: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def page(entry: str, title: str, nodes: Sequence[str] = ()) -> str:
    """The shell of one entry, e.g. `exam_client/web/main.ts`; `nodes`: where else the page may ask from its first moment.

    Raises:
        Unavailable: `PAGES_NOT_BUILT`.
    """
    files = manifest()
    if entry not in files:
        raise Unavailable(
            "PAGES_NOT_BUILT", "页面尚未构建，请运行 make setup。", "The pages have not been built: run make setup."
        )
    seen: set[str] = set()
    styles: list[str] = []

    def collect(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for imported in files[name].get("imports", []):
            collect(imported)
        styles.extend(s for s in files[name].get("css", []) if s not in styles)

    collect(entry)
    return render_template("shell.html", title=title, script=files[entry]["file"], styles=styles, nodes=nodes)
