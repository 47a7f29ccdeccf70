"""The journal of one candidate's PC as a file on a stick: made by the page, read by this server alone.

    {"format": "mingyuan-journal/1", "attempt_id", "script_id", "device", "ticket_tail", "made_at_ms", "count", "cipher"}

`ticket_tail` is for the person who carries it. `cipher` is base64 of an AES-256-GCM envelope (layout as in `server/adapters/vault.py`) with all other fields as associated
data; inside is `{"entries": [{seq, page_id, epoch, kind, item, value, client_time_ms, client_monotonic_ms, standing, link}]}`.
`link` is AES-CMAC over the link before it and the entry's line, so that no entry can be taken out or put in between.
Both keys belong to one attempt on one device. They are derived, never stored, and given to the page with the paper's key:
whoever carries the file learns nothing from it and changes nothing in it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.adapters.vault import Vault, open_with
from server.core.errors import Forbidden, InvalidInput
from server.delivery.wire import Entry, ExportTicket, PageId

FORMAT = "mingyuan-journal/1"
LARGEST_BYTES = 2_000_000
_BOUND = ("format", "attempt_id", "script_id", "device", "ticket_tail", "made_at_ms", "count")


class KeptEntry(Entry):
    """An entry as the PC kept it."""

    #: never left out here: a file may hold entries of several pages
    page_id: PageId
    #: the fencing number under which it was made
    epoch: int = Field(ge=1, le=1_000_000)


class _Linked(KeptEntry):
    standing: str | None = None
    link: str


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["mingyuan-journal/1"]
    attempt_id: str = Field(max_length=40)
    script_id: str = Field(max_length=40)
    device: str = Field(pattern=r"^[a-f0-9]{64}$")
    ticket_tail: str = Field(max_length=8)
    made_at_ms: int
    count: int = Field(ge=0, le=100_000)
    cipher: str


@dataclass(frozen=True, slots=True)
class JournalFile:
    """What was read and found whole."""

    attempt_id: str
    script_id: str
    device_hash: str
    made_at_ms: int
    sha256: str
    entries: tuple[KeptEntry, ...]


def export_ticket(vault: Vault, attempt_id: str, script_id: str, device_hash: str) -> ExportTicket:
    """What the page needs to write the file, also when no server is there."""
    seal_key, chain_key = _keys(vault, attempt_id, device_hash)
    return ExportTicket(
        attempt_id=attempt_id,
        script_id=script_id,
        device=device_hash,
        seal_key=base64.b64encode(seal_key).decode(),
        chain_key=base64.b64encode(chain_key).decode(),
    )


def read_journal_file(vault: Vault, text: str) -> JournalFile:
    """Open the file and check that nothing in it was changed.

    Raises:
        InvalidInput: `JOURNAL_FILE_UNREADABLE`: not such a file at all.
        Forbidden: `JOURNAL_FILE_CHANGED`: it does not open, or its chain is broken.
    """
    try:
        envelope = _Envelope.model_validate_json(text)
        cipher = base64.b64decode(envelope.cipher, validate=True)
    except (ValidationError, binascii.Error, ValueError):
        raise InvalidInput(
            "JOURNAL_FILE_UNREADABLE",
            "这不是考试机导出的作答文件（.myj）。请在原考试机上重新导出。",
            "This is not a journal file of an exam PC (.myj). Export it again there.",
        ) from None
    seal_key, chain_key = _keys(vault, envelope.attempt_id, envelope.device)
    try:
        document = json.loads(open_with(seal_key, cipher, _associated(envelope.model_dump())))
        linked = [_Linked.model_validate(one) for one in document["entries"]]
    except (Forbidden, ValidationError, ValueError, KeyError, TypeError):
        raise _changed() from None
    links = chain(chain_key, [_line(one) for one in linked])
    if len(linked) != envelope.count or not all(
        hmac.compare_digest(one.link, link) for one, link in zip(linked, links, strict=True)
    ):
        raise _changed()
    return JournalFile(
        attempt_id=envelope.attempt_id,
        script_id=envelope.script_id,
        device_hash=envelope.device,
        made_at_ms=envelope.made_at_ms,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        entries=tuple(KeptEntry(**one.model_dump(exclude={"standing", "link"})) for one in linked),
    )


def chain(key: bytes, lines: Sequence[str]) -> list[str]:
    """The link of every line, in hex."""
    links: list[str] = []
    before = b""
    for line in lines:
        mac = CMAC(AES(key))
        mac.update(before + line.encode())
        before = mac.finalize()
        links.append(before.hex())
    return links


def _line(entry: KeptEntry) -> str:
    parts = [
        entry.seq, entry.page_id, entry.epoch, entry.kind, entry.item, entry.value,
        entry.client_time_ms, entry.client_monotonic_ms,
    ]  # fmt: skip
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def _associated(fields: Mapping[str, Any]) -> str:
    return "|".join(str(fields[name]) for name in _BOUND)


def _keys(vault: Vault, attempt_id: str, device_hash: str) -> tuple[bytes, bytes]:
    seal, link = (
        bytes.fromhex(vault.keyed_hash(f"delivery/journal-file/{use}", f"{attempt_id}|{device_hash}"))
        for use in ("seal", "chain")
    )
    return seal, link


def _changed() -> Forbidden:
    return Forbidden(
        "JOURNAL_FILE_CHANGED",
        "文件打不开或内容被改动过，不能导入。请在原考试机上重新导出；再不行请封存该机。",
        "The file does not open or was changed; it cannot be imported. Export it again, or keep that PC sealed.",
    )
