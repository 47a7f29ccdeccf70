"""Who is doing something: a person in a role at a machine, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass

from server.core.permissions import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is an account or attempt id; `session` the log-in's token hash ("" for the command line)."""

    id: str
    role: Role
    name: str
    machine: str = ""
    session: str = ""


SYSTEM = Actor(id="system", role=Role.SYSADMIN, name="系统")
