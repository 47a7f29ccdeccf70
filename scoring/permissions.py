"""The check every act on results begins with, whatever door it came through."""

from __future__ import annotations

from server.core.actor import Actor
from server.core.errors import Forbidden, InvalidInput
from server.core.permissions import Permission, may


def require_permission(actor: Actor, permission: Permission) -> None:
    """Refuse an actor whose role does not hold the permission.

    Raises:
        Forbidden: `FORBIDDEN`.
    """
    if not may(actor.role, permission):
        raise Forbidden(
            "FORBIDDEN", "您的岗位没有这项权限。", "Your role does not allow this.", permission=permission.value
        )


def require_second_person(actor: Actor, *first: str | None) -> None:
    """Refuse whoever already did the first half (checklist C5).

    Raises:
        Forbidden: `SECOND_PERSON_REQUIRED`.
    """
    if actor.id in first:
        raise Forbidden(
            "SECOND_PERSON_REQUIRED",
            "这一步必须由另一个人完成：您已经做了前一步，不能再由您自己核准。",
            "A second person has to do this: you did the step before and cannot approve it yourself.",
        )


def require_reason(reason: str) -> str:
    """The reason a person gave, without blanks around it.

    Raises:
        InvalidInput: `REASON_REQUIRED`.
    """
    if not reason.strip():
        raise InvalidInput(
            "REASON_REQUIRED", "请写明原因，原因会写入审计日志。", "Give a reason; it goes into the audit log."
        )
    return reason.strip()
