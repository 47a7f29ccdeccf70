"""What the proctor's side writes down by itself when others report something."""

from __future__ import annotations

from proctor.domain.states import IncidentKind
from proctor.incidents import raise_incident
from proctor.room_work import enter_room
from server.core.actor import SYSTEM
from server.core.events import AlarmRaised, BoardChanged, Event
from server.storage.unit_of_work import UnitOfWork
from server.webkit.platform import Platform

WORDS = {
    IncidentKind.SECOND_LOGIN: "有人用该考生的准考证在另一台机器登录，已被系统拒绝",
    IncidentKind.SUPERSEDED_ANSWERS: "已被替换的页面又发来作答，已留存，未计入",
}


def subscribe_reactions(platform: Platform) -> None:
    """Alarms that belong in the room record become incidents. Every node reacts; only one incident comes of it."""

    def react(event: Event) -> None:
        if isinstance(event, AlarmRaised) and event.attempt_id is not None and event.kind in set(WORDS):
            note_alarm(platform.uow, event)

    platform.bus.subscribe(react)


def note_alarm(uow: UnitOfWork, event: AlarmRaised) -> None:
    """One open incident for each attempt and kind, however often the alarm comes."""
    kind = IncidentKind(event.kind)
    with uow() as work:
        facts = enter_room(work, SYSTEM, event.sitting_id, event.room_id)
        raise_incident(work, facts, kind, SYSTEM, WORDS[kind], attempt_id=event.attempt_id, once=True, tell=False)
        work.publish(BoardChanged(sitting_id=event.sitting_id, room_id=event.room_id, what="incident_raised"))
