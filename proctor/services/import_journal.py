"""The chief proctor and the inspector (or the exam office) agree that a PC's own journal joins the candidate's answers."""

from __future__ import annotations

from proctor.domain.journal_words import journal_words
from proctor.domain.states import IncidentKind
from proctor.incidents import raise_incident
from proctor.models import TwoPersonAct
from proctor.room_facts import RoomFacts
from proctor.room_work import close_act, enter_room, require_candidate
from proctor.services.show_journal import journal_shown
from proctor.two_person import complete_act, join_act
from proctor.wire_commands import CommandDone
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.errors import Forbidden, NotFound
from server.delivery.ledger import lock_attempts
from server.delivery.models import JournalImport
from server.delivery.services import import_journal as delivery
from server.storage.unit_of_work import UnitOfWork, Work

ACT = "import_journal"
CHIEF = "chief"


def import_journal(
    uow: UnitOfWork, vault: Vault, sitting_id: str, room_id: str, import_id: str, actor: Actor
) -> CommandDone:
    """First call: waits for the other role. Second: the new entries join the journal, under the number they were made under.

    Raises:
        NotFound: room or file out of reach. Conflict: `JOURNAL_IMPORTED_BEFORE`, `JOURNAL_OTHER_PAPER`.
        Forbidden: `IMPORT_NEEDS_TWO_ROLES`, `SECOND_PERSON_REQUIRED`. Gone: `REQUEST_EXPIRED`.
    """
    imported = None
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        shown = _require_shown(work, facts, import_id)
        _drop_other_file(work, facts, import_id)
        _require_role(facts, actor)
        joined = join_act(work, facts, ACT, actor, reason=import_id)
        if joined.is_second:
            first = joined.act.first_by
            if is_chief(facts, first) == is_chief(facts, actor.id):
                raise _two_roles()
            attempt = lock_attempts(work.session, sitting_id, room_id, [shown.attempt_id])[0]
            delivery.import_journal(work, vault, attempt, shown, (first, actor.id), actor)
            complete_act(work, joined.act, actor)
            imported = journal_shown(shown)
            _note_incident(work, facts, shown, actor)
    if joined.refusal is not None:
        raise joined.refusal
    if imported is None:
        waiting = joined.waiting()
        return waiting.model_copy(
            update={
                "words_zh": "已确认，等待巡考（或考务办）用自己的账号确认。"
                if is_chief(facts, actor.id)
                else "已确认，等待主监考用自己的账号确认。",
                "words_en": "Confirmed; now the other role confirms from an own log-in.",
                "journal": journal_shown(shown),
            }
        )
    zh, en = journal_words(imported.model_dump(exclude={"import_id"}))
    return CommandDone(done=imported.counted, words_zh=f"已导入。{zh}", words_en=f"Imported. {en}", journal=imported)


def is_chief(facts: RoomFacts, account_id: str) -> bool:
    """The room's chief proctor."""
    return any(duty.account_id == account_id and duty.duty == CHIEF for duty in facts.duties)


def _require_shown(work: Work, facts: RoomFacts, import_id: str) -> JournalImport:
    shown = work.session.get(JournalImport, import_id)
    if shown is None:
        raise NotFound(
            "IMPORT_NOT_FOUND", "没有这个导出文件，请重新选择文件。", "There is no such file; choose it again."
        )
    require_candidate(facts, shown.attempt_id)
    return shown


def _drop_other_file(work: Work, facts: RoomFacts, import_id: str) -> None:
    """Two people decide about one file: a confirmation given to another one lapses."""
    for act in facts.acts:
        if act.act == ACT and act.closed_at is None and act.reason != import_id:
            close_act(work, act)


def _require_role(facts: RoomFacts, actor: Actor) -> None:
    own = {duty.account_id for duty in facts.duties}
    if actor.id in own and not is_chief(facts, actor.id):
        raise _two_roles()


def _note_incident(work: Work, facts: RoomFacts, shown: JournalImport, actor: Actor) -> None:
    zh, _ = journal_words(shown.counts)
    taken = "" if shown.counts["closed"] else "两人确认后导入"
    raise_incident(
        work,
        facts,
        IncidentKind.MACHINE_FAULT,
        actor,
        f"原考试机作答经 U 盘导入。{zh}",
        attempt_id=shown.attempt_id,
        action_taken=taken,
    )


def waiting_import(facts: RoomFacts) -> TwoPersonAct | None:
    """The import that waits for its second person; `reason` is the file's id."""
    return next(
        (
            one
            for one in reversed(facts.acts)
            if one.act == ACT and one.closed_at is None and facts.now < one.expires_at
        ),
        None,
    )


def _two_roles() -> Forbidden:
    return Forbidden(
        "IMPORT_NEEDS_TWO_ROLES",
        "导入须由主监考和巡考（或考务办负责人）两人各自确认。",
        "An import needs the chief proctor and the inspector (or the head of the exam office), each for himself.",
    )
