"""The board's live channel: Socket.IO namespace `/proctor` (messages in `proctor/wire.py`)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import socketio
from sqlalchemy import select

from proctor.board_feed import TICK_S, BoardFeed, Room
from proctor.wire import NAMESPACE, BoardDelta, Watching, WatchRoom
from server.accounts.domain.sign_in_limits import SESSION_LIFETIME
from server.accounts.models import Account, StaffSession
from server.core.actor import Actor
from server.core.bus import channel
from server.core.errors import Forbidden, NotFound, NotSignedIn
from server.core.permissions import Permission, may
from server.scheduling.queries import require_room
from server.webkit.platform import Platform
from server.webkit.socket_base import DirectNamespace

log = logging.getLogger(__name__)
AuthenticateStaff = Callable[[dict[str, Any]], list[Actor] | None]
#: whoever signed out or was disabled is shown the door within two seconds
SESSIONS_EVERY_S = 1.0


def register(server: socketio.Server, platform: Platform, authenticate_staff: AuthenticateStaff) -> BoardFeed:
    """Attach the namespace; its loop begins with the first connection and ends with `platform.stopping`.

    Args:
        authenticate_staff: handshake environ → everybody this person is (one `Actor` a role), or None.
    """
    return BoardChannel(server, platform, authenticate_staff).feed


class BoardChannel:
    """Connections of this node's boards. Deltas go to local connections only: the bus reaches every node."""

    def __init__(self, server: socketio.Server, platform: Platform, authenticate_staff: AuthenticateStaff) -> None:
        self._server = server
        self._platform = platform
        self._authenticate_staff = authenticate_staff
        self._namespace: DirectNamespace[list[Actor]] = DirectNamespace(
            server, NAMESPACE, platform.clock, self._authenticate, self._farewell
        )
        self.feed = BoardFeed(platform, self._send)
        self._loop: threading.Thread | None = None
        self._loop_turn = threading.Lock()
        self._namespace.open()
        self._namespace.on("watch_room", WatchRoom, self._watch_room)

    def end_stale_sessions(self) -> int:
        """Disconnect everybody whose log-in has ended; returns how many."""
        visitors = dict(self._namespace.visitors)
        tokens = {actor.session for actors in visitors.values() for actor in actors}
        if not tokens:
            return 0
        since = self._platform.clock.now() - SESSION_LIFETIME
        with self._platform.uow.read() as session:
            alive = set(
                session.scalars(
                    select(StaffSession.token_hash)
                    .join(Account, Account.id == StaffSession.account_id)
                    .where(
                        StaffSession.token_hash.in_(tokens),
                        StaffSession.ended_at.is_(None),
                        StaffSession.created_at > since,
                        Account.is_active,
                    )
                )
            )
        gone = [sid for sid, actors in visitors.items() if all(actor.session not in alive for actor in actors)]
        for sid in gone:
            # Off the list first: nothing is sent to somebody who signed out while the line is being closed.
            self.feed.leave(sid)
            for room in list(self._server.rooms(sid, namespace=NAMESPACE)):
                if room != sid:
                    self._server.leave_room(sid, room, namespace=NAMESPACE)
            self._server.disconnect(sid, namespace=NAMESPACE)
        return len(gone)

    def _authenticate(self, _sid: str, environ: dict[str, Any], _auth: Any) -> list[Actor]:
        actors = self._authenticate_staff(environ)
        if not actors:
            raise NotSignedIn(
                "SESSION_ENDED", "尚未登录或登录已结束，请重新登录。", "Not signed in, or the log-in has ended."
            )
        readers = [actor for actor in actors if may(actor.role, Permission.PROCTOR_BOARD_READ)]
        if not readers:
            raise Forbidden("FORBIDDEN", "您的岗位没有这项权限。", "Your role does not allow this.")
        self._ensure_loop()
        return readers

    def _farewell(self, sid: str, _actors: list[Actor]) -> None:
        self.feed.leave(sid)

    def _watch_room(self, sid: str, actors: list[Actor], message: WatchRoom) -> Watching:
        self._require_room(actors, message)
        version = self.feed.watch(sid, message.sitting_id, message.room_id)
        self._server.enter_room(sid, channel.room(message.sitting_id, message.room_id), namespace=NAMESPACE)
        return Watching(ok=True, version=version)

    def _require_room(self, actors: list[Actor], message: WatchRoom) -> None:
        with self._platform.uow.read() as session:
            for actor in actors[:-1]:
                try:
                    require_room(session, actor, message.sitting_id, message.room_id)
                except NotFound:
                    continue
                return
            require_room(session, actors[-1], message.sitting_id, message.room_id)

    def _send(self, room: Room, delta: BoardDelta) -> None:
        self._namespace.emit("board_delta", delta, channel.room(*room), local=True)

    def _ensure_loop(self) -> None:
        with self._loop_turn:
            if self._loop is None:
                self._loop = threading.Thread(target=self._run, name="board-feed", daemon=True)
                self._loop.start()

    def _run(self) -> None:
        checked_at = self._platform.clock.monotonic()
        while not self._platform.stopping.wait(TICK_S):
            try:
                self.feed.tick()
                if self._platform.clock.monotonic() - checked_at >= SESSIONS_EVERY_S:
                    checked_at = self._platform.clock.monotonic()
                    self.end_stale_sessions()
            except Exception:
                log.exception("a round of the board feed failed; the next one comes all the same")
