"""Is a database, with its papers, what it should be? Used after a restore and by the drill; reads only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.models import Script
from server.audit.log import verify
from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import answers_digest, counted_responses
from server.safekeeping.backup_files import sha256_of
from server.safekeeping.replaying import count_missing


@dataclass(slots=True)
class Examination:
    """What was found; `ok` when nothing is wrong. The lists name at most ten each."""

    audit_entries: int = 0
    audit_problem: str = ""
    attempts: int = 0
    ended: int = 0
    answers: int = 0
    newest_answer_at: str | None = None
    wrong_digests: list[str] = field(default_factory=list)
    wrong_papers: list[str] = field(default_factory=list)
    papers: int = 0
    #: entries of the second journal that the database does not hold
    missing_entries: int = 0

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not (self.audit_problem or self.wrong_digests or self.wrong_papers or self.missing_entries)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"ok": self.ok, **asdict(self)}


def examine(
    session: Session,
    paper_store: Path,
    *,
    trusted_keys: frozenset[str] = frozenset(),
    entries: list[dict[str, Any]] | None = None,
) -> Examination:
    """The audit chain, the digest of every ended attempt, every script file, every entry of the second journal."""
    found = Examination()
    verdict = verify(session, trusted_keys)
    found.audit_entries = verdict.entries
    found.audit_problem = "" if verdict.ok else f"{verdict.problem} {verdict.first_bad}"
    for attempt_id, digest in session.execute(select(Attempt.id, Attempt.answers_digest)).all():
        found.attempts += 1
        if digest is None:
            continue
        found.ended += 1
        if answers_digest(counted_responses(session, attempt_id)) != digest and len(found.wrong_digests) < 10:
            found.wrong_digests.append(attempt_id)
    found.answers = session.scalar(select(func.count()).select_from(JournalEntry)) or 0
    newest = session.scalar(select(func.max(JournalEntry.received_at)))
    found.newest_answer_at = newest.isoformat() if newest else None
    found.papers, found.wrong_papers = examine_papers(session, paper_store)
    found.missing_entries = count_missing(session, entries or [])
    return found


def examine_papers(
    session: Session, paper_store: Path, package_ids: set[str] | None = None, *, read: bool = True
) -> tuple[int, list[str]]:
    """How many script files there should be, and (at most ten) that are missing or not what their name says.

    Args:
        package_ids: only these bags; None: all.
        read: False looks whether they are there, without reading them.
    """
    query = select(Script.file_name)
    if package_ids is not None:
        query = query.where(Script.package_id.in_(package_ids))
    names = set(session.scalars(query))
    wrong: list[str] = []
    for name in sorted(names):
        path = paper_store / name
        if (not path.is_file() or (read and sha256_of(path) != path.stem)) and len(wrong) < 10:
            wrong.append(name)
    return len(names), wrong
