"""A proctor brings a stick from a candidate's old PC: what is on it, before anybody decides."""

from __future__ import annotations

from proctor.domain.journal_words import journal_words
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
        counts = shown.counts
    zh, en = journal_words(counts)
    return CommandDone(journal=journal, words_zh=f"文件完好。{zh}", words_en=f"The file is whole. {en}")


def journal_shown(shown: JournalImport) -> JournalShown:
    """Counts of a file for the board."""
    return JournalShown(import_id=shown.id, **shown.counts)
