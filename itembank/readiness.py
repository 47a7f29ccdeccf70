"""Readiness of a stored bank, and the spec tables there are. Reads only; no item is decrypted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.domain.paper_plan import PaperPlan
from itembank.domain.readiness import Readiness, StockItem, judge_readiness
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange, SpecTable
from itembank.domain.states import USABLE_STATES
from itembank.models import Item, ItemVersion, SpecNode
from itembank.models import SpecTable as SpecTableRow


def bank_readiness(
    session: Session,
    occupation_code: str,
    level: int,
    required: int,
    required_per_point: int,
) -> Readiness:
    """Judge the accepted items of an occupation and level against its newest spec table."""
    rows = session.execute(
        select(Item.kind, Item.point, ItemVersion.fingerprint, Item.enemy_group)
        .join(ItemVersion, ItemVersion.id == Item.current_version_id)
        .where(Item.occupation_code == occupation_code, Item.level == level)
        .where(Item.state.in_([state.value for state in USABLE_STATES]))
        .order_by(Item.id)
    )
    stock = [StockItem(*row) for row in rows]
    table = newest_spec_table(session, occupation_code, level)
    quotas = PaperPlan.from_document(table.paper_plan).kind_counts if table is not None and table.paper_plan else {}
    return judge_readiness(stock, table, quotas, required, required_per_point)


def newest_spec_table(session: Session, occupation_code: str, level: int) -> SpecTable | None:
    """The latest version of the table of an occupation and level."""
    row = session.scalars(
        select(SpecTableRow)
        .where(SpecTableRow.occupation_code == occupation_code, SpecTableRow.level == level)
        .order_by(SpecTableRow.version.desc())
    ).first()
    return None if row is None else _read_table(session, row)


def _read_table(session: Session, row: SpecTableRow) -> SpecTable:
    nodes = session.scalars(
        select(SpecNode).where(SpecNode.spec_table_id == row.id).order_by(SpecNode.position, SpecNode.path)
    ).all()
    return SpecTable(
        name=row.name,
        occupation_code=row.occupation_code,
        occupation_name=row.occupation_name,
        level=row.level,
        ranges=tuple(SpecRange(node.path, node.name, node.weight or 0) for node in nodes if node.kind == "range"),
        points=tuple(
            SpecPoint(node.path, node.name, Importance(node.importance or "X"))
            for node in nodes
            if node.kind == "point"
        ),
        version=row.version,
        paper_plan=row.paper_plan,
    )


def spec_tables(session: Session) -> list[dict[str, Any]]:
    """Every spec table in words, the newest first."""
    rows = session.scalars(select(SpecTableRow).order_by(SpecTableRow.created_at.desc(), SpecTableRow.id)).all()
    return [
        {
            "id": row.id,
            "name": row.name,
            "occupation_code": row.occupation_code,
            "occupation_name": row.occupation_name,
            "level": row.level,
            "version": row.version,
        }
        for row in rows
    ]
