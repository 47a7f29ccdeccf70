"""Deliver what the outbox holds to the certification workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scoring.connectors import Connector, DeliveryFailedError
from scoring.models import OutboxMessage
from scoring.outbox import due_messages, note_failure, note_success, signed_document
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import SYSTEM, Actor
from server.core.errors import MingyuanError
from server.storage.unit_of_work import UnitOfWork

#: So many transient failures in a row end the run: the receiver is down, and the rest would wait for nothing.
FAILURES_THAT_END_A_RUN = 3


@dataclass
class DeliveryRun:
    """What one run did. `failed` are tried again, `dead` wait for a person."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0


def deliver_outbox(
    uow: UnitOfWork,
    vault: Vault,
    connector: Connector,
    *,
    now: datetime | None = None,
    limit: int = 100,
    actor: Actor = SYSTEM,
) -> DeliveryRun:
    """Send due messages, at least once each; the stable key makes them count once at the receiver (P11).

    Nothing is sent inside a transaction. Killed between sending and noting the receipt, the next run sends again.
    Only one node should run this at a time (the caller holds the lease); two would merely send twice.

    Args:
        now: the moment that decides what is due; the clock's when None.
    """
    now = now or uow.clock.now()
    run = DeliveryRun()
    failures_in_a_row = 0
    with uow.read() as session:
        due = due_messages(session, now, limit)
    for message_id in due:
        failure = _deliver_one(uow, vault, connector, message_id, now, actor)
        if failure is None:
            run.delivered += 1
            failures_in_a_row = 0
        elif failure.is_final:
            run.dead += 1
        else:
            run.failed += 1
            failures_in_a_row += 1
            if failures_in_a_row == FAILURES_THAT_END_A_RUN:
                break
    return run


def _deliver_one(
    uow: UnitOfWork, vault: Vault, connector: Connector, message_id: str, now: datetime, actor: Actor
) -> DeliveryFailedError | None:
    receipt, failure = "", None
    try:
        with uow.read() as session:
            document = signed_document(session, vault, session.get_one(OutboxMessage, message_id))
        receipt = connector.deliver(document)
    except MingyuanError as refusal:
        failure = DeliveryFailedError(str(refusal), is_final=True)
    except DeliveryFailedError as caught:
        failure = caught
    with uow() as work:
        message = work.session.get_one(OutboxMessage, message_id, with_for_update=True)
        if message.delivered_at is not None:
            return None
        if failure is not None:
            note_failure(message, failure, now)
            return failure
        note_success(message, receipt, now)
        work.session.flush()
        record(
            work,
            actor,
            AuditAction.RESULTS_RESULTS_DELIVERED,
            f"result:{message.subject_id}",
            {"idempotency_key": message.idempotency_key, "receipt": receipt, "tries": message.tries},
        )
    return None
