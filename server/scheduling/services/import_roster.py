"""Import a roster into a sitting."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.adapters.real_thread import in_real_thread
from server.adapters.table_files import read_table_file
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.ids import new_id
from server.scheduling.domain.id_document import masked_id_number
from server.scheduling.domain.roster import Roster, RosterLine, RosterProblem, problem_at, read_roster
from server.scheduling.id_numbers import id_number_hash, seal_id_number
from server.scheduling.models import Candidate, ImportBatch, Registration, Sitting
from server.scheduling.pinyin import searchable_pinyin
from server.scheduling.planning import require_no_tickets, require_planned
from server.scheduling.queries import require_sitting
from server.storage.unit_of_work import UnitOfWork

LOOK_UP_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class RosterReport:
    """What became of a file. Counts are rows; `stored` rows are registered, `problems` are refused, `notes` only tell."""

    read: int
    accepted: int
    rejected: int
    stored: int
    problems: list[RosterProblem] = field(default_factory=list)
    notes: list[RosterProblem] = field(default_factory=list)
    import_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Wire form."""
        return {
            "read": self.read,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "stored": self.stored,
            "import_id": self.import_id,
            "problems": [problem.as_dict() for problem in self.problems],
            "notes": [note.as_dict() for note in self.notes],
        }


def import_roster(
    uow: UnitOfWork,
    vault: Vault,
    sitting_id: str,
    file_name: str,
    data: bytes,
    actor: Actor,
    accept_good: bool = False,
    check_only: bool = False,
) -> RosterReport:
    """Register everybody on the roster; all rows or none, unless the good ones were accepted (checklist E11).

    Args:
        data: bytes of an XLSX or CSV file.
        accept_good: store the rows without problems although there are others.
        check_only: report what would happen and store nothing.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `SITTING_NOT_PLANNED`, `TICKETS_ISSUED`.
        TooLarge, InvalidInput: the file as a whole cannot be read (`FILE_…`, `ROSTER_…`).
    """
    roster = in_real_thread(_read, file_name, data)
    with uow() as work:
        sitting = require_sitting(work.session, sitting_id, lock=True)
        require_planned(sitting)
        require_no_tickets(work.session, sitting_id)
        known = _known_candidates(work.session, vault, roster.lines)
        registered = _registered(work.session, sitting, known)
        good: list[tuple[RosterLine, str]] = []
        problems = list(roster.problems)
        for line in roster.lines:
            id_hash = id_number_hash(vault, line.id_type, line.id_number)
            found = _database_problem(roster, line, known.get(id_hash), sitting, registered)
            if found is None:
                good.append((line, id_hash))
            else:
                problems.append(found)
        problems.sort(key=lambda problem: (problem.row, problem.cell))
        rejected = roster.read - len(good)
        counts = {"read": roster.read, "accepted": len(good), "rejected": rejected}
        if check_only:
            return RosterReport(roster.read, len(good), rejected, 0, problems, roster.notes)
        if not good or (rejected and not accept_good):
            record(work, actor, AuditAction.SCHEDULING_ROSTER_REFUSED, f"sitting:{sitting_id}", counts)
            return RosterReport(roster.read, len(good), rejected, 0, problems, roster.notes)
        report = RosterReport(roster.read, len(good), rejected, len(good), problems, roster.notes, new_id())
        batch = ImportBatch(
            id=report.import_id,
            sitting_id=sitting_id,
            file_name=file_name[-200:].replace("\x00", ""),
            by=actor.id[:32],
            at=work.clock.now(),
            report=report.as_dict(),
        )
        work.session.add(batch)
        work.session.flush()
        for line, id_hash in good:
            candidate = known.get(id_hash)
            if candidate is None:
                known[id_hash] = candidate = _new_candidate(vault, line, id_hash)
                work.session.add(candidate)
            candidate.organisation, candidate.class_name = line.organisation, line.class_name
        work.session.flush()
        work.session.add_all(
            Registration(
                sitting_id=sitting_id,
                candidate_id=known[id_hash].id,
                extra_time_percent=line.extra_time_percent,
                import_id=report.import_id,
                import_row=line.row,
            )
            for line, id_hash in good
        )
        record(work, actor, AuditAction.SCHEDULING_ROSTER_IMPORTED, f"sitting:{sitting_id}",
               {**counts, "stored": len(good), "import_id": report.import_id})  # fmt: skip
    return report


def _read(file_name: str, data: bytes) -> Roster:
    return read_roster(read_table_file(file_name, data).rows)


def _new_candidate(vault: Vault, line: RosterLine, id_hash: str) -> Candidate:
    candidate_id = new_id()
    return Candidate(
        id=candidate_id,
        name=line.name,
        name_pinyin=searchable_pinyin(line.name),
        id_type=line.id_type.value,
        id_number_cipher=seal_id_number(vault, candidate_id, line.id_number),
        id_number_hmac=id_hash,
        id_number_masked=masked_id_number(line.id_number),
        organisation=line.organisation,
        class_name=line.class_name,
    )


def _known_candidates(session: Session, vault: Vault, lines: list[RosterLine]) -> dict[str, Candidate]:
    hashes = [id_number_hash(vault, line.id_type, line.id_number) for line in lines]
    known: dict[str, Candidate] = {}
    for start in range(0, len(hashes), LOOK_UP_AT_A_TIME):
        query = select(Candidate).where(Candidate.id_number_hmac.in_(hashes[start : start + LOOK_UP_AT_A_TIME]))
        known |= {candidate.id_number_hmac: candidate for candidate in session.scalars(query)}
    return known


def _registered(session: Session, sitting: Sitting, known: dict[str, Candidate]) -> dict[str, Sitting]:
    """Candidate id → this sitting, or another one at the same time, that the person is already registered for."""
    ids = [candidate.id for candidate in known.values()]
    ends_at = sitting.starts_at + timedelta(seconds=sitting.duration_s)
    busy: dict[str, Sitting] = {}
    for start in range(0, len(ids), LOOK_UP_AT_A_TIME):
        query = (
            select(Registration.candidate_id, Sitting)
            .join(Sitting, Sitting.id == Registration.sitting_id)
            .where(Registration.candidate_id.in_(ids[start : start + LOOK_UP_AT_A_TIME]), Sitting.starts_at < ends_at)
        )
        for candidate_id, other in session.execute(query):
            overlaps = other.starts_at + timedelta(seconds=other.duration_s) > sitting.starts_at
            if other.id == sitting.id or (overlaps and busy.get(candidate_id) is not sitting):
                busy[candidate_id] = other
    return busy


def _database_problem(
    roster: Roster, line: RosterLine, candidate: Candidate | None, sitting: Sitting, registered: dict[str, Sitting]
) -> RosterProblem | None:
    if candidate is None:
        return None
    if candidate.name != line.name:
        return problem_at(roster.columns, line, "name", "NAME_DIFFERS",
                          "这个证件号码已登记在另一个姓名下。", "This ID number is registered under another name.",
                          "核对证件原件，更正姓名或号码。", "Correct the name or the number from the document.")  # fmt: skip
    other = registered.get(candidate.id)
    if other is None:
        return None
    if other.id == sitting.id:
        return problem_at(roster.columns, line, "id_number", "ALREADY_REGISTERED",
                          "此人已在本场次名单中。", "This person is on the roster of this sitting already.",
                          "从文件中删除这一行。", "Delete this row from the file.")  # fmt: skip
    return problem_at(roster.columns, line, "id_number", "REGISTERED_ELSEWHERE",
                      f"此人在同一时间已报名另一场次“{other.name}”。", f"Registered for another sitting at the same time: {other.name}.",
                      "从其中一个场次删除此人。", "Take the person out of one of the two.")  # fmt: skip
