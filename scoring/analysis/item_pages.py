"""What the item page and the list of proposals are told; item texts only for who reads the bank anyway."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.content import open_content
from itembank.domain.measured_difficulty import shrunk_difficulty
from itembank.models import Item, ItemProposal, ItemSittingStatistics, ItemStatistics, ItemVersion
from scoring.analysis import wire
from scoring.analysis.pages import figures_from, measured_of, name_of
from scoring.analysis.sealed import open_figures
from scoring.domain.statistics.answer_text import option_labels
from scoring.permissions import require_permission
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.errors import NotFound
from server.core.permissions import Permission, may
from server.scheduling.models import Sitting


def item_page(session: Session, vault: Vault, item_version_id: str, actor: Actor) -> wire.ItemPage:
    """One item version over its sittings; its text only for who reads the bank anyway.

    Raises:
        Forbidden: `FORBIDDEN`.
        NotFound: `ITEM_NOT_FOUND`.
    """
    require_permission(actor, Permission.ANALYSIS_SITTING_READ)
    version = session.get(ItemVersion, item_version_id)
    if version is None:
        raise NotFound("ITEM_NOT_FOUND", "没有这道试题。", "There is no such item.")
    item = session.get_one(Item, version.item_id)
    row = session.get(ItemStatistics, item_version_id)
    history = session.execute(
        select(ItemSittingStatistics, Sitting)
        .join(Sitting, Sitting.id == ItemSittingStatistics.sitting_id)
        .where(ItemSittingStatistics.item_version_id == item_version_id)
        .order_by(Sitting.starts_at, Sitting.id)
    ).all()
    use = shrunk_difficulty(item.difficulty, row.p if row else None, row.n if row else 0)
    versions = session.scalars(
        select(ItemVersion).where(ItemVersion.item_id == item.id).order_by(ItemVersion.version)
    ).all()
    measured = measured_of(session, [each.id for each in versions])
    reads_text = may(actor.role, Permission.BANK_ITEM_READ)
    return wire.ItemPage(
        item_id=item.id,
        item_version_id=version.id,
        version=version.version,
        kind=item.kind,
        point=item.point,
        state=item.state,
        text=item_text(vault, version) if reads_text else None,
        text_hidden=not reads_text,
        pooled=figures_from(open_figures(vault, row)["figures"]) if row is not None else None,
        exposures=row.exposures if row is not None else 0,
        sittings_used=row.sittings if row is not None else 0,
        difficulty=wire.DifficultyUse(item.difficulty, use.expert_p, use.measured_p, use.n, use.weight, use.p),
        history=[
            wire.ItemHistory(
                sitting_id=sitting.id,
                sitting_name=sitting.name,
                starts_at=sitting.starts_at.isoformat(),
                figures=figures_from(told["figures"]),
                curve=[wire.CurvePoint(**point) for point in told["curve"]],
                made_at=line.made_at.isoformat(),
                input_digest=line.input_digest,
            )
            for line, sitting in history
            for told in (open_figures(vault, line),)
        ],
        versions=[
            wire.VersionLine(
                each.id,
                each.version,
                each.id == item.current_version_id,
                measured[each.id].n if each.id in measured else 0,
            )
            for each in versions
        ],
        proposals=proposal_lines(session, item.id),
    )


def letters_of(kind: str, count: int) -> list[str]:
    """Canonical letters of an item's options in the bank's order."""
    return ["T", "F"] if kind == "true_false" else option_labels(count)


def item_text(vault: Vault, version: ItemVersion, *, with_key: bool = True) -> wire.ItemText:
    """What an item says, options by canonical letter."""
    content = open_content(vault, version)
    letters = letters_of(content.kind.value, len(content.options))
    return wire.ItemText(
        stem=content.stem,
        options=[
            wire.OptionText(letter, option.text, with_key and option.id in content.key)
            for letter, option in zip(letters, content.options, strict=True)
        ],
    )


def proposals_page(session: Session, actor: Actor) -> wire.ProposalsReply:
    """Proposals to take items out of papers: open ones first, then the newest."""
    require_permission(actor, Permission.ANALYSIS_SITTING_READ)
    return wire.ProposalsReply(proposal_lines(session), may(actor.role, Permission.ANALYSIS_PROPOSAL_DECIDE))


def proposal_lines(
    session: Session, item_id: str | None = None, proposal_id: str | None = None
) -> list[wire.ProposalLine]:
    """Open ones first, then the newest."""
    query = (
        select(ItemProposal, Item, Sitting.name)
        .join(Item, Item.id == ItemProposal.item_id)
        .join(Sitting, Sitting.id == ItemProposal.sitting_id)
        .order_by(ItemProposal.state != "open", ItemProposal.made_at.desc(), ItemProposal.id)
    )
    if item_id is not None:
        query = query.where(ItemProposal.item_id == item_id)
    if proposal_id is not None:
        query = query.where(ItemProposal.id == proposal_id)
    return [
        wire.ProposalLine(
            id=row.id,
            item_id=item.id,
            item_version_id=row.item_version_id,
            item_state=item.state,
            occupation_code=item.occupation_code,
            level=item.level,
            kind=row.kind,
            state=row.state,
            words_zh=row.evidence["words_zh"],
            words_en=row.evidence["words_en"],
            sitting_id=row.sitting_id,
            sitting_name=sitting_name,
            made_at=row.made_at.isoformat(),
            decided_by=name_of(session, row.decided_by) if row.decided_by else None,
            decided_at=row.decided_at.isoformat() if row.decided_at else None,
            reason=row.reason,
        )
        for row, item, sitting_name in session.execute(query)
    ]
