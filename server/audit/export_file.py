"""The audit log as a file: JSON lines, readable and verifiable without a server or a database.

First all entries in order (`{"type": "entry", …}`), then the signed heads (`{"type": "signed_head", …}`), last one line
`{"type": "head", "seq", "hash"}`. Somebody who keeps such a file, or only its last lines, can later prove a rewrite.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy.orm import Session

from server.audit.domain.chain import (
    AuditVerdict,
    Head,
    HeadSignature,
    canonical_json,
    judge_chain,
    moment_text,
)
from server.audit.log import ChainReading, read_signed_heads
from server.audit.signatures import is_signed_by


def write_export(session: Session, file: TextIO) -> int:
    """Write the whole log; returns the number of entries."""
    count = 0
    reading = ChainReading(session)
    for entry in reading.entries():
        file.write(_line({"type": "entry"} | entry))
        count += 1
    file.writelines(map(signed_head_line, read_signed_heads(session)))
    head = reading.head()
    file.write(_line({"type": "head", "seq": head.seq, "hash": head.hash}))
    return count


def signed_head_line(signed: HeadSignature) -> str:
    """A signed head as one line: what to print or carry away."""
    return _line({"type": "signed_head"} | dataclasses.asdict(signed) | {"at": moment_text(signed.at)})


def verify_export(
    path: Path, trusted_keys: frozenset[str] = frozenset(), kept_heads: Iterable[HeadSignature] = ()
) -> AuditVerdict:
    """Judge an exported log. A file without its closing `head` line was cut off: TAIL_CUT.

    Args:
        kept_heads: signed heads from elsewhere that the file must contain as well.

    Raises:
        OSError: the file cannot be read.
    """
    heads, head = read_heads(path)
    verdict = judge_chain(
        _entries(path), [*heads, *kept_heads], lambda: head, is_signed_by=is_signed_by, trusted_keys=trusted_keys
    )
    if verdict.ok and head is None:
        return AuditVerdict(ok=False, entries=verdict.entries, first_bad=verdict.entries + 1, problem="TAIL_CUT")
    return verdict


def read_heads(path: Path) -> tuple[list[HeadSignature], Head | None]:
    """Signed heads and the closing head of an exported file; unreadable lines are left to `verify_export`."""
    signed: list[HeadSignature] = []
    head: Head | None = None
    for line in _documents(path):
        if line.get("type") == "signed_head":
            signed.append(_signed_head(line))
        elif line.get("type") == "head":
            head = Head(int(line["seq"]), str(line["hash"]))
    return signed, head


def _signed_head(line: dict[str, Any]) -> HeadSignature:
    try:
        at = datetime.fromisoformat(str(line["at"]))
        return HeadSignature(
            int(line["seq"]),
            str(line["hash"]),
            at,
            str(line["node_id"]),
            str(line["public_key"]),
            str(line["signature"]),
        )
    except (KeyError, ValueError):
        # Something was done to this line: keep its number so that the verdict can name it, with a signature nobody made.
        return HeadSignature(
            int(line.get("seq", 1)), "", datetime.fromisoformat("1970-01-01T00:00:00+00:00"), "", "", ""
        )


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    return (line for line in _documents(path) if line.get("type") not in {"signed_head", "head"})


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            # A line that is no JSON object stands for an entry that was destroyed: it fails where it stands.
            yield line if isinstance(line, dict) else {"type": "entry"}


def _line(document: dict[str, Any]) -> str:
    return canonical_json(document).decode() + "\n"
