"""What the certification workflow is told about one result, and how it gets into the outbox.

The outbox never holds a full ID number: it is decrypted at the moment of delivery and nowhere else.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from scoring.models import OutboxMessage, Result
from server.adapters.vault import Vault
from server.core.errors import NotFound
from server.core.ids import new_id
from server.delivery.models import Attempt
from server.scheduling.id_numbers import open_id_number
from server.scheduling.models import AdmissionTicket, Candidate, Centre, Sitting
from server.storage.unit_of_work import Work

TOPIC = "result"
FORMAT = "mingyuan-result/1"


def points_text(hundredths: int | None) -> str | None:
    """1/100 points as people write them: 6000 → "60.00"."""
    return None if hundredths is None else f"{hundredths // 100}.{hundredths % 100:02d}"


def idempotency_key(result: Result) -> str:
    """The same for every delivery of this revision of this result, on every node and after every restart."""
    return f"{TOPIC}-{result.id}-{result.revision}"


def put_into_outbox(work: Work, result: Result) -> OutboxMessage:
    """Queue a released or amended result in the transaction that released it (rule 10: outbox, not dual writes)."""
    now = work.clock.now()
    message = OutboxMessage(
        id=new_id(),
        idempotency_key=idempotency_key(result),
        topic=TOPIC,
        subject_id=result.id,
        payload=payload_of(work.session, result),
        created_at=now,
        next_try_at=now,
    )
    work.session.add(message)
    return message


def payload_of(session: Session, result: Result) -> dict[str, Any]:
    """JSON of one result, the ID number masked. Scores as text and as whole 1/100 points; None when there is none."""
    attempt = session.get_one(Attempt, result.attempt_id)
    ticket = session.get_one(AdmissionTicket, attempt.ticket_id)
    candidate = session.get_one(Candidate, ticket.candidate_id)
    sitting = session.get_one(Sitting, result.sitting_id)
    centre = session.get_one(Centre, sitting.centre_id)
    return {
        "format": FORMAT,
        "idempotency_key": idempotency_key(result),
        "result": {
            "id": result.id,
            "revision": result.revision,
            "state": result.state,
            "attendance": result.attendance,
            "theory_score": points_text(result.score),
            "theory_score_hundredths": result.score,
            "theory_passed": result.passed,
            "released_at": result.released_at.isoformat() if result.released_at else None,
        },
        "candidate": {
            "id": candidate.id,
            "name": candidate.name,
            "id_type": candidate.id_type,
            "id_number_masked": candidate.id_number_masked,
            "organisation": candidate.organisation,
        },
        "ticket_number": ticket.number,
        "sitting": {
            "id": sitting.id,
            "name": sitting.name,
            "starts_at": sitting.starts_at.isoformat(),
            "is_rehearsal": sitting.is_rehearsal,
        },
        "occupation": {"code": sitting.occupation_code, "name": sitting.occupation_name, "level": sitting.level},
        "centre": {"name": centre.name, "institution_code": centre.institution_code},
    }


def with_id_number(session: Session, vault: Vault, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as it is delivered: the full ID number beside the masked one.

    Raises:
        NotFound: `CANDIDATE_NOT_FOUND`.
        Forbidden: `CIPHERTEXT_REJECTED`.
    """
    candidate_id = payload["candidate"]["id"]
    candidate = session.get(Candidate, candidate_id)
    if candidate is None:
        raise NotFound(
            "CANDIDATE_NOT_FOUND", "没有找到这名考生。", "There is no such candidate.", candidate_id=candidate_id
        )
    return {**payload, "candidate": {**payload["candidate"], "id_number": id_number_of(vault, candidate)}}


def id_number_of(vault: Vault, candidate: Candidate) -> str:
    """The full ID number.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED`.
    """
    return open_id_number(vault, candidate.id, candidate.id_number_cipher)
