"""Acts of two people: a different account, another log-in, both of this room, within the profile's window (SZ-7.2(3))."""

from __future__ import annotations

from dataclasses import dataclass

from proctor.models import TwoPersonAct
from proctor.room_facts import RoomFacts, waiting_act
from proctor.room_work import close_act
from proctor.wire import CommandDone
from server.adapters.vault import Vault
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Forbidden, Gone, MingyuanError
from server.core.events import BoardChanged
from server.core.ids import new_id
from server.delivery.time_keeping import to_ms
from server.storage.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class Joined:
    """Where the act stands after this person. A `refusal` is raised after the commit: that the act lapsed must stay."""

    act: TwoPersonAct
    is_second: bool
    refusal: MingyuanError | None = None

    def waiting(self) -> CommandDone:
        """The reply to the first person."""
        return CommandDone(
            waiting_for_second=True,
            expires_at_ms=to_ms(self.act.expires_at),
            words_zh="已确认，请另一名监考员用自己的账号确认。",
            words_en="Confirmed. Now the other proctor confirms from an own log-in.",
        )


def join_act(work: Work, facts: RoomFacts, name: str, actor: Actor, reason: str = "") -> Joined:
    """Begin the act, or come second to it. The room is locked, so two people never both come first.

    Raises:
        Forbidden: `SECOND_PERSON_REQUIRED`: the same account or the same log-in cannot confirm twice.
    """
    session, now = work.session, work.clock.now()
    act = waiting_act(facts.acts, name, now)
    if act is not None:
        if act.first_by == actor.id or act.first_session == actor.session:
            raise Forbidden(
                "SECOND_PERSON_REQUIRED",
                "您已确认；须由另一名监考员用自己的账号在自己的登录中确认。",
                "You confirmed already; the other proctor confirms with an own account from an own log-in.",
                expires_at_ms=to_ms(act.expires_at),
            )
        return Joined(act, is_second=True)
    lapsed = [one for one in facts.acts if one.act == name and one.closed_at is None]
    for one in lapsed:
        close_act(work, one)
    if any(one.first_by != actor.id for one in lapsed):
        refusal = Gone(
            "REQUEST_EXPIRED",
            "第一名监考员的确认已过时限，请两人重新依次确认。",
            "The first proctor's confirmation has lapsed; both confirm again, one after the other.",
        )
        work.publish(BoardChanged(sitting_id=facts.sitting.id, room_id=facts.room.id, what=f"{name}_lapsed"))
        return Joined(lapsed[-1], is_second=False, refusal=refusal)
    act = TwoPersonAct(
        id=new_id(),
        act=name,
        sitting_id=facts.sitting.id,
        room_id=facts.room.id,
        reason=reason,
        first_by=actor.id,
        first_session=actor.session,
        first_at=now,
        expires_at=now + facts.profile.two_person_window,
    )
    session.add(act)
    session.flush()
    detail = {"act": name, "sitting": facts.sitting.id, "two_person_act": act.id}
    record(work, actor, AuditAction.PROCTOR_TWO_PERSON_ACT_BEGUN, f"room:{facts.room.id}", detail, reason)
    work.publish(BoardChanged(sitting_id=facts.sitting.id, room_id=facts.room.id, what=f"{name}_begun"))
    return Joined(act, is_second=False)


def complete_act(work: Work, act: TwoPersonAct, actor: Actor) -> None:
    """The second person was there."""
    act.second_by, act.second_at = actor.id, work.clock.now()
    close_act(work, act)


def keep_secret(vault: Vault, act: TwoPersonAct, secret: str) -> None:
    """Keep the first person's opening secret until the second comes, under the server's key, bound to this row."""
    act.first_secret_cipher = vault.seal(secret.encode(), _secret_aad(act))


def kept_secret(vault: Vault, act: TwoPersonAct) -> str:
    """What `keep_secret` kept.

    Raises:
        Gone: `REQUEST_EXPIRED`: it is no longer there.
    """
    if act.first_secret_cipher is None:
        raise Gone(
            "REQUEST_EXPIRED",
            "第一名监考员的确认已失效，请重新确认。",
            "The first confirmation is no longer valid; begin again.",
        )
    return vault.open(act.first_secret_cipher, _secret_aad(act)).decode()


def _secret_aad(act: TwoPersonAct) -> str:
    return f"two_person_act:{act.id}:first_secret"
