"""Journal files as a candidate's page writes them: the other half of `server/delivery/journal_file.py`."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from server.adapters.vault import seal_with
from server.delivery.journal_file import FORMAT, chain
from server.delivery.wire import ExportTicket


def an_entry(seq: int, item: str, value: Sequence[str], **changes: Any) -> dict[str, Any]:
    known = {
        "seq": seq, "page_id": "a" * 32, "epoch": 1, "kind": "answer", "item": item, "value": list(value),
        "client_time_ms": 0, "client_monotonic_ms": seq * 1000, "standing": None,
    }  # fmt: skip
    return {**known, **changes}


def a_journal_file(ticket: ExportTicket, entries: Sequence[dict[str, Any]], made_at_ms: int = 1) -> str:
    """The text of a .myj file."""
    names = ("seq", "page_id", "epoch", "kind", "item", "value", "client_time_ms", "client_monotonic_ms")
    lines = [json.dumps([one[name] for name in names], separators=(",", ":")) for one in entries]
    links = chain(base64.b64decode(ticket.chain_key), lines)
    head = {
        "format": FORMAT, "attempt_id": ticket.attempt_id, "script_id": ticket.script_id, "device": ticket.device,
        "ticket_tail": "0212", "made_at_ms": made_at_ms, "count": len(entries),
    }  # fmt: skip
    inside = {"entries": [{**one, "link": link} for one, link in zip(entries, links, strict=True)]}
    cipher = seal_with(
        base64.b64decode(ticket.seal_key), json.dumps(inside).encode(), "|".join(str(part) for part in head.values())
    )
    return json.dumps({**head, "cipher": base64.b64encode(cipher).decode()})
