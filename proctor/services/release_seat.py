"""The proctor lets a candidate go on at another machine 换机; the seat's interruption begins with it."""

from __future__ import annotations

from proctor.room_work import enter_room, require_candidate
from proctor.wire import CommandDone
from server.core.actor import Actor
from server.delivery.domain.states import AttemptState
from server.delivery.ledger import lock_attempts, open_interruptions
from server.delivery.services import release_seat as delivery
from server.delivery.services.open_interruption import is_automatic, open_interruption
from server.storage.unit_of_work import UnitOfWork


def release_seat(
    uow: UnitOfWork, sitting_id: str, room_id: str, attempt_id: str, to_seat_id: str | None, reason: str, actor: Actor
) -> CommandDone:
    """Release the seat. Somebody in mid-exam is suspended at once, so that the swap costs no time (architecture 4.6).

    Raises:
        NotFound: room or candidate out of reach.
        Conflict: `ALREADY_ENDED`, `SEAT_TAKEN`, `SEAT_NOT_IN_ROOM`.
    """
    with uow() as work:
        facts = enter_room(work, actor, sitting_id, room_id)
        require_candidate(facts, attempt_id)
        attempt = lock_attempts(work.session, sitting_id, room_id, [attempt_id])[0]
        delivery.release_seat(work, attempt, to_seat_id, actor, reason)
        is_answering = attempt.state == AttemptState.ANSWERING.value
        # A dead PC has often been found by itself: the clock then stands still under that row.
        if is_answering and is_automatic(open_interruptions(work.session, sitting_id, room_id, attempt_id)):
            open_interruption(
                work,
                sitting_id=sitting_id,
                room_id=room_id,
                attempt_id=attempt_id,
                cause="pc_swap",
                reason=reason,
                actor=actor,
                since=attempt.last_seen_at,  # a dead PC was silent before anybody noticed
            )
    return CommandDone(
        done=1,
        words_zh="已放行：考生可在另一台机器登录；登录后请按“恢复”。"
        if is_answering
        else "已放行：考生可在另一台机器登录。",
        words_en="Released: the candidate signs in at the other machine" + ("; then resume." if is_answering else "."),
    )
