"""When a standby may become the primary: the rules a person in a hurry must not be able to get wrong.

Two primaries are worse than none: pages and nodes take any server that can be written (realtime.md 10). So the old one must
be proven off, by a command that says so or by a person who saw it, and a server that still takes writes ends the matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.core.errors import Conflict
from server.takeover.domain.replication import Standing


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known before a promotion.

    Attributes:
        others: (host, state) of every configured server; states `writes`, `answers`, `standby`, `unreachable`.
        fenced_by: how the old primary was proven off; "" when it was not.
        last_standing: what a node of this machine saw last; None when none ever looked.
        accepts_loss: a person takes the answers that this standby may never have got upon himself.
    """

    in_recovery: bool
    others: Sequence[tuple[str, str]]
    fenced_by: str
    last_standing: Standing | None
    accepts_loss: bool


def find_obstacle(situation: Situation) -> Conflict | None:
    """Why not, worst first; None: go."""
    if not situation.in_recovery:
        return Conflict("NOT_A_STANDBY", "这台数据库已经是主库，无需提升。", "This server is a primary already.")
    writing = [host for host, state in situation.others if state in ("writes", "answers")]
    if writing:
        return Conflict(
            "PRIMARY_STILL_WRITES",
            f"{'、'.join(writing)} 仍在运行。先把旧主库停用（断电或隔离命令），再提升备库；两个主库会使作答分成两份。",
            f"{', '.join(writing)} is still running. Switch it off for good first: two primaries split the answers.",
            hosts=writing,
        )
    if not situation.fenced_by:
        return Conflict(
            "OLD_PRIMARY_NOT_FENCED",
            "没有旧主库已停用的证明：连不上不等于已停用。配置 fencing_command，或由看见它断电的人填写 --old-primary-is-off。",
            "There is no proof that the old primary is off; not answering proves nothing. Set fencing_command, or let whoever "
            "saw it switched off say --old-primary-is-off.",
        )
    may_miss = situation.last_standing in (Standing.RELEASED, Standing.STANDBY_LOST, Standing.ALONE)
    if may_miss and not situation.accepts_loss:
        return Conflict(
            "STANDBY_MAY_MISS_ANSWERS",
            "最后一次看到时，这台备库不是同步的：可能缺少已确认的作答。先试着恢复旧主库；只有确实救不回来时才用 --accept-loss。",
            "When last seen this standby was not synchronous: acknowledged answers may be missing. Try to bring the old "
            "primary back; only when it is beyond that, say --accept-loss.",
            last_standing=str(situation.last_standing),
        )
    return None
