"""Somebody looks at a room's board: counts the live deltas of one node, and when each came."""

from __future__ import annotations

import time
from typing import Any

from server.rehearsal.demo_site import DemoRoom
from server.rehearsal.staff import StaffMember
from server.rehearsal.wire_client import WireClient


class BoardWatcher:
    """One board page left open."""

    def __init__(self, base_url: str, sitting_id: str, room: DemoRoom) -> None:
        self._moments: list[float] = []
        self.states: dict[str, dict[str, Any]] = {}
        person = StaffMember(base_url, room.deputy.login_name, room.deputy.password)
        self._channel = WireClient(base_url, "/proctor", person.cookie, self._hear)
        person.close()
        self._channel.connect({})
        self.version = self._channel.ask("watch_room", {"sitting_id": sitting_id, "room_id": room.room_id})["version"]

    def deltas_since(self, moment: float) -> int:
        """How many came after `moment` (`time.monotonic`)."""
        return sum(one > moment for one in list(self._moments))

    def close(self) -> None:
        """Look away."""
        self._channel.close()

    def _hear(self, name: str, payload: Any) -> None:
        if name == "board_delta":
            self._moments.append(time.monotonic())
            for status in payload.get("statuses", ()):
                self.states[status["seat_id"]] = status
