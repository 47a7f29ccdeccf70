"""A proctor brings a stick from a candidate's old PC: what is on it, before anybody decides."""

from __future__ import annotations

from proctor.room_work import enter_room, require_candidate
from proctor.wire_commands import CommandDone, JournalShown
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.delivery.ledger import lock_attempts
from server.delivery.models import JournalImport
from server.delivery.services.import_journal import show_import
from server.storage.unit_of_work import UnitOfWork


def show_journal(
    uow: UnitOfWork, vault: Vault, sitting_id: str, room_id: str, attempt_id: str, file: str, actor: Actor
) -> CommandDone:
    """Read the file for this candidate and keep it for the two who decide; the answers themselves stay untouched.

    Raises:
        NotFound: room or candidate out of reach. InvalidInput: `JOURNAL_FILE_UNREADABLE`.
        Forbidden: `JOURNAL_FILE_CHANGED`.
        Conflict: `JOURNAL_OTHER_CANDIDATE`, `JOURNAL_OTHER_PAPER`, `JOURNAL_IMPORTED_BEFORE`, `JOURNAL_NOTHING_NEW`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_candidate(facts, attempt_id)
        attempt = lock_attempts(work.session, sitting_id, room_id, [attempt_id])[0]
        shown = show_import(work, vault, attempt, file, actor)
        journal = journal_shown(shown)
    zh, en = journal_words(journal)
    return CommandDone(journal=journal, words_zh=f"文件完好。{zh}", words_en=f"The file is whole. {en}")


def journal_shown(shown: JournalImport) -> JournalShown:
    """Counts of a file for the board."""
    return JournalShown(import_id=shown.id, **shown.counts)


def journal_words(journal: JournalShown) -> tuple[str, str]:
    """The counts in a sentence, Chinese and English."""
    zh = f"共 {journal.total} 条：服务器已有 {journal.present} 条，新的 {journal.counted} 条"
    en = f"{journal.total} entries: {journal.present} on the server already, {journal.counted} new"
    if journal.late:
        zh += f"，截止后作答 {journal.late} 条（留存不计）"
        en += f", {journal.late} made after the deadline (kept, not counted)"
    if journal.closed:
        zh += f"，考试已结束 {journal.closed} 条（留存，由考务办决定）"
        en += f", {journal.closed} of an attempt that has ended (kept for the office to decide)"
    if journal.unreadable:
        zh += f"，不属于本卷 {journal.unreadable} 条（不导入）"
        en += f", {journal.unreadable} not of this paper (left out)"
    if journal.doubtful:
        zh += f"；其中 {journal.doubtful} 条只有原机时钟可查"
        en += f"; {journal.doubtful} dated by that PC's clock only"
    return f"{zh}。", f"{en}."
