"""Use case: take a spec table 认定要素细目表 into the bank."""

from __future__ import annotations

import copy
from typing import Any

from sqlalchemy import insert, select

from itembank.domain.spec_table import SpecTable, find_problems
from itembank.models import SpecNode
from itembank.models import SpecTable as SpecTableRow
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput
from server.core.ids import new_id
from server.storage.unit_of_work import UnitOfWork, Work


def create_spec_table(uow: UnitOfWork, table: SpecTable, actor: Actor) -> str:
    """Check the table by the rules of domain.md 2 and store it; returns its id.

    Raises:
        InvalidInput: `SPEC_INVALID` with every problem in `problems`.
        Conflict: `SPEC_EXISTS`: the name, or occupation, level and version are taken.
    """
    with uow() as work:
        return add_spec_table(work, table, actor)


def add_spec_table(work: Work, table: SpecTable, actor: Actor) -> str:
    """As `create_spec_table`, in the caller's transaction."""
    problems = find_problems(table)
    if problems:
        raise InvalidInput(
            "SPEC_INVALID",
            f"细目表有 {len(problems)} 处错误，第一处：{problems[0].message_zh}",
            f"The spec table has {len(problems)} problems, the first: {problems[0].message_en}",
            problems=[
                {"code": each.code, "path": each.path, "message_zh": each.message_zh, "message_en": each.message_en}
                for each in problems
            ],
        )
    taken = work.session.scalars(
        select(SpecTableRow).where(
            (SpecTableRow.name == table.name)
            | (
                (SpecTableRow.occupation_code == table.occupation_code)
                & (SpecTableRow.level == table.level)
                & (SpecTableRow.version == table.version)
            )
        )
    ).first()
    if taken is not None:
        raise Conflict(
            "SPEC_EXISTS",
            f"已有细目表“{taken.name}”（{taken.occupation_code} {taken.level} 级，第 {taken.version} 版）。请换名称或版本号。",
            f"The spec table '{taken.name}' is there already. Choose another name or version.",
            spec_table=taken.id,
        )
    table_id = new_id()
    row = SpecTableRow(
        id=table_id,
        name=table.name,
        occupation_code=table.occupation_code,
        occupation_name=table.occupation_name,
        level=table.level,
        version=table.version,
        paper_plan=copy.deepcopy(dict(table.paper_plan)),
        created_at=work.clock.now(),
    )
    work.session.add(row)
    work.session.flush()
    work.session.execute(insert(SpecNode), _nodes(table, table_id))
    record(
        work,
        actor,
        AuditAction.BANK_SPEC_TABLE_CREATED,
        f"spec_table:{table_id}",
        {"name": table.name, "occupation": table.occupation_code, "level": table.level, "points": len(table.points)},
    )
    return table_id


def _nodes(table: SpecTable, table_id: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = [
        {"path": each.path, "kind": "range", "name": each.name, "weight": each.weight, "importance": None}
        for each in table.ranges
    ]
    nodes += [
        {"path": each.path, "kind": "point", "name": each.name, "weight": None, "importance": each.importance.value}
        for each in table.points
    ]
    return [{"spec_table_id": table_id, "position": number, **node} for number, node in enumerate(nodes)]
