"""What a node says about itself to patrols, proxies and people: `GET /healthz`.

503 means: send nobody here (it is leaving). 200 with `ok: false` means: it serves, and somebody should look.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.takeover.domain.replication import Trouble
from server.takeover.duty import NodeDuty
from server.takeover.standby_watch import StandbyWatch


class NodeHealth:
    """Asks every part that can be ill."""

    def __init__(
        self,
        duty: NodeDuty,
        watch: StandbyWatch,
        is_deaf: Callable[[], bool],
        answers_fail: Callable[[], bool] = lambda: False,
    ) -> None:
        self._duty = duty
        self._answers_fail = answers_fail
        self._watch = watch
        self._is_deaf = is_deaf
        self.is_leaving = False

    def report(self, now_ms: int) -> tuple[dict[str, Any], int]:
        """The reply and its HTTP status; no data about any exam."""
        troubles = self.troubles()
        reply = {
            "ok": not troubles,
            "leaving": self.is_leaving,
            "troubles": [trouble.value for trouble in troubles],
            "hears_other_nodes": Trouble.OTHER_NODES_NOT_HEARD not in troubles,
            "replication": self._watch.standing().value,
            "now_ms": now_ms,
        }
        return reply, 503 if self.is_leaving else 200

    def troubles(self) -> list[Trouble]:
        """Everything that is wrong, worst first."""
        found = [Trouble.LEAVING] if self.is_leaving else []
        if not self._duty.can_write() or self._answers_fail():
            found.append(Trouble.CANNOT_WRITE)
        found += self._watch.troubles()
        if self._is_deaf():
            found.append(Trouble.OTHER_NODES_NOT_HEARD)
        return found
