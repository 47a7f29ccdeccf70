"""Answers that stayed on a PC reach the journal on a stick: for the same candidate and paper, after two roles agreed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.queries import script_layout
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.events import AttemptChanged
from server.core.ids import new_id
from server.delivery.domain.import_rules import Judged, Seen, judge_import, page_origins
from server.delivery.domain.journal_rules import find_malformed
from server.delivery.domain.states import AttemptState
from server.delivery.journal_file import JournalFile, KeptEntry, read_journal_file
from server.delivery.models import Attempt, JournalEntry, JournalImport
from server.delivery.queries import counted_responses
from server.storage.unit_of_work import Work

#: node of journal rows that came on a stick
NODE = "usb-import"


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What the file holds, told before anybody confirms."""

    total: int
    #: in the journal already
    present: int
    #: will count, unless the candidate answered the item again since
    counted: int
    #: made after the candidate's deadline: kept, not counted
    late: int
    #: the attempt has ended: kept, a person decides
    closed: int
    #: not about this candidate's paper
    unreadable: int
    #: dated by the PC's own date only
    doubtful: int

    @property
    def new(self) -> int:
        return self.counted + self.late + self.closed


def show_import(work: Work, vault: Vault, attempt: Attempt, text: str, actor: Actor) -> JournalImport:
    """Read the file for this (locked) attempt and keep it, so that two people can decide about the same thing.

    Raises:
        InvalidInput: `JOURNAL_FILE_UNREADABLE`. Forbidden: `JOURNAL_FILE_CHANGED`.
        Conflict: `JOURNAL_OTHER_CANDIDATE`, `JOURNAL_OTHER_PAPER`, `JOURNAL_IMPORTED_BEFORE`, `JOURNAL_NOTHING_NEW`.
    """
    file = read_journal_file(vault, text)
    _require_same(attempt, file)
    done = select(JournalImport.id).where(JournalImport.sha256 == file.sha256, JournalImport.imported_at.is_not(None))
    if work.session.scalar(done) is not None:
        raise _imported_before()
    counts, _ = _judge(work.session, attempt, file)
    if not counts.new:
        raise Conflict(
            "JOURNAL_NOTHING_NEW",
            f"文件里的 {counts.total} 条作答服务器都已经有了，不需要导入。",
            "The server has every answer of this file already; nothing to import.",
        )
    shown = JournalImport(
        id=new_id(),
        attempt_id=attempt.id,
        sha256=file.sha256,
        device_hash=file.device_hash,
        content=text,
        counts=counts_document(counts),
        shown_by=actor.id,
        shown_at=work.clock.now(),
        imported_at=None,
    )
    work.session.add(shown)
    work.session.flush()
    return shown


def import_journal(
    work: Work, vault: Vault, attempt: Attempt, shown: JournalImport, approvers: tuple[str, str], actor: Actor
) -> ImportCounts:
    """Append what is new to the journal of the (locked) attempt; the caller has seen two different people agree.

    Raises:
        Conflict: `JOURNAL_IMPORTED_BEFORE`, and as `show_import`.
    """
    if shown.imported_at is not None:
        raise _imported_before()
    file = read_journal_file(vault, shown.content)
    _require_same(attempt, file)
    now = work.clock.now()
    counts, rows = _judge(work.session, attempt, file)
    for entry, judged in rows:
        work.session.add(
            JournalEntry(
                attempt_id=attempt.id,
                page_id=entry.page_id,
                client_seq=entry.seq,
                epoch=entry.epoch,
                kind=entry.kind,
                item_ref=entry.item,
                value=sorted(entry.value),
                client_time_ms=entry.client_time_ms,
                client_monotonic_ms=entry.client_monotonic_ms,
                received_at=now,
                late_by_ms=round(judged.late_by.total_seconds() * 1000),
                standing=judged.standing,
                node_id=NODE,
            )
        )
        attempt.last_seq = max(attempt.last_seq, entry.seq)
    work.session.flush()
    if counts.counted:
        attempt.answered = sum(bool(one.value) for one in counted_responses(work.session, attempt.id).values())
    shown.imported_at = now
    shown.counts = counts_document(counts)
    detail = {
        **counts_document(counts),
        "journal_import": shown.id,
        "file": file.sha256,
        "device": file.device_hash[:16],
        "approved_by": list(approvers),
    }
    record(work, actor, AuditAction.DELIVERY_JOURNAL_IMPORTED, f"attempt:{attempt.id}", detail)
    work.publish(
        AttemptChanged(sitting_id=attempt.sitting_id, room_id=attempt.room_id, attempt_id=attempt.id, what="imported")
    )
    return counts


def counts_document(counts: ImportCounts) -> dict[str, int]:
    """As stored and told."""
    return {
        name: getattr(counts, name)
        for name in ("total", "present", "counted", "late", "closed", "unreadable", "doubtful")
    }


def _require_same(attempt: Attempt, file: JournalFile) -> None:
    if file.attempt_id != attempt.id:
        raise Conflict(
            "JOURNAL_OTHER_CANDIDATE",
            "这个文件是另一名考生的，不能导入到这里。请核对座位后重新选择。",
            "This file is another candidate's. Check the seat and choose again.",
        )
    if file.script_id != attempt.script_id or any(entry.epoch > attempt.epoch for entry in file.entries):
        raise Conflict(
            "JOURNAL_OTHER_PAPER",
            "这个文件不是本场这份试卷的作答，不能导入。",
            "This file belongs to another paper; it cannot be imported.",
        )


def _judge(
    session: Session, attempt: Attempt, file: JournalFile
) -> tuple[ImportCounts, list[tuple[KeptEntry, Judged]]]:
    j = JournalEntry
    stored = session.execute(
        select(j.page_id, j.client_seq, j.client_monotonic_ms, j.received_at, j.node_id).where(
            j.attempt_id == attempt.id
        )
    ).all()
    present = {(row.page_id, row.client_seq) for row in stored}
    origins = page_origins(
        Seen(row.page_id, row.client_monotonic_ms, row.received_at) for row in stored if row.node_id != NODE
    )
    layout = script_layout(session, file.script_id)
    is_final = AttemptState(attempt.state).is_final
    tally: Counter[str] = Counter()
    rows: list[tuple[KeptEntry, Judged]] = []
    for entry in file.entries:
        item = layout.items.get(entry.item)
        if (entry.page_id, entry.seq) in present:
            tally["present"] += 1
            continue
        if find_malformed(
            kind=entry.kind,
            value=entry.value,
            options=item.options if item is not None else None,
            takes_several=item is not None and item.kind == "multiple",
        ):
            tally["unreadable"] += 1
            continue
        judged = judge_import(
            page_id=entry.page_id,
            client_monotonic_ms=entry.client_monotonic_ms,
            client_time=_moment(entry.client_time_ms),
            origins=origins,
            deadline_at=attempt.deadline_at,
            is_final=is_final,
        )
        present.add((entry.page_id, entry.seq))
        tally[judged.standing] += 1
        tally["doubtful"] += not judged.surely_dated
        rows.append((entry, judged))
    names = ("present", "counted", "late", "closed", "unreadable", "doubtful")
    return ImportCounts(total=len(file.entries), **{name: tally[name] for name in names}), rows


def _moment(client_time_ms: int) -> datetime:
    # A PC's date may be anything that fits into the wire's number.
    try:
        return datetime.fromtimestamp(client_time_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _imported_before() -> Conflict:
    return Conflict(
        "JOURNAL_IMPORTED_BEFORE",
        "这个文件已经导入过，不能再导入一次。",
        "This file was imported before; it is not imported twice.",
    )
