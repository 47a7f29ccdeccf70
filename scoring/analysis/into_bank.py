"""What a sitting showed of its items, written into the bank: history of the sitting, figures over all sittings, proposals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.domain.proposals import ProposalState, Use, reasons_to_suspend
from itembank.models import Item, ItemProposal, ItemSittingStatistics, ItemStatistics
from scoring.analysis.compute import Analysis
from scoring.analysis.figures import tidy
from scoring.analysis.sealed import open_figures, seal_figures
from scoring.domain.canonical import canonical_digest
from scoring.domain.statistics.classical import ItemStatistics as Figures
from scoring.domain.statistics.distractors import OptionStatistics
from scoring.domain.statistics.flags import flag_item
from scoring.models import SittingAnalysis
from server.adapters.vault import Vault
from server.core.ids import new_id
from server.scheduling.models import Sitting
from server.storage.unit_of_work import Work

READ_AT_A_TIME = 400
Document = dict[str, Any]
_WEIGHED = ("p", "d27", "item_rest_r", "omitted", "not_reached", "median_seconds")
_CALIBRATED = ("a", "b", "se_a", "se_b")


def put_into_bank(work: Work, vault: Vault, sitting_id: str, analysis: Analysis) -> list[ItemProposal]:
    """Replace the sitting's history lines, pool every item it used anew, propose what use gives reason for.

    Returns the proposals that are new. A kind that is open already, or was decided about this version on the figures of this
    same sitting, is not proposed again.
    """
    session, now = work.session, work.clock.now()
    lines = {line["item_version_id"]: line for line in analysis.document["items"]}
    # two sittings of one bank may end their analyses together: their items are taken in one order
    session.scalars(
        select(Item.id)
        .where(Item.id.in_(sorted(line["item_id"] for line in lines.values())))
        .order_by(Item.id)
        .with_for_update()
    ).all()
    for old in session.scalars(select(ItemSittingStatistics).where(ItemSittingStatistics.sitting_id == sitting_id)):
        if old.item_version_id not in lines:
            session.delete(old)
    for version_id, line in lines.items():
        row = session.get(ItemSittingStatistics, (version_id, sitting_id))
        if row is None:
            row = ItemSittingStatistics(item_version_id=version_id, sitting_id=sitting_id)
            session.add(row)
        figures = line["figures"]
        for name in ("n", "p", "d27", "item_rest_r", *_CALIBRATED):
            setattr(row, name, figures[name])
        seal_figures(vault, row, {"figures": figures, "curve": line["curve"]})
        row.input_digest, row.made_at = analysis.input_digest, now
    session.flush()
    history = _history(session, sorted(lines))
    candidates = _candidates(session, sitting_id, analysis)
    proposed: list[ItemProposal] = []
    for version_id in sorted(lines):
        pooled = pool([(row.n, open_figures(vault, row)["figures"]) for row in history[version_id]])
        _keep(session, vault, version_id, pooled, history[version_id], now)
        use = Use(
            n=pooled["n"],
            sittings=len(history[version_id]),
            exposed=pooled["n"],
            candidates=candidates,
            flags=frozenset(flag["code"] for flag in pooled["flags"]),
            p=pooled["p"],
            item_rest_r=pooled["item_rest_r"],
        )
        proposed += _propose(work, lines[version_id]["item_id"], version_id, sitting_id, use)
    session.flush()
    return proposed


def pool(documents: Sequence[tuple[int, Document]]) -> Document:
    """wire.ItemFigures over sittings, from (answers, figures) of each, oldest first: means weighed by answers, options added up, flags judged anew.

    The calibration with the most answers gives a and b: scales of different sittings are not mixed.
    """
    total = sum(n for n, _ in documents)
    figures: Document = {"n": total}
    for name in _WEIGHED:
        known = [(n, each[name]) for n, each in documents if each.get(name) is not None and n]
        weight = sum(n for n, _ in known)
        figures[name] = sum(n * value for n, value in known) / weight if weight else None
    calibrated = [(n, each) for n, each in documents if each.get("b") is not None]
    best = max(calibrated, key=lambda each: each[0])[1] if calibrated else dict.fromkeys(_CALIBRATED)
    figures.update({name: best[name] for name in _CALIBRATED})
    options = _pool_options(documents, total)
    figures["options"] = options
    statistics = Figures(
        item="", n=total, p=figures["p"], sd=None, item_total_r=None, item_rest_r=figures["item_rest_r"], d27=None,
        d27_shared=figures["d27"], alpha_if_deleted=None, omitted=figures["omitted"], not_reached=figures["not_reached"],
        options=tuple(OptionStatistics(**{**each, "mean_total": None, "point_biserial_total": None}) for each in options),
    )  # fmt: skip
    figures["flags"] = [
        {"code": flag.code, "words_zh": flag.words_zh, "words_en": flag.words_en, "option": flag.option}
        for flag in flag_item(statistics)
    ]
    result: Document = tidy(figures)
    return result


def _pool_options(documents: Sequence[tuple[int, Document]], total: int) -> list[Document]:
    found: dict[str, list[Document]] = defaultdict(list)
    for _, figures in documents:
        for option in figures["options"]:
            found[option["option"]].append(option)
    pooled = []
    for label in sorted(found, key=lambda each: (len(each), each)):
        parts = found[label]
        n = sum(part["n"] for part in parts)
        known = [(part["n"], part["point_biserial_rest"]) for part in parts if part["point_biserial_rest"] is not None]
        weight = sum(size for size, _ in known)
        ends = {
            name: sum(part[name] for part in parts) if all(part[name] is not None for part in parts) else None
            for name in ("upper27", "lower27", "middle46")
        }
        pooled.append(
            {
                "option": label,
                # a key that was corrected meanwhile: the newest sitting knows
                "is_key": parts[-1]["is_key"],
                "n": n,
                "prop": n / total if total else 0.0,
                "point_biserial_rest": sum(size * r for size, r in known) / weight if weight else None,
                **ends,
            }
        )
    return pooled


def _history(session: Session, version_ids: Sequence[str]) -> dict[str, list[ItemSittingStatistics]]:
    """Lines of each version, oldest sitting first; rehearsals do not count."""
    found: dict[str, list[ItemSittingStatistics]] = {version_id: [] for version_id in version_ids}
    for start in range(0, len(version_ids), READ_AT_A_TIME):
        query = (
            select(ItemSittingStatistics)
            .join(Sitting, Sitting.id == ItemSittingStatistics.sitting_id)
            .where(ItemSittingStatistics.item_version_id.in_(version_ids[start : start + READ_AT_A_TIME]))
            .order_by(Sitting.starts_at, Sitting.id)
        )
        for row in session.scalars(query):
            found[row.item_version_id].append(row)
    return found


def _candidates(session: Session, sitting_id: str, analysis: Analysis) -> int:
    """Candidates of all analysed sittings of the occupation and level, this one included."""
    sitting = session.get_one(Sitting, sitting_id)
    others = session.scalars(
        select(SittingAnalysis)
        .join(Sitting, Sitting.id == SittingAnalysis.sitting_id)
        .where(
            Sitting.occupation_code == sitting.occupation_code,
            Sitting.level == sitting.level,
            SittingAnalysis.sitting_id != sitting_id,
        )
    )
    return int(analysis.document["candidates"]) + sum(int(row.summary.get("candidates", 0)) for row in others)


def _keep(
    session: Session,
    vault: Vault,
    version_id: str,
    pooled: Document,
    history: Sequence[ItemSittingStatistics],
    now: Any,
) -> None:
    row = session.get(ItemStatistics, version_id)
    if row is None:
        row = ItemStatistics(item_version_id=version_id)
        session.add(row)
    for name in ("n", "p", "d27", "item_rest_r", *_CALIBRATED):
        setattr(row, name, pooled[name])
    row.exposures, row.sittings = pooled["n"], len(history)
    seal_figures(vault, row, {"figures": pooled})
    row.input_digest = canonical_digest([[each.sitting_id, each.input_digest] for each in history])
    row.made_at = now


def _propose(work: Work, item_id: str, version_id: str, sitting_id: str, use: Use) -> list[ItemProposal]:
    session = work.session
    item = session.get_one(Item, item_id)
    if item.state not in ("accepted", "live"):
        return []
    earlier = session.scalars(select(ItemProposal).where(ItemProposal.item_version_id == version_id)).all()
    proposed = []
    for reason in reasons_to_suspend(use):
        same = [each for each in earlier if each.kind == reason.kind.value]
        if any(each.state == ProposalState.OPEN or each.sitting_id == sitting_id for each in same):
            continue
        proposal = ItemProposal(
            id=new_id(),
            item_id=item_id,
            item_version_id=version_id,
            kind=reason.kind.value,
            state=ProposalState.OPEN.value,
            evidence={
                "words_zh": reason.words_zh, "words_en": reason.words_en, "n": use.n, "p": use.p,
                "item_rest_r": use.item_rest_r, "sittings": use.sittings, "exposed": use.exposed, "candidates": use.candidates,
            },
            sitting_id=sitting_id,
            made_at=work.clock.now(),
        )  # fmt: skip
        session.add(proposal)
        proposed.append(proposal)
    return proposed
