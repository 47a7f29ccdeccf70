"""Reading spec tables, items and forms from their rows into what the rules of assembly work on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from itembank.domain.blueprint import BankItem, Blueprint
from itembank.domain.measured_difficulty import shrunk_difficulty
from itembank.domain.paper_form import AssembledForm
from itembank.domain.paper_plan import PaperPlan
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange
from itembank.domain.states import USABLE_STATES
from itembank.domain.targets import contributions
from itembank.models import Item, ItemStatistics, ItemVersion, Paper, PaperForm, SpecNode, SpecTable
from server.core.errors import NotFound

READ_AT_A_TIME = 500
#: digits of a measured difficulty that assembly takes: more would only make digests differ
P_DIGITS = 4


def find_spec_table(session: Session, id_or_name: str) -> SpecTable:
    """A spec table by its id or its short name.

    Raises:
        NotFound: `SPEC_TABLE_NOT_FOUND`.
    """
    query = select(SpecTable).where(or_(SpecTable.id == id_or_name, SpecTable.name == id_or_name))
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("SPEC_TABLE_NOT_FOUND", f"没有细目表“{id_or_name}”。", f"There is no spec table '{id_or_name}'.")
    return found


def find_paper(session: Session, paper_id: str) -> Paper:
    """A paper by its id.

    Raises:
        NotFound: `PAPER_NOT_FOUND`.
    """
    paper = session.get(Paper, paper_id)
    if paper is None:
        raise NotFound("PAPER_NOT_FOUND", "没有这份试卷。", "There is no such paper.")
    return paper


def read_blueprint(session: Session, table: SpecTable, plan: PaperPlan | None = None) -> Blueprint:
    """The table's ranges and points in printed order, under its own plan or another one."""
    nodes = session.scalars(
        select(SpecNode).where(SpecNode.spec_table_id == table.id).order_by(SpecNode.position, SpecNode.path)
    ).all()
    ranges = tuple(SpecRange(node.path, node.name, node.weight or 0) for node in nodes if node.kind == "range")
    points = tuple(
        SpecPoint(node.path, node.name, Importance(node.importance or "X")) for node in nodes if node.kind == "point"
    )
    return Blueprint(plan or PaperPlan.from_document(table.paper_plan), ranges, points)


def read_usable_items(session: Session, table: SpecTable, *, use_statistics: bool = True) -> list[BankItem]:
    """Accepted items of the table's occupation and level, at their current version, with what use has shown of them."""
    statistics = ItemStatistics
    rows = session.execute(
        select(
            Item.current_version_id, Item.id, Item.kind, Item.point, Item.difficulty, Item.enemy_group,
            statistics.p, statistics.n,
        )
        .outerjoin(statistics, statistics.item_version_id == Item.current_version_id)
        .where(
            Item.occupation_code == table.occupation_code,
            Item.level == table.level,
            Item.state.in_([state.value for state in USABLE_STATES]),
            Item.current_version_id.is_not(None),
        )
    )  # fmt: skip
    return [
        BankItem(
            version or "",
            item,
            kind,
            point,
            difficulty,
            enemies,
            round(shrunk_difficulty(difficulty, p, n).p, P_DIGITS) if use_statistics and p is not None and n else None,
        )
        for version, item, kind, point, difficulty, enemies, p, n in rows
    ]


def read_items_of(
    session: Session, version_ids: Iterable[str], measured: Mapping[str, float] | None = None
) -> dict[str, BankItem]:
    """Items by version id, whatever their state is now.

    Args:
        measured: difficulties by version id that a paper was assembled with; what is known by now does not matter for it.
    """
    wanted = sorted(set(version_ids))
    found: dict[str, BankItem] = {}
    for start in range(0, len(wanted), READ_AT_A_TIME):
        rows = session.execute(
            select(ItemVersion.id, Item.id, Item.kind, Item.point, Item.difficulty, Item.enemy_group)
            .join(Item, Item.id == ItemVersion.item_id)
            .where(ItemVersion.id.in_(wanted[start : start + READ_AT_A_TIME]))
        )
        found.update({row[0]: BankItem(*row, p=(measured or {}).get(row[0])) for row in rows})
    return found


def read_forms(session: Session, paper_id: str) -> list[PaperForm]:
    """Rows of a paper's forms: forms first, backups last, by label."""
    forms = session.scalars(select(PaperForm).where(PaperForm.paper_id == paper_id)).all()
    return sorted(forms, key=lambda form: (form.is_backup, len(form.label), form.label))


def as_assembled(blueprint: Blueprint, form: PaperForm, items: dict[str, BankItem]) -> AssembledForm:
    """A stored form as the checker takes it: order and points as stored, the rest counted again."""
    known = [
        items[version]
        for version, _ in form.items
        if version in items and items[version].kind in blueprint.plan.kind_points
    ]
    sums = contributions(known, blueprint.plan).sum(axis=0) if known else [0.0] * 4
    return AssembledForm(
        label=form.label,
        is_backup=form.is_backup,
        items=tuple((version, points) for version, points in form.items),
        by_kind={},
        by_range={},
        expected_scores=tuple(float(value) for value in sums[:3]),
        loading_sum=float(sums[3]),
    )
