"""Writing the audit log, and checking it.

`record` belongs at the end of a use case, after every other row was locked: from here to the commit the head row is
held, and all writers of entries stand in one line (on PostgreSQL by `FOR UPDATE`, on SQLite by the write turn).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.audit.actions import AuditAction
from server.audit.domain.chain import (
    FIRST_PREV_HASH,
    AuditVerdict,
    Head,
    HeadSignature,
    entry_hash,
    judge_chain,
    moment_text,
)
from server.audit.models import AuditEntry, AuditHead, SignedHead
from server.audit.signatures import is_signed_by
from server.core.actor import Actor
from server.storage.unit_of_work import Work

HEAD_ID = 1
READ_AT_A_TIME = 500


def record(
    work: Work,
    actor: Actor,
    action: AuditAction,
    subject: str,
    detail: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Append one entry in the caller's transaction (SZ-11 art.24: every step traceable).

    Args:
        subject: what it was done to, `"<thing>:<id>"`, at most 80 characters.
        detail: ids, states, counts; never item text, keys, PINs or full ID numbers. Must be JSON.
    """
    head = lock_head(work.session)
    entry = AuditEntry(
        seq=head.seq + 1,
        at=work.clock.now(),
        actor=_storable(actor.id, 64),
        role=actor.role.value,
        machine=_storable(actor.machine, 64),
        action=action.value,
        subject=_storable(subject, 80),
        detail=_as_stored(detail or {}),
        reason=_storable(reason),
        prev_hash=head.hash,
        hash="",
    )
    entry.hash = entry_hash(entry.prev_hash, entry_document(entry))
    head.seq, head.hash = entry.seq, entry.hash
    work.session.add(entry)
    work.session.flush()
    return entry


def lock_head(session: Session) -> AuditHead:
    """The head row, locked until the end of the transaction; made on first use."""
    query = select(AuditHead).where(AuditHead.id == HEAD_ID).with_for_update().execution_options(populate_existing=True)
    head = session.scalars(query).one_or_none()
    if head is None:
        # Two first writers may meet here on PostgreSQL: one inserts, the other waits and inserts nothing.
        dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
        row = {"id": HEAD_ID, "seq": 0, "hash": FIRST_PREV_HASH}
        session.execute(dialect.insert(AuditHead).values(row).on_conflict_do_nothing())
        head = session.scalars(query).one()
    return head


def verify(
    session: Session, trusted_keys: frozenset[str] = frozenset(), kept_heads: Iterable[HeadSignature] = ()
) -> AuditVerdict:
    """Judge the stored chain against itself, its head row and all signed heads. Others may go on writing meanwhile.

    Args:
        trusted_keys: public keys (hex) whose signed heads are believed; empty: any key that fits its signature.
        kept_heads: signed heads from elsewhere (an earlier export) that the chain must contain as well.
    """
    reading = ChainReading(session)
    return judge_chain(
        reading.entries(),
        [*read_signed_heads(session), *kept_heads],
        reading.head,
        is_signed_by=is_signed_by,
        trusted_keys=trusted_keys,
    )


class ChainReading:
    """One pass over the stored chain, page by page, that ends with a head fitting what was read.

    The head is read before each page: at the empty page everything up to that head has been handed out.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._head = Head(0, FIRST_PREV_HASH)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every entry as a document, in order of its number."""
        last: int | None = None
        while True:
            row = self._session.get(AuditHead, HEAD_ID, populate_existing=True)
            self._head = Head(row.seq, row.hash) if row else Head(0, FIRST_PREV_HASH)
            query = select(AuditEntry).order_by(AuditEntry.seq).limit(READ_AT_A_TIME)
            page = self._session.scalars(query if last is None else query.where(AuditEntry.seq > last)).all()
            yield from map(entry_document, page)
            if not page:
                return
            last = page[-1].seq

    def head(self) -> Head:
        """What the store says is the end; ask after the last entry."""
        return self._head


def read_signed_heads(session: Session) -> list[HeadSignature]:
    """All signed heads, oldest first."""
    return [
        HeadSignature(row.seq, row.hash, row.at, row.node_id, row.public_key, row.signature)
        for row in session.scalars(select(SignedHead).order_by(SignedHead.seq))
    ]


def entry_document(entry: AuditEntry) -> dict[str, Any]:
    """The JSON form of an entry: the hashed fields plus both hashes."""
    return {
        "seq": entry.seq,
        "at": moment_text(entry.at),
        "actor": entry.actor,
        "role": entry.role,
        "machine": entry.machine,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "reason": entry.reason,
        "prev_hash": entry.prev_hash,
        "hash": entry.hash,
    }


def _as_stored(detail: dict[str, Any]) -> dict[str, Any]:
    # What is hashed must be what comes back: tuples become lists, enum members their values, before the hash is taken.
    loaded: dict[str, Any] = json.loads(_storable(json.dumps(detail, ensure_ascii=False, allow_nan=False)))
    return loaded


def _storable(text: str, length: int | None = None) -> str:
    # Neither database keeps NUL or half a surrogate pair; a machine's name must not be able to stop the log.
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:length]
