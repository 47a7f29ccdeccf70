"""The board's live channel: Socket.IO namespace `/proctor` (messages in `proctor/wire.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import socketio

from proctor.board_feed import BoardFeed
from server.core.actor import Actor
from server.webkit.platform import Platform

AuthenticateStaff = Callable[[dict[str, Any]], list[Actor] | None]


def register(server: socketio.Server, platform: Platform, authenticate_staff: AuthenticateStaff) -> BoardFeed:
    """Attach the namespace and start the feed's loop (it ends when `platform.stopping` is set).

    Args:
        authenticate_staff: handshake environ → everybody this person is (one `Actor` a role), or None.
    """
    raise NotImplementedError
