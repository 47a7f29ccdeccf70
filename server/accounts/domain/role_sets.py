"""Which roles one account may hold together, and how often it may be signed in."""

from __future__ import annotations

from collections.abc import Collection

from server.core.errors import InvalidInput
from server.core.permissions import EXCLUSIVE_ROLES, Role


def check_roles(roles: Collection[Role]) -> None:
    """Refuse an empty set, a candidate among staff, and two administrators in one person (等保 level 3).

    Raises:
        InvalidInput: `ROLES_MISSING`, `ROLE_NOT_FOR_STAFF`, `ROLES_EXCLUSIVE`.
    """
    if not roles:
        raise InvalidInput("ROLES_MISSING", "请为账号至少选择一个角色。", "Give the account at least one role.")
    if Role.CANDIDATE in roles:
        raise InvalidInput(
            "ROLE_NOT_FOR_STAFF",
            "考生凭准考证登录，不能建成工作人员账号。",
            "Candidates sign in by ticket and have no account.",
        )
    administrators = EXCLUSIVE_ROLES & set(roles)
    if len(administrators) > 1:
        raise InvalidInput(
            "ROLES_EXCLUSIVE",
            "系统管理员、安全管理员、审计管理员必须由不同的人担任，请分设账号。",
            "System, security and audit administrator are three different people. Use separate accounts.",
            roles=sorted(administrators),
        )


def sessions_allowed(roles: Collection[Role]) -> int:
    """How many log-ins one account may have at the same time (checklist A8): administrators one, others two."""
    return 1 if EXCLUSIVE_ROLES & set(roles) else 2
