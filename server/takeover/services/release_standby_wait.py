"""Two people let commits go on without the synchronous standby; later somebody demands it again. Both are on record."""

from __future__ import annotations

import psycopg

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, Unavailable
from server.storage import postgres_control
from server.storage.unit_of_work import UnitOfWork


def release_standby_wait(
    uow: UnitOfWork, primary_address: str, actors: tuple[Actor, Actor], reason: str, *, is_allowed: bool
) -> str:
    """Clear `synchronous_standby_names`: every waiting commit ends at once, and answers are on one machine from now on.

    The entry is written afterwards: before, it would wait as everything does. Returns what was demanded until now.

    Args:
        is_allowed: the site's setting `standby` is `release`.

    Raises:
        Conflict: `RELEASE_NOT_ALLOWED`, `SAME_PERSON`, `NOTHING_TO_RELEASE`, `NOT_A_PRIMARY`.
        Unavailable: `PRIMARY_UNREACHABLE`.
    """
    if not is_allowed:
        raise Conflict(
            "RELEASE_NOT_ALLOWED",
            "本考点规定：没有同步备机就不保存（standby = block）。请恢复备机。",
            "This site has decided that nothing is saved without a synchronous standby. Bring the standby back.",
        )
    first, second = actors
    if first.id == second.id:
        raise Conflict("SAME_PERSON", "须由两个不同的人放行。", "Two different people are needed.")
    try:
        with postgres_control.administrating(primary_address) as connection:
            view = postgres_control.look(connection)
            if view.in_recovery:
                raise Conflict("NOT_A_PRIMARY", "这台是备库，请在主库上执行。", "This is a standby; go to the primary.")
            if not view.names:
                raise Conflict("NOTHING_TO_RELEASE", "当前没有在等备机。", "Nothing waits for a standby.")
            postgres_control.wait_for_nobody(connection)
    except (RuntimeError, psycopg.Error) as error:
        raise _unreachable(error) from error
    detail = {"names": view.names, "second_person": second.id, "standbys": [one["name"] for one in view.standbys]}
    with uow() as work:
        record(work, first, AuditAction.TAKEOVER_STANDBY_RELEASED, "database:primary", detail, reason)
    return view.names


def demand_standby(uow: UnitOfWork, primary_address: str, actor: Actor, names: str) -> None:
    """Commits wait for the standby again. Refused while it is not there: everything would hang at once.

    Raises:
        Conflict: `STANDBY_NOT_STREAMING`, `NOT_A_PRIMARY`.
        Unavailable: `PRIMARY_UNREACHABLE`.
    """
    try:
        with postgres_control.administrating(primary_address) as connection:
            view = postgres_control.look(connection)
            if view.in_recovery:
                raise Conflict("NOT_A_PRIMARY", "这台是备库，请在主库上执行。", "This is a standby; go to the primary.")
            if not any(one["state"] == "streaming" for one in view.standbys):
                raise Conflict(
                    "STANDBY_NOT_STREAMING",
                    "备机还没有跟上（没有处于 streaming 的备机），现在要求同步会使保存停住。",
                    "No standby is streaming; demanding one now would stop all saving.",
                )
            postgres_control.demand_standbys(connection, names)
    except (RuntimeError, psycopg.Error) as error:
        raise _unreachable(error) from error
    with uow() as work:
        record(work, actor, AuditAction.TAKEOVER_STANDBY_REQUIRED, "database:primary", {"names": names})


def _unreachable(error: Exception) -> Unavailable:
    return Unavailable(
        "PRIMARY_UNREACHABLE", "连不上主库或没有权限修改它的设置。", f"The primary cannot be administered: {error}"
    )
