"""The board's commands as a table: permission and use case of each name of `proctor/wire.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proctor.domain.states import IncidentKind
from proctor.services.check_identity import check_identity
from proctor.services.collect_papers import collect_papers
from proctor.services.decide_time import decide_time
from proctor.services.end_room import end_room
from proctor.services.fetch_paper import fetch_paper
from proctor.services.grant_time import grant_time
from proctor.services.import_journal import import_journal
from proctor.services.list_absent import list_absent
from proctor.services.lower_hand import lower_hand
from proctor.services.move_room import move_room
from proctor.services.open_admission import open_admission
from proctor.services.open_paper import open_paper
from proctor.services.read_notes import read_notes
from proctor.services.record_incident import record_incident
from proctor.services.release_seat import release_seat
from proctor.services.resolve_incident import resolve_incident
from proctor.services.resume_attempt import resume_attempt
from proctor.services.resume_several import resume_several
from proctor.services.send_message import send_message
from proctor.services.show_journal import show_journal
from proctor.services.sign_record import sign_record
from proctor.services.suspend_attempt import suspend_attempt
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.core.permissions import Permission
from server.webkit.platform import Platform

#: platform, who, sitting, room, the parsed message
Run = Callable[[Platform, Actor, str, str, Any], CommandDone]
P = Permission


@dataclass(frozen=True, slots=True)
class Command:
    """Who may, and what happens."""

    permission: Permission
    run: Run


COMMAND_TABLE: dict[str, Command] = {
    "fetch-paper": Command(P.PROCTOR_PAPER_OPEN, lambda p, who, s, r, _: fetch_paper(p.uow, s, r, who)),
    "open-admission": Command(P.PROCTOR_PAPER_OPEN, lambda p, who, s, r, _: open_admission(p.uow, s, r, who)),
    "read-notes": Command(P.PROCTOR_PAPER_OPEN, lambda p, who, s, r, _: read_notes(p.uow, s, r, who)),
    "open-paper": Command(
        P.PROCTOR_PAPER_OPEN,
        lambda p, who, s, r, m: open_paper(
            p.uow, p.vault, s, r, m.opening_secret, who, backup=m.backup, reason=m.reason
        ),
    ),
    "check-identity": Command(
        P.PROCTOR_IDENTITY_CHECK,
        lambda p, who, s, r, m: check_identity(p.uow, s, r, **m.model_dump(), actor=who),
    ),
    "send-message": Command(
        P.PROCTOR_MESSAGE_SEND, lambda p, who, s, r, m: send_message(p.uow, s, r, m.attempt_ids, m.text, who)
    ),
    "grant-time": Command(
        P.PROCTOR_TIME_GRANT, lambda p, who, s, r, m: grant_time(p.uow, s, r, m.attempt_ids, m.seconds, m.reason, who)
    ),
    "decide-time": Command(
        P.PROCTOR_TIME_GRANT,
        lambda p, who, s, r, m: decide_time(p.uow, s, r, m.time_entry_id, m.decision, m.reason, who),
    ),
    "collect": Command(
        P.PROCTOR_ATTEMPT_COLLECT, lambda p, who, s, r, m: collect_papers(p.uow, s, r, m.attempt_ids, m.reason, who)
    ),
    "suspend": Command(
        P.PROCTOR_SEAT_RELEASE, lambda p, who, s, r, m: suspend_attempt(p.uow, s, r, m.attempt_id, m.reason, who)
    ),
    "resume": Command(
        P.PROCTOR_SEAT_RELEASE, lambda p, who, s, r, m: resume_attempt(p.uow, s, r, m.attempt_id, m.reason, who)
    ),
    "release-seat": Command(
        P.PROCTOR_SEAT_RELEASE,
        lambda p, who, s, r, m: release_seat(p.uow, s, r, m.attempt_id, m.to_seat_id, m.reason, who),
    ),
    "list-absent": Command(P.PROCTOR_ATTEMPT_COLLECT, lambda p, who, s, r, _: list_absent(p.uow, s, r, who)),
    "record-incident": Command(
        P.PROCTOR_INCIDENT_RECORD,
        lambda p, who, s, r, m: record_incident(
            p.uow, s, r, IncidentKind(m.kind), m.words, who,
            attempt_id=m.attempt_id, tier=m.tier, action_taken=m.action_taken,
        ),
    ),
    "resolve-incident": Command(
        P.PROCTOR_INCIDENT_RECORD,
        lambda p, who, s, r, m: resolve_incident(p.uow, s, r, m.incident_id, m.action_taken, who),
    ),
    "lower-hand": Command(P.PROCTOR_MESSAGE_SEND, lambda p, who, s, r, m: lower_hand(p.uow, s, r, m.attempt_id, who)),
    "end-room": Command(P.PROCTOR_ATTEMPT_COLLECT, lambda p, who, s, r, m: end_room(p.uow, s, r, who, m.reason)),
    "sign-record": Command(
        P.PROCTOR_RECORD_SIGN, lambda p, who, s, r, m: sign_record(p.uow, p.record_store, s, r, who, m.remark)
    ),
    "show-journal": Command(
        P.PROCTOR_JOURNAL_IMPORT,
        lambda p, who, s, r, m: show_journal(p.uow, p.vault, s, r, m.attempt_id, m.file, who),
    ),
    "import-journal": Command(
        P.PROCTOR_JOURNAL_IMPORT, lambda p, who, s, r, m: import_journal(p.uow, p.vault, s, r, m.import_id, who)
    ),
    "move-room": Command(
        P.PROCTOR_SEAT_RELEASE,
        lambda p, who, s, r, m: move_room(
            p.uow, s, r, m.to_room_id, {one.attempt_id: one.seat_id for one in m.moves}, m.reason, who
        ),
    ),
    "resume-several": Command(
        P.PROCTOR_SEAT_RELEASE, lambda p, who, s, r, m: resume_several(p.uow, s, r, m.attempt_ids, m.reason, who)
    ),
}  # fmt: skip
