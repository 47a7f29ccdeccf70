"""The arithmetic of the audit chain: how an entry is hashed, how a whole chain is judged.

`h[n] = SHA-256(h[n-1] || canonical JSON of entry n)`; both hashes as 64 lower-case hex digits, `h[0]` is 64 zeros.
Canonical JSON: keys sorted, no spaces, UTF-8, moments as ISO 8601 in UTC with microseconds. A chain alone does not stop
somebody who may rewrite all of it; that is what signed heads are for, once they have left the machine
(security-and-reliability.md 8).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FIRST_PREV_HASH = "0" * 64
HASHED_FIELDS = ("seq", "at", "actor", "role", "machine", "action", "subject", "detail", "reason")


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ended when somebody looked: number and hash of the last entry."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class HeadSignature:
    """A head signed by a node with Ed25519; `public_key` and `signature` in hex."""

    seq: int
    hash: str
    at: datetime
    node_id: str
    public_key: str
    signature: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Whether the chain is whole. `first_bad` is the number of the first entry that is wrong or missing.

    `problem`: ENTRY_CHANGED, ENTRY_MISSING, ENTRY_OUT_OF_ORDER, CHAIN_BROKEN, TAIL_CUT, HEAD_CHANGED,
    HEAD_REWRITTEN, SIGNATURE_WRONG, KEY_UNKNOWN, FILE_UNREADABLE, or "" when all is well.
    """

    ok: bool
    entries: int
    first_bad: int | None = None
    problem: str = ""


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value that is hashed and signed."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def moment_text(at: datetime) -> str:
    """A moment as it is hashed: UTC, microseconds always written."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def entry_hash(prev_hash: str, entry: Mapping[str, Any]) -> str:
    """Hash of one entry; `entry` holds at least `HASHED_FIELDS`, with `at` as text (`moment_text`)."""
    body = canonical_json({name: entry[name] for name in HASHED_FIELDS})
    return hashlib.sha256(prev_hash.encode() + body).hexdigest()


def head_message(seq: int, head_hash: str, at: datetime, node_id: str) -> bytes:
    """The bytes a node signs for a head."""
    body = {"seq": seq, "hash": head_hash, "at": moment_text(at), "node_id": node_id}
    return b"mingyuan/audit-head/1\n" + canonical_json(body)


def judge_chain(
    entries: Iterable[Mapping[str, Any]],
    heads: Iterable[HeadSignature] = (),
    head: Callable[[], Head | None] = lambda: None,
    *,
    is_signed_by: Callable[[HeadSignature], bool],
    trusted_keys: frozenset[str] = frozenset(),
) -> AuditVerdict:
    """Walk a chain from its first entry and name the first bad one.

    Args:
        entries: in stored order; each with `HASHED_FIELDS`, `prev_hash` and `hash`.
        heads: signed heads that this chain must contain, from the same store or from outside.
        head: what the store itself says is the end; asked after the last entry.
        is_signed_by: checks a head's signature with the key it names.
        trusted_keys: when not empty, only heads by these public keys (hex) are believed.
    """
    signed: dict[int, set[str]] = {}
    for signature in heads:
        if trusted_keys and signature.public_key not in trusted_keys:
            return AuditVerdict(ok=False, entries=0, first_bad=signature.seq, problem="KEY_UNKNOWN")
        if not is_signed_by(signature):
            return AuditVerdict(ok=False, entries=0, first_bad=signature.seq, problem="SIGNATURE_WRONG")
        signed.setdefault(signature.seq, set()).add(signature.hash)
    count, last = 0, FIRST_PREV_HASH
    for entry in entries:
        problem = _problem_of(entry, count + 1, last)
        if problem:
            return AuditVerdict(ok=False, entries=count, first_bad=count + 1, problem=problem)
        count, last = count + 1, entry["hash"]
        if signed.get(count, {last}) != {last}:
            return AuditVerdict(ok=False, entries=count, first_bad=count, problem="HEAD_REWRITTEN")
    if any(seq > count for seq in signed):
        return AuditVerdict(ok=False, entries=count, first_bad=count + 1, problem="TAIL_CUT")
    end = head()
    if end is not None and end != Head(count, last):
        is_cut = end.seq > count
        first_bad = count + 1 if is_cut else min(end.seq + 1, max(count, 1))
        return AuditVerdict(
            ok=False, entries=count, first_bad=first_bad, problem="TAIL_CUT" if is_cut else "HEAD_CHANGED"
        )
    return AuditVerdict(ok=True, entries=count)


def _problem_of(entry: Mapping[str, Any], expected_seq: int, prev_hash: str) -> str:
    try:
        if entry["seq"] != expected_seq:
            return "ENTRY_MISSING" if entry["seq"] > expected_seq else "ENTRY_OUT_OF_ORDER"
        if entry_hash(entry["prev_hash"], entry) != entry["hash"]:
            return "ENTRY_CHANGED"
        return "" if entry["prev_hash"] == prev_hash else "CHAIN_BROKEN"
    except (KeyError, TypeError, ValueError):
        return "ENTRY_CHANGED"
