"""Both proctors open the sealed package in public, each with an own log-in and an own opening secret (SZ-7.2(6))."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from itembank.domain.sealing import open_lock
from itembank.models import Package
from itembank.services.unlock_package import OpenedPackage, PreparedOpening, unlock_package
from proctor.domain.timeline import Gate, gate_open
from proctor.models import TwoPersonAct
from proctor.room_facts import RoomFacts
from proctor.room_work import advance_sitting, close_act, day_of, enter_room, note_gate, require_assigned, require_gate
from proctor.two_person import Joined, complete_act, join_act, keep_secret, kept_secret
from proctor.wire import CommandDone
from server.adapters.real_thread import in_real_thread
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, Forbidden, Gone, InvalidInput
from server.core.events import BoardChanged
from server.core.permissions import Role
from server.storage.unit_of_work import UnitOfWork, Work

MAIN, BACKUP = "open_paper", "open_backup_paper"


def open_paper(
    uow: UnitOfWork,
    vault: Vault,
    sitting_id: str,
    room_id: str,
    opening_secret: str,
    actor: Actor,
    *,
    backup: bool = False,
    reason: str = "",
) -> CommandDone:
    """First call: the secret is kept sealed until the second person comes. Second call: the package is opened.

    Not before T − paper_open_before. A backup paper needs a reason, and the inspector as one of the two (SZ-16 三).
    After wrong secrets both begin again; nobody is told whose was wrong.

    Raises:
        NotFound: out of reach. Conflict: `TOO_EARLY`, `NOT_FETCHED`, `NO_PACKAGE`, `ALREADY_DONE`, `PACKAGE_CHANGED`.
        Forbidden: `NOT_ASSIGNED`, `SECOND_PERSON_REQUIRED`, `OPENING_SECRET_WRONG`, `BACKUP_NEEDS_INSPECTOR`.
        Gone: `REQUEST_EXPIRED`. InvalidInput: `REASON_REQUIRED`.
    """
    opening: _Opening | None = None
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        package_id = _require_possible(facts, actor, backup=backup, reason=reason)
        joined = join_act(work, facts, BACKUP if backup else MAIN, actor, reason)
        if joined.is_second:
            _require_inspector(facts, joined, actor, backup=backup)
            opening = _Opening(
                package_id=package_id,
                lock=work.session.get_one(Package, package_id).lock,
                act_id=joined.act.id,
                first_secret=kept_secret(vault, joined.act),
                backup=backup,
                reason=reason or joined.act.reason,
            )
        elif joined.refusal is None:
            keep_secret(vault, joined.act, opening_secret)
    if joined.refusal is not None:
        raise joined.refusal
    if opening is None:
        return joined.waiting()
    # Two Argon2id runs: outside the transaction and off the event loop.
    try:
        key = in_real_thread(open_lock, opening.lock, package_id, opening.first_secret, opening_secret)
    except Forbidden as error:
        _give_up(uow, opening, sitting_id, room_id, actor)
        raise Forbidden(
            error.code,
            "两个启封口令不能打开试卷包，请两名监考员都重新输入。",
            "The two secrets do not open the package; both proctors enter theirs again.",
        ) from None
    opened = _open(uow, vault, opening, key, sitting_id, room_id, actor)
    return CommandDone(
        done=opened.script_count,
        words_zh=f"已当众启封：{opened.script_count} 份，校验码 {opened.digest[:16]}。",
        words_en=f"Opened in public: {opened.script_count} scripts, digest {opened.digest[:16]}.",
    )


@dataclass(frozen=True, slots=True)
class _Opening:
    package_id: str
    lock: dict[str, Any] = field(repr=False)
    act_id: str
    first_secret: str = field(repr=False)
    backup: bool
    reason: str


def _require_possible(facts: RoomFacts, actor: Actor, *, backup: bool, reason: str) -> str:
    is_inspector = backup and actor.role is Role.INSPECTOR
    if not is_inspector:
        require_assigned(facts, actor)
    gate = gate_open(facts.profile, facts.clock, day_of(facts), facts.now)
    if backup:
        # A backup replaces a paper that was opened and found wrong: only time and the bag itself stand in the way.
        package_id = facts.gates.backup_package_id
        if not reason:
            raise InvalidInput("REASON_REQUIRED", "启用备用卷须写明原因。", "Opening the backup paper needs a reason.")
        if package_id is None:
            raise Conflict("NO_PACKAGE", "本考场没有备用卷。", "This room has no backup paper.")
        if gate.code == "TOO_EARLY":
            require_gate(gate)
        return package_id
    require_gate(gate)
    return facts.gates.package_id or ""


def _require_inspector(facts: RoomFacts, joined: Joined, actor: Actor, *, backup: bool) -> None:
    if not (backup and facts.profile.backup_needs_inspector):
        return
    first_is_assigned = joined.act.first_by in {duty.account_id for duty in facts.duties}
    if actor.role is not Role.INSPECTOR or not first_is_assigned:
        raise Forbidden(
            "BACKUP_NEEDS_INSPECTOR",
            "启用备用卷须由巡考批准并到场输入口令。",
            "The backup paper is opened with the inspector's approval and in the inspector's presence.",
        )


def _open(
    uow: UnitOfWork, vault: Vault, opening: _Opening, key: bytes, sitting_id: str, room_id: str, actor: Actor
) -> OpenedPackage:
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        act = work.session.get_one(TwoPersonAct, opening.act_id, populate_existing=True)
        _require_still_open(facts, act, opening)
        prepared = PreparedOpening(opening.package_id, key)
        opened = unlock_package(work, vault, opening.package_id, "", "", actor, prepared=prepared)
        complete_act(work, act, actor)
        facts.gates.paper_opened_at = facts.gates.paper_opened_at or facts.now
        advance_sitting(work, actor, sitting_id)
        detail = {
            "first": act.first_by,
            "second": actor.id,
            "package": opened.package_id,
            "package_digest": opened.digest,
            "count": opened.script_count,
            "backup": opening.backup,
        }
        note_gate(work, actor, facts, "backup_opened" if opening.backup else "paper_opened", detail, opening.reason)
    return opened


def _require_still_open(facts: RoomFacts, act: TwoPersonAct, opening: _Opening) -> None:
    if not opening.backup and facts.gates.paper_opened_at is not None:
        require_gate(Gate("试卷已启封。", "The paper was opened already.", "ALREADY_DONE"))
    if act.closed_at is not None:
        raise Gone(
            "REQUEST_EXPIRED",
            "第一名监考员的确认已失效，请重新确认。",
            "The first confirmation is no longer valid; begin again.",
        )


def _give_up(uow: UnitOfWork, opening: _Opening, sitting_id: str, room_id: str, actor: Actor) -> None:
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        act = work.session.get_one(TwoPersonAct, opening.act_id, populate_existing=True)
        if act.closed_at is None:
            close_act(work, act)
        _note_refusal(work, facts, act, actor)


def _note_refusal(work: Work, facts: RoomFacts, act: TwoPersonAct, actor: Actor) -> None:
    detail = {"room": facts.room.id, "sitting": facts.sitting.id, "first": act.first_by, "second": actor.id}
    record(work, actor, AuditAction.BANK_PACKAGE_OPENING_REFUSED, f"room:{facts.room.id}", detail)
    work.publish(BoardChanged(sitting_id=facts.sitting.id, room_id=facts.room.id, what="opening_refused"))
