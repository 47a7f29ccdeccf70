"""Answers from the second journal into a restored database: what the backup has not is added, nothing is changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from itembank.models import Script
from server.delivery.domain.responses import count_answered
from server.delivery.domain.states import AttemptState
from server.delivery.journal import from_text
from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import counted_responses
from server.scheduling.models import SittingRoom

KEYS_AT_ONCE = 300


@dataclass(slots=True)
class Replay:
    """`stored`: entries of the files that the database held already; `added`: those it holds now.

    `homeless`: entries of attempts the backup does not know; `contradicted`: entries that an attempt which ended in the
    backup should have and has not (the copy or the file is not what it says). Both are left to people.
    """

    stored: int = 0
    added: int = 0
    newest_added_at: str | None = None
    homeless: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)


def replay_entries(session: Session, entries: Sequence[dict[str, Any]]) -> Replay:
    """Add what is missing and bring the attempts' derived columns up to it. The caller commits."""
    found = Replay()
    newest_first: dict[tuple[str, str, int], dict[str, Any]] = {_key(entry): entry for entry in entries}
    missing = _missing(session, newest_first)
    found.stored = len(newest_first) - len(missing)
    touched: dict[str, list[dict[str, Any]]] = defaultdict(list)
    attempts = {row.id: row for row in session.scalars(select(Attempt))} if missing else {}
    for key in missing:
        entry = newest_first[key]
        attempt = attempts.get(entry["attempt_id"])
        if attempt is None:
            found.homeless.append(_words(entry))
            continue
        if AttemptState(attempt.state).is_final and entry["standing"] == "counted":
            found.contradicted.append(_words(entry))
            continue
        session.add(JournalEntry(**{**entry, "received_at": from_text(entry["received_at"])}))
        touched[attempt.id].append(entry)
        found.added += 1
        found.newest_added_at = max(found.newest_added_at or "", entry["received_at"])
    session.flush()
    for attempt_id, added in touched.items():
        _catch_up(session, attempts[attempt_id], added)
    return found


def count_missing(session: Session, entries: Iterable[dict[str, Any]]) -> int:
    """How many entries of the files the database does not hold."""
    return len(_missing(session, {_key(entry): entry for entry in entries}))


def _missing(session: Session, entries: dict[tuple[str, str, int], dict[str, Any]]) -> list[tuple[str, str, int]]:
    j = JournalEntry
    keys = list(entries)
    held: set[tuple[str, str, int]] = set()
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        query = select(j.attempt_id, j.page_id, j.client_seq).where(
            tuple_(j.attempt_id, j.page_id, j.client_seq).in_(some)
        )
        held.update((row[0], row[1], row[2]) for row in session.execute(query))
    return [key for key in keys if key not in held]


def _catch_up(session: Session, attempt: Attempt, added: list[dict[str, Any]]) -> None:
    attempt.last_seq = max(attempt.last_seq, *(entry["client_seq"] for entry in added))
    # the device that wrote them held the pen; a lower number would let an older one write over it
    attempt.epoch = max(attempt.epoch, *(entry["epoch"] for entry in added))
    attempt.answered = count_answered(counted_responses(session, attempt.id))
    moments = [from_text(entry["received_at"]) for entry in added if entry["standing"] == "counted"]
    known = [moment for moment in [*moments, attempt.last_answer_at] if moment is not None]
    attempt.last_answer_at = max(known, default=None)
    if attempt.script_id is None:
        _find_script(session, attempt, {entry["item_ref"] for entry in added})


def _find_script(session: Session, attempt: Attempt, item_refs: set[str]) -> None:
    """The backup is older than the opening of the paper: the references in the answers say which script it was."""
    rooms = select(SittingRoom).where(SittingRoom.sitting_id == attempt.sitting_id)
    packages = {one for room in session.scalars(rooms) for one in (room.package_id, room.backup_package_id) if one}
    for script in session.scalars(select(Script).where(Script.package_id.in_(packages), Script.taken_by.is_(None))):
        if item_refs <= {item["ref"] for item in script.layout}:
            attempt.script_id, script.taken_by = script.id, attempt.id
            return


def _key(entry: dict[str, Any]) -> tuple[str, str, int]:
    return entry["attempt_id"], entry["page_id"], entry["client_seq"]


def _words(entry: dict[str, Any]) -> str:
    return f"{entry['attempt_id']} seq {entry['client_seq']} {entry['received_at']}"
