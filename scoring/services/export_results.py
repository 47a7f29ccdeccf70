"""Export released results: the score list for people (XLSX), the signed package for machines (JSON)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from scoring.domain.canonical import canonical_json
from scoring.domain.export_columns import LEVEL_NAMES
from scoring.domain.states import ATTENDANCE_TEXTS, Attendance
from scoring.hand_over import id_number_of, payload_of, with_id_number
from scoring.models import Result
from scoring.queries import ResultRow, published_rows
from scoring.score_list import write_score_list
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.scheduling.domain.id_document import IdType
from server.scheduling.models import Candidate, Centre, Sitting
from server.storage.unit_of_work import UnitOfWork

PACKAGE_FORMAT = "mingyuan-results/1"
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
ID_TYPE_NAMES = {
    IdType.RESIDENT_ID: "居民身份证",
    IdType.PASSPORT: "护照",
    IdType.HK_MACAO_PERMIT: "港澳居民来往内地通行证",
    IdType.TAIWAN_PERMIT: "台湾居民来往大陆通行证",
    IdType.RESIDENCE_CARD: "外国人永久居留身份证",
    IdType.OFFICER_CARD: "军官证",
    IdType.OTHER: "其他",
}


class ExportKind(StrEnum):
    """What the file is."""

    XLSX = "xlsx"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Export:
    """A file to hand out. It holds full ID numbers: every export is in the audit log."""

    file_name: str
    media_type: str
    content: bytes
    results: int


def export_results(uow: UnitOfWork, vault: Vault, sitting_id: str, kind: ExportKind, actor: Actor) -> Export:
    """Export a sitting whose results are all released (RS-4).

    Raises:
        Forbidden: `NOT_PUBLISHED`: something is not released, or the role has no business with results.
        NotFound: `SITTING_NOT_FOUND`.
    """
    with uow() as work:
        session = work.session
        rows = published_rows(session, sitting_id, actor)
        sitting = session.get_one(Sitting, sitting_id)
        if kind is ExportKind.XLSX:
            content = write_score_list(sitting.name, _list_rows(session, vault, sitting, rows), work.clock.now())
            media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        else:
            content = _signed_package(session, vault, sitting, rows)
            media_type = "application/json"
        record(
            work,
            actor,
            AuditAction.RESULTS_RESULTS_EXPORTED,
            f"sitting:{sitting_id}",
            {"kind": kind.value, "results": len(rows)},
        )
    name = f"results-{sitting.plan_number}-{sitting.session_number:02d}.{kind.value}"
    return Export(name, media_type, content, len(rows))


def _list_rows(session: Session, vault: Vault, sitting: Sitting, rows: list[ResultRow]) -> list[dict[str, Any]]:
    centre = session.get_one(Centre, sitting.centre_id)
    common = {
        "occupation_code": sitting.occupation_code,
        "occupation_name": sitting.occupation_name,
        "level": LEVEL_NAMES.get(sitting.level, str(sitting.level)),
        "exam_date": sitting.starts_at.astimezone(CHINA).date().isoformat(),
        "batch": sitting.name,
        "institution_code": centre.institution_code,
    }
    return [
        {
            **common,
            "serial": serial,
            "name": row.name,
            "id_type": ID_TYPE_NAMES[IdType(row.id_type)],
            "id_number": id_number_of(vault, session.get_one(Candidate, row.candidate_id)),
            "ticket_number": row.ticket_number,
            "theory_score": row.score,
            "theory_outcome": _outcome_text(row),
        }
        for serial, row in enumerate(rows, start=1)
    ]


def _outcome_text(row: ResultRow) -> str:
    if row.attendance is not Attendance.TAKEN:
        return ATTENDANCE_TEXTS[row.attendance][0]
    return "合格" if row.passed else "不合格"


def _signed_package(session: Session, vault: Vault, sitting: Sitting, rows: list[ResultRow]) -> bytes:
    results = [
        with_id_number(session, vault, payload_of(session, session.get_one(Result, row.result_id))) for row in rows
    ]
    body = {"format": PACKAGE_FORMAT, "sitting_id": sitting.id, "count": len(results), "results": results}
    signed = {"body": body, "signature": vault.sign(canonical_json(body)), "key": vault.public_key_hex()}
    return canonical_json(signed)
