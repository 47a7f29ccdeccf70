"""The outbox: what is due, and what became of it. Rows stay for good; the receipt ends the retries."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scoring.connectors import DeliveryFailedError, SignedDocument
from scoring.domain.backoff import LONGEST_DELAY, next_delay
from scoring.domain.canonical import canonical_json
from scoring.hand_over import with_id_number
from scoring.models import OutboxMessage
from server.adapters.vault import Vault


def due_messages(session: Session, now: datetime, limit: int) -> list[str]:
    """Ids of undelivered messages whose next try has come, oldest first."""
    query = (
        select(OutboxMessage.id)
        .where(OutboxMessage.delivered_at.is_(None), OutboxMessage.dead_at.is_(None))
        .where(OutboxMessage.next_try_at <= now)
        .order_by(OutboxMessage.created_at, OutboxMessage.idempotency_key)
        .limit(limit)
    )
    return list(session.scalars(query))


def signed_document(session: Session, vault: Vault, message: OutboxMessage) -> SignedDocument:
    """The message as it leaves the house: full ID number, canonical, signed. Byte for byte the same on every try.

    Raises:
        NotFound, Forbidden: the candidate's ID number cannot be read.
    """
    body = canonical_json(with_id_number(session, vault, message.payload))
    return SignedDocument(message.idempotency_key, body, vault.sign(body), vault.public_key_hex())


def note_success(message: OutboxMessage, receipt: str, now: datetime) -> None:
    """The receiver has it."""
    message.tries += 1
    message.delivered_at, message.receipt, message.last_error = now, receipt, ""


def note_failure(message: OutboxMessage, failure: DeliveryFailedError, now: datetime) -> None:
    """Not delivered: wait longer each time, or lay it aside for a person when the receiver said never."""
    message.tries += 1
    message.last_error = str(failure)[:2000]
    if failure.is_final:
        message.dead_at = now
        return
    delay = max(
        next_delay(message.tries), min(failure.retry_after, LONGEST_DELAY) if failure.retry_after else next_delay(1)
    )
    message.next_try_at = now + delay


def outbox_counts(session: Session) -> dict[str, int]:
    """`waiting`, `delivered`, `dead` over all messages."""
    counts: Counter[str] = Counter()
    for delivered_at, dead_at in session.execute(select(OutboxMessage.delivered_at, OutboxMessage.dead_at)):
        counts["delivered" if delivered_at else "dead" if dead_at else "waiting"] += 1
    return {name: counts[name] for name in ("waiting", "delivered", "dead")}


def dead_letters(session: Session) -> list[OutboxMessage]:
    """Messages a receiver refused for good, oldest first."""
    return list(
        session.scalars(
            select(OutboxMessage).where(OutboxMessage.dead_at.is_not(None)).order_by(OutboxMessage.created_at)
        )
    )
