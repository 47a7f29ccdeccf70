"""The facts of the room record 考场情况记录表 (domain.md 8.1), read from the ledgers: nobody types them twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.models import Package
from proctor.domain.states import IncidentKind
from proctor.models import TwoPersonAct
from proctor.room_facts import RoomFacts, SeatedAttempt, read_candidates
from server.audit.actions import AuditAction
from server.audit.log import HEAD_ID
from server.audit.models import AuditEntry, AuditHead
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import find_reversed
from server.delivery.time_keeping import CAUSE_WORDS
from server.scheduling.domain.candidate_notice import LEVEL_NAMES
from server.scheduling.models import Centre

DUTY_WORDS = {"chief": "主监考", "deputy": "副监考"}
STATUS_WORDS = {
    "proposed": "建议",
    "provisional": "暂行",
    "confirmed": "已确认",
    "awaiting_decision": "待决定",
    "reversed": "已撤回",
}
INCIDENT_WORDS = {
    IncidentKind.VIOLATION: "违纪",
    IncidentKind.MACHINE_FAULT: "设备故障",
    IncidentKind.ILLNESS: "疾病",
    IncidentKind.LATE_ARRIVAL: "迟到",
    IncidentKind.OTHER: "其他",
    IncidentKind.SECOND_LOGIN: "异地登录",
    IncidentKind.SUPERSEDED_ANSWERS: "旧页作答",
    IncidentKind.IDENTITY_MISMATCH: "身份不符",
}


def record_facts(session: Session, room: RoomFacts, *, is_final: bool) -> dict[str, Any]:
    """Everything the form asks for, as JSON: moments are ISO 8601 in UTC, seats are numbers on the desk.

    `facts_digest` covers all other fields and is printed at the foot of every page.
    """
    sitting, gates = room.sitting, room.gates
    people = _People(session, room)
    here = [one for one in room.seated if one.is_here]
    absent = [one for one in room.seated if not one.is_here]
    began = [one.attempt.started_at for one in here if one.attempt.started_at is not None]
    head = session.get(AuditHead, HEAD_ID)
    centre = session.get_one(Centre, sitting.centre_id)
    facts: dict[str, Any] = {
        "is_final": is_final,
        "is_rehearsal": sitting.is_rehearsal,
        "made_at": _iso(room.now),
        "centre": centre.name,
        "room": room.room.name,
        "room_number": room.room.number,
        "sitting": sitting.name,
        "plan_number": sitting.plan_number,
        "session_number": sitting.session_number,
        "occupation": f"{sitting.occupation_name}（{sitting.occupation_code}）",
        "level": LEVEL_NAMES.get(sitting.level, f"{sitting.level} 级"),
        "profile": f"{sitting.profile_name} v{sitting.profile_version}",
        "planned": {"start": _iso(room.clock.starts_at), "minutes": sitting.duration_s / 60},
        "real": {"start": _iso(min(began, default=None)), "end": _iso(gates.ended_at)},
        "gates": {
            "fetched": _iso(gates.fetched_at),
            "admission": _iso(gates.admission_opened_at),
            "notes": _iso(gates.notes_read_at),
            "opened": _iso(gates.paper_opened_at),
            "absent_listed": _iso(gates.absent_listed_at),
        },
        "counts": {"expected": len(room.seated), "present": len(here), "absent": len(absent)},
        "absent": [people.of(one) for one in absent],
        "scripts": _scripts(session, room),
        "witnesses": _witnesses(room),
        "five_point": _five_point(room, here, people),
        "late": [
            {**people.of(one), "at": _iso(one.attempt.signed_in_at)}
            for one in here
            if one.attempt.signed_in_at is not None and one.attempt.signed_in_at > sitting.starts_at
        ],
        "early": [
            {**people.of(one), "at": _iso(one.attempt.ended_at)} for one in here if one.attempt.end_how == "submit"
        ],
        "collected": [
            {**people.of(one), "at": _iso(one.attempt.ended_at)} for one in here if one.attempt.end_how == "collect"
        ],
        "swaps": _swaps(session, room, people),
        "interruptions": _time_rows(room, people),
        "violations": [
            one for one in _incidents(room, people) if one["kind"] == INCIDENT_WORDS[IncidentKind.VIOLATION]
        ],
        "incidents": [one for one in _incidents(room, people) if one["kind"] != INCIDENT_WORDS[IncidentKind.VIOLATION]],
        "signatures": [
            {
                "name": duty.name,
                "duty": DUTY_WORDS.get(duty.duty, duty.duty),
                **next(
                    (
                        {"at": _iso(s.signed_at), "remark": s.remark}
                        for s in room.signatures
                        if s.account_id == duty.account_id
                    ),
                    {"at": None, "remark": ""},
                ),
            }
            for duty in room.duties
        ],
        "audit": {"seq": head.seq if head else 0, "head": head.hash if head else ""},
    }
    facts["facts_digest"] = facts_digest(facts)
    return facts


def facts_digest(facts: Mapping[str, Any]) -> str:
    """SHA-256 in hex over the facts as canonical JSON, the digest itself left out."""
    told = {key: value for key, value in facts.items() if key != "facts_digest"}
    return hashlib.sha256(
        json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


class _People:
    """Names, tickets and desks of the room."""

    def __init__(self, session: Session, room: RoomFacts) -> None:
        self._candidates = read_candidates(session, [one.ticket.candidate_id for one in room.seated])
        self._numbers = {seat.id: seat.number for seat in room.seats}
        self._by_attempt = {one.attempt.id: one for one in room.seated}

    def of(self, one: SeatedAttempt) -> dict[str, Any]:
        """The planned desk stands for the person."""
        return {
            "seat": self._numbers.get(one.ticket.seat_id),
            "ticket": one.ticket.number,
            "name": self._candidates[one.ticket.candidate_id].name,
        }

    def by_attempt(self, attempt_id: str | None) -> dict[str, Any]:
        one = self._by_attempt.get(attempt_id or "")
        return self.of(one) if one else {"seat": None, "ticket": "", "name": ""}

    def desk(self, seat_id: object) -> int | None:
        return self._numbers.get(str(seat_id))


def _scripts(session: Session, room: RoomFacts) -> dict[str, Any]:
    package = session.get(Package, room.gates.package_id) if room.gates.package_id else None
    backup = session.get(Package, room.gates.backup_package_id) if room.gates.backup_package_id else None
    used = sum(one.attempt.started_at is not None for one in room.seated)
    received = package.script_count if package else 0
    return {
        "label": package.label if package else "",
        "digest": package.digest if package else "",
        "received": received,
        "used": used,
        "returned": received - used,
        "void": sum(one.state is AttemptState.VOIDED for one in room.seated),
        "opened_at": _iso(package.opened_at) if package else None,
        "backup_label": backup.label if backup else "",
        "backup_opened_at": _iso(backup.opened_at) if backup else None,
    }


def _witnesses(room: RoomFacts) -> dict[str, list[str]]:
    def both(act: str) -> list[str]:
        done: TwoPersonAct | None = next((one for one in room.acts if one.act == act and one.second_by), None)
        return [room.names.get(who, "") for who in (done.first_by, done.second_by) if who] if done else []

    return {"fetch": both("fetch_paper"), "open": both("open_paper"), "backup": both("open_backup_paper")}


def _five_point(room: RoomFacts, here: list[SeatedAttempt], people: _People) -> dict[str, Any]:
    newest = {
        one.attempt.id: room.checks.get((one.attempt.id, 2)) or room.checks.get((one.attempt.id, 1)) for one in here
    }
    failed = [
        one
        for one in here
        if (check := newest[one.attempt.id])
        and not (check.name_ok and check.ticket_ok and check.seat_ok and check.id_card_ok and check.person_ok)
    ]
    unchecked = [one for one in here if (one.attempt.id, 2) not in room.checks]
    return {
        "checked": len(here) - len(unchecked),
        "failed": [people.of(one) for one in failed],
        "unchecked": [people.of(one) for one in unchecked],
    }


def _swaps(session: Session, room: RoomFacts, people: _People) -> list[dict[str, Any]]:
    subjects = [f"attempt:{one.attempt.id}" for one in room.seated]
    query = (
        select(AuditEntry)
        .where(AuditEntry.action == AuditAction.DELIVERY_ATTEMPT_MOVED.value, AuditEntry.subject.in_(subjects))
        .order_by(AuditEntry.seq)
    )
    return [
        {
            **people.by_attempt(entry.subject.removeprefix("attempt:")),
            "at": _iso(entry.at),
            "from": people.desk(entry.detail.get("from_seat")),
            "to": people.desk(entry.detail.get("to_seat")),
            "reason": entry.reason,
        }
        for entry in session.scalars(query)
    ]


def _time_rows(room: RoomFacts, people: _People) -> list[dict[str, Any]]:
    reversed_ids = find_reversed(room.ledger)
    rows = []
    for entry in room.time_entries:
        if entry.kind == "reversal":
            continue
        lasted = (
            (entry.to_at - entry.from_at).total_seconds() if entry.from_at and entry.to_at else entry.grant_ms / 1000
        )
        rows.append(
            {
                "from": _iso(entry.from_at or entry.made_at),
                "to": _iso(entry.to_at),
                "whom": str(people.by_attempt(entry.attempt_id)["seat"]) if entry.attempt_id else "全场",
                "kind": "补时" if entry.kind == "grant" else "中断",
                "cause": CAUSE_WORDS.get(entry.cause, (entry.cause, ""))[0],
                "reason": entry.reason,
                "seconds": lasted,
                "status": STATUS_WORDS["reversed" if entry.id in reversed_ids else entry.status],
                "approved_by": room.names.get(entry.approved_by or "", ""),
            }
        )
    return rows


def _incidents(room: RoomFacts, people: _People) -> list[dict[str, Any]]:
    return [
        {
            **people.by_attempt(incident.attempt_id),
            "at": _iso(incident.raised_at),
            "kind": INCIDENT_WORDS[IncidentKind(incident.kind)],
            "tier": incident.tier,
            "words": incident.words,
            "action": incident.action_taken,
            "by": room.names.get(incident.raised_by, ""),
        }
        for incident in room.incidents
    ]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
