"""Create a test centre."""

from __future__ import annotations

import re

from sqlalchemy import select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput
from server.core.ids import new_id
from server.scheduling.models import Centre
from server.storage.unit_of_work import UnitOfWork


def create_centre(uow: UnitOfWork, name: str, actor: Actor, institution_code: str = "") -> Centre:
    """A centre 考点; the institution code is the letter and 12 digits before year and level of a certificate number.

    Raises:
        InvalidInput: `CENTRE_NAME_WRONG`, `INSTITUTION_CODE_WRONG`.
        Conflict: `CENTRE_EXISTS`.
    """
    if not name.strip() or len(name) > 120:
        raise InvalidInput(
            "CENTRE_NAME_WRONG",
            "考点名称不能为空，最多 120 个字符。",
            "A centre needs a name of at most 120 characters.",
        )
    if institution_code and not re.fullmatch(r"[A-Z]\d{12}", institution_code):
        raise InvalidInput(
            "INSTITUTION_CODE_WRONG",
            "机构代码应为 1 个大写字母加 12 位数字。",
            "An institution code is a capital letter and 12 digits.",
        )
    with uow() as work:
        if work.session.scalars(select(Centre.id).where(Centre.name == name)).first():
            raise Conflict("CENTRE_EXISTS", f"考点“{name}”已存在。", f"There is a centre '{name}' already.")
        centre = Centre(id=new_id(), name=name, institution_code=institution_code)
        work.session.add(centre)
        record(work, actor, AuditAction.SCHEDULING_CENTRE_CREATED, f"centre:{centre.id}", {"name": name})
    return centre
