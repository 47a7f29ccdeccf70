"""The candidate's live channel: answers in, acknowledgements back; clock, messages and state changes out."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import gevent
import socketio

from server.core.errors import InvalidInput, NotSignedIn
from server.core.events import AttemptChanged, ClockChanged, Event, MessageSent, RoomChanged
from server.delivery.candidate_state import clock_view, message_view
from server.delivery.models import Attempt, RoomMessage
from server.delivery.node_pass import read_pass
from server.delivery.runtime import DeliveryRuntime
from server.delivery.sessions import SignedInCandidate, candidate_of, cookie_name, hash_of
from server.delivery.wire import (
    NAMESPACE,
    ClockSet,
    Heartbeat,
    HeartbeatReply,
    RecordAnswers,
    StateChanged,
)
from server.webkit.platform import Platform
from server.webkit.socket_base import DirectNamespace, cookie_of

#: changes of an attempt that the candidate's own page did not make or must hear of
TELLING = frozenset(
    {
        "suspended",
        "resumed",
        "submit",
        "timeout",
        "collect",
        "absent",
        "voided",
        "released",
        "time",
        "verified",
        "hand",
        "imported",
        "moved_room",
    }
)


@dataclass(frozen=True, slots=True)
class ConnectedPage:
    """One connected page of one candidate."""

    candidate: SignedInCandidate
    page_id: str


class CandidateChannel:
    """The namespace `/candidate` of this node. Every node serves its own connections; the bus reaches all nodes."""

    def __init__(self, server: socketio.Server, platform: Platform, runtime: DeliveryRuntime) -> None:
        self._platform = platform
        self._runtime = runtime
        self._cookie = cookie_name(secure=platform.settings.secure_cookies)
        self._sids: defaultdict[str, dict[str, ConnectedPage]] = defaultdict(dict)
        self._clocks_due: set[str] = set()
        self._is_telling_clocks = False
        self._channel: DirectNamespace[ConnectedPage] = DirectNamespace(
            server, NAMESPACE, platform.clock, self._authenticate, self._farewell
        )
        self._channel.open()
        self._channel.on("record_answers", RecordAnswers, self._record_answers)
        self._channel.on("heartbeat", Heartbeat, self._heartbeat)
        platform.bus.subscribe(self._react)

    def say_moving(self) -> None:
        """This node stops: ask every page to go to another one."""
        for pages in list(self._sids.values()):
            for sid in list(pages):
                self._channel.emit("moving", StateChanged(what="moving"), sid, local=True)

    def _authenticate(self, sid: str, environ: dict[str, Any], auth: Any) -> ConnectedPage:
        token = cookie_of(environ, self._cookie)
        passed = auth.get("node_pass") if isinstance(auth, dict) else None
        login = read_pass(self._platform.vault, passed) if isinstance(passed, str) else None
        login = login or (hash_of(token) if token else None)
        if login is None:
            raise NotSignedIn(
                "SESSION_ENDED", "尚未登录或登录已结束，请重新登录。", "Not signed in, or the log-in has ended."
            )
        page_id = auth.get("page_id") if isinstance(auth, dict) else None
        if not (isinstance(page_id, str) and re.fullmatch(r"[a-f0-9]{16,32}", page_id)):
            raise InvalidInput("FIELD_INVALID", "缺少页面编号，请刷新页面。", "The page number is missing; refresh.")
        with self._platform.uow.read() as session:
            candidate = candidate_of(session, login)
        for other_sid, other in list(self._sids[candidate.attempt_id].items()):
            if other.page_id != page_id:
                self._channel.emit("replaced", StateChanged(what="replaced"), other_sid, local=True)
        page = ConnectedPage(candidate, page_id)
        self._sids[candidate.attempt_id][sid] = page
        self._runtime.saw(candidate)
        return page

    def _farewell(self, sid: str, page: ConnectedPage) -> None:
        pages = self._sids[page.candidate.attempt_id]
        pages.pop(sid, None)
        if not pages:
            del self._sids[page.candidate.attempt_id]
            self._runtime.heartbeats.leave(page.candidate.attempt_id)

    def _record_answers(self, _sid: str, page: ConnectedPage, message: RecordAnswers) -> dict[str, Any]:
        self._runtime.saw(page.candidate)
        return self._runtime.desk.record(page.candidate, message).as_reply_to(message)

    def _heartbeat(self, _sid: str, page: ConnectedPage, message: Heartbeat) -> HeartbeatReply:
        return self._runtime.heartbeat(page.candidate, message)

    # ── what happened elsewhere ──────────────────────────────────────────────────────────────────────────────────

    def _react(self, event: Event) -> None:
        match event:
            case ClockChanged():
                self._note_clocks(event)
            case MessageSent():
                self._tell_message(event)
            case AttemptChanged() if event.what in TELLING:
                self._tell_state(self._sids_of(event.attempt_id), event.what)
            case AttemptChanged() if event.what == "admitted":
                self._tell_replaced(event.attempt_id)
            case RoomChanged():
                self._tell_state(self._sids_in(event), event.what)

    def _sids_of(self, attempt_id: str) -> list[str]:
        return list(self._sids.get(attempt_id, ()))

    def _sids_in(self, event: Event) -> list[str]:
        room = (event.sitting_id, event.room_id)
        return [
            sid
            for pages in self._sids.values()
            for sid, page in pages.items()
            if (page.candidate.sitting_id, page.candidate.room_id) == room
        ]

    def _tell_state(self, sids: list[str], what: str) -> None:
        for sid in sids:
            self._channel.emit("state_changed", StateChanged(what=what), sid, local=True)

    def _note_clocks(self, event: ClockChanged) -> None:
        """Only note whose clock moved: who publishes (a node's beat, say) must not wait until hundreds were told."""
        self._clocks_due.update(self._sids_of(event.attempt_id) if event.attempt_id else self._sids_in(event))
        if self._clocks_due and not self._is_telling_clocks:
            self._is_telling_clocks = True
            gevent.spawn(self._tell_clocks)

    def _tell_clocks(self) -> None:
        try:
            while self._clocks_due:
                sid = self._clocks_due.pop()
                page = self._channel.visitors.get(sid)
                if page is not None:
                    self._tell_clock(sid, page)
                gevent.sleep(0)  # answers go first
        finally:
            self._is_telling_clocks = False

    def _tell_clock(self, sid: str, page: ConnectedPage) -> None:
        with self._platform.uow.read() as session:
            attempt = session.get(Attempt, page.candidate.attempt_id)
            if attempt is not None:
                clock = clock_view(session, attempt, self._platform.clock.now())
                self._channel.emit("clock_set", ClockSet(clock=clock), sid, local=True)

    def _tell_message(self, event: MessageSent) -> None:
        sids = self._sids_of(event.attempt_id) if event.attempt_id else self._sids_in(event)
        if not sids:
            return
        with self._platform.uow.read() as session:
            message = session.get(RoomMessage, event.message_id)
            if message is None:
                return
            view = message_view(message)
        for sid in sids:
            self._channel.emit("message_arrived", view, sid, local=True)

    def _tell_replaced(self, attempt_id: str) -> None:
        """Another device signed in: pages of an older epoch must stop."""
        with self._platform.uow.read() as session:
            attempt = session.get(Attempt, attempt_id)
            if attempt is None:
                return
            epoch = attempt.epoch
        for sid, page in list(self._sids.get(attempt_id, {}).items()):
            if page.candidate.epoch != epoch:
                self._channel.emit("replaced", StateChanged(what="replaced"), sid, local=True)
