"""A proctor signs the room record; when both have, it is final (SZ-7.4, AH-R15.3)."""

from __future__ import annotations

from pathlib import Path

from proctor.domain.states import IncidentState
from proctor.domain.timeline import gate_sign
from proctor.models import RecordSignature
from proctor.room_facts import RoomFacts
from proctor.room_work import advance_sitting, day_of, enter_room, require_assigned, require_gate
from proctor.services.make_room_record import make_room_record
from proctor.wire import CommandDone
from server.adapters.print_fonts import find_print_fonts
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.core.events import BoardChanged, RoomChanged
from server.delivery.domain.time_ledger import RowKind, find_reversed
from server.storage.unit_of_work import UnitOfWork


def sign_record(
    uow: UnitOfWork, record_store: Path, sitting_id: str, room_id: str, actor: Actor, remark: str = ""
) -> CommandDone:
    """Sign once; the last signature makes the PDF and, with the last room, seals the sitting.

    Raises:
        NotFound: out of reach. Forbidden: `NOT_ASSIGNED`.
        Conflict: `ROOM_NOT_ENDED`; `ALREADY_DONE`; `OPEN_FIELDS`: the record is not complete (ROOMREC), data `fields`.
        Unavailable: `PRINT_FONT_MISSING`.
    """
    find_print_fonts()  # before anybody signs something that cannot be printed
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_assigned(facts, actor)
        require_gate(gate_sign(day_of(facts)))
        signed = {one.account_id for one in facts.signatures}
        if actor.id in signed:
            raise Conflict(
                "ALREADY_DONE", "您已签名，等待另一名监考员。", "You signed already; the other proctor is to sign."
            )
        _require_complete(facts, remark)
        work.session.add(
            RecordSignature(
                sitting_id=sitting_id, room_id=room_id, account_id=actor.id, remark=remark, signed_at=facts.now
            )
        )
        signed.add(actor.id)
        is_final = {duty.account_id for duty in facts.duties} <= signed
        if is_final:
            facts.gates.record_signed_at = facts.now
            advance_sitting(work, actor, sitting_id)
        detail = {"sitting": sitting_id, "final": is_final}
        record(work, actor, AuditAction.PROCTOR_RECORD_SIGNED, f"room:{room_id}", detail, remark)
        changed = RoomChanged if is_final else BoardChanged
        work.publish(changed(sitting_id=sitting_id, room_id=room_id, what="record_signed"))
    if not is_final:
        return CommandDone(
            done=1, words_zh="已签名，请另一名监考员签名。", words_en="Signed; now the other proctor signs."
        )
    make_room_record(uow, record_store, sitting_id, room_id, actor)
    return CommandDone(done=1, words_zh="情况记录表已签完并存档。", words_en="The record is complete and filed.")


def _require_complete(facts: RoomFacts, remark: str) -> None:
    reversed_ids = find_reversed(facts.ledger)
    fields_zh = []
    open_incidents = sum(one.state == IncidentState.OPEN for one in facts.incidents)
    if open_incidents:
        fields_zh.append(f"{open_incidents} 条异常情况未处理")
    undecided = sum(
        one.status in {"proposed", "awaiting_decision"} and one.id not in reversed_ids and one.kind != RowKind.REVERSAL
        for one in facts.time_entries
    )
    if undecided:
        fields_zh.append(f"{undecided} 条补时未确认")
    unchecked = sum(one.is_here and (one.attempt.id, 2) not in facts.checks for one in facts.seated)
    if unchecked and not remark.strip():
        # Nobody can be checked any more once he has left: then the proctors say why in their remark.
        fields_zh.append(f"{unchecked} 名考生没有五对照记录（请在备注中说明）")
    if fields_zh:
        raise Conflict(
            "OPEN_FIELDS",
            f"情况记录表还不完整：{'；'.join(fields_zh)}。",
            f"The record is not complete: {open_incidents} open incidents, {undecided} undecided time rows, "
            f"{unchecked} candidates without a five-point check (explain those in your remark).",
            fields=[
                name
                for name, count in (("incidents", open_incidents), ("time", undecided), ("five_point", unchecked))
                if count
            ],
        )
