"""What the state of the synchronous standby means: in words a person acts on, never a silent hang.

A commit on the primary waits until the synchronous standby has it too. When the only one is gone, every commit waits, for
ever (realtime.md 10). Nobody may cancel that wait from the program: the commit would then be on one machine only. What
happens is the site's decision (setting `standby`): wait until a standby is back (`block`), or let two people release the
wait (`release`, `mingyuan standby release`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: a commit that is not answered for so long hangs (an ordinary one takes milliseconds, a move of the database seconds)
HANGS_AFTER_S = 5.0


class Standing(StrEnum):
    """How answers are kept at this moment."""

    #: one machine; nobody expects a standby
    ALONE = "alone"
    #: every acknowledged answer is on two machines
    SYNCHRONOUS = "synchronous"
    #: a standby is demanded and none is there: nothing can be saved
    STANDBY_LOST = "standby_lost"
    #: the site expects a standby, and the wait for it was released: answers are on one machine
    RELEASED = "released"
    #: the database did not answer, or does not let us look
    UNKNOWN = "unknown"


class Trouble(StrEnum):
    """What a node says about itself on its health address."""

    STANDBY_LOST = "STANDBY_LOST"
    STANDBY_RELEASED = "STANDBY_RELEASED"
    COMMITS_HANG = "COMMITS_HANG"
    CANNOT_WRITE = "CANNOT_WRITE"
    NOT_DURABLE = "NOT_DURABLE"
    OTHER_NODES_NOT_HEARD = "OTHER_NODES_NOT_HEARD"
    LEAVING = "LEAVING"


@dataclass(frozen=True, slots=True)
class ReplicationView:
    """What the primary says: `synchronous_standby_names`, how many standbys count for it (None: hidden from us)."""

    names: str
    synchronous: int | None
    synchronous_commit: str = "on"


def judge_standing(view: ReplicationView | None, *, expects_standby: bool) -> Standing:
    """`view` None: the database could not be asked."""
    if view is None:
        return Standing.UNKNOWN
    if not view.names.strip():
        return Standing.RELEASED if expects_standby else Standing.ALONE
    if view.synchronous is None:
        return Standing.UNKNOWN
    return Standing.SYNCHRONOUS if view.synchronous else Standing.STANDBY_LOST


def find_troubles(view: ReplicationView | None, *, expects_standby: bool, longest_commit_s: float) -> list[Trouble]:
    """What has to be told; commits that hang are found without asking the database, which may hang with them."""
    standing = judge_standing(view, expects_standby=expects_standby)
    found = []
    if standing is Standing.STANDBY_LOST:
        found.append(Trouble.STANDBY_LOST)
    if standing is Standing.RELEASED:
        found.append(Trouble.STANDBY_RELEASED)
    if longest_commit_s > HANGS_AFTER_S:
        found.append(Trouble.COMMITS_HANG)
    if view is not None and view.synchronous_commit not in ("on", "remote_apply"):
        found.append(Trouble.NOT_DURABLE)
    return found
