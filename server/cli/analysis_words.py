"""What `mingyuan analyse` prints: the JSON documents scripts depend on (architecture 12), and lines for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from scoring.domain.statistics.arrays import or_none
from scoring.domain.statistics.classical import ClassicalReport
from scoring.domain.statistics.decision import Decision
from scoring.domain.statistics.dif import PURIFY_FROM, DifComparison, ItemDif
from scoring.domain.statistics.flags import flag_item
from scoring.domain.statistics.irt_model import Abilities, Calibration
from scoring.domain.statistics.item_fit import ItemFit
from scoring.domain.statistics.linking import Link
from scoring.domain.statistics.similarity.described_pairs import PairFinding
from scoring.domain.statistics.similarity.empirical_null import SEED, Null
from scoring.domain.statistics.similarity.report import SimilarityReport

Document = dict[str, Any]
LINES = 20
#: pairs with every column; the rest of a long list has those a script needs
FULL_LINES = 1000
SHORT_LINE = ("a", "b", "judged", "common", "identical", "identical_wrong", "p", "gbt_p")


def _number(value: float | None, places: int = 3) -> str:
    return "—" if value is None else f"{value:.{places}f}"


def items_document(report: ClassicalReport) -> Document:
    """`analyse items`."""
    items = []
    for item in report.items:
        line = asdict(item)
        line["options"] = [asdict(option) for option in item.options]
        line["flags"] = [asdict(flag) for flag in flag_item(item)]
        items.append(line)
    return {
        "items": items,
        "test": asdict(report.test),
        "forms": [{"form": each.form, "items": list(each.items), "test": asdict(each.test)} for each in report.forms],
        "notices": list(report.notices),
    }


def items_words(report: ClassicalReport) -> list[str]:
    """`analyse items` for people."""
    test = report.test
    head = (
        f"{test.n} 人，{test.k} 题：平均 {_number(test.mean, 2)}，标准差 {_number(test.sd, 2)}，α {_number(test.alpha)}，"
        f"测量标准误 {_number(test.sem, 2)}，合格率 {_number(test.pass_rate)}"
    )
    lines = [head]
    if test.decision is not None:
        lines.append(
            f"60 分线判定一致率 {test.decision.consistency:.3f}，判定正确率 {test.decision.accuracy:.3f}"
            f"（{test.decision.method}）"
        )
    lines += report.notices
    lines.append(f"{'试题':<12} {'得分率':>7} {'D27':>7} {'r 校正':>7} {'未答':>6}")
    for item in report.items:
        lines.append(
            f"{item.item:<12} {_number(item.p):>8} {_number(item.d27_shared):>8} {_number(item.item_rest_r):>8}"
            f" {_number(item.omitted):>7}"
        )
        lines += [f"    ! {flag.words_zh} {flag.words_en}" for flag in flag_item(item)]
    return lines


def irt_document(
    calibration: Calibration,
    fit: tuple[ItemFit, ...],
    decision: Decision | None,
    errors: list[tuple[float, float, float]],
    link: Link | None,
    abilities: Abilities,
) -> Document:
    """`analyse irt`. Items without parameters carry the reason in `left_out`."""
    fits = {each.item: each for each in fit}
    items = []
    for place, item in enumerate(calibration.items):
        values = {name: or_none(getattr(calibration, name)[place]) for name in ("a", "b", "c", "se_a", "se_b", "se_c")}
        judged = fits.get(item)
        items.append(
            {
                "item": item,
                **values,
                "left_out": calibration.left_out.get(item),
                "slope_at_bound": item in calibration.at_bound,
                "fit": None if judged is None else asdict(judged),
            }
        )
    reliability = or_none(abilities.eap.var() / (abilities.eap.var() + (abilities.se**2).mean()))
    return {
        "model": calibration.model,
        "loglik": calibration.loglik,
        "converged": calibration.converged,
        "iterations": calibration.iterations,
        "nodes": calibration.nodes,
        "metric": "D = 1, logistic",
        "latent_sd": calibration.latent_sd,
        "items": items,
        "eap_reliability": reliability,
        "decision": None if decision is None else asdict(decision),
        "conditional_sem": [{"theta": t, "expected": e, "sem": s} for t, e, s in errors],
        "link": None if link is None else asdict(link),
    }


def irt_words(
    calibration: Calibration, fit: tuple[ItemFit, ...], decision: Decision | None, link: Link | None
) -> list[str]:
    """`analyse irt` for people."""
    fits = {each.item: each for each in fit}
    state = "已收敛 converged" if calibration.converged else "未收敛，请勿使用 NOT converged, do not use"
    lines = [f"{calibration.model}  对数似然 {calibration.loglik:.3f}  {state}"]
    if decision is not None:
        lines.append(f"60 分线判定一致率 {decision.consistency:.3f}，判定正确率 {decision.accuracy:.3f}")
    if link is not None:
        dropped = [each.item for each in link.common if each.dropped]
        lines.append(
            f"链接：共同题 {len(link.common)}，斜率 {link.slope:.3f}，平移 {link.shift:.3f}，"
            f"漂移剔除 {'、'.join(dropped) or '无'}"
        )
        if not link.enough:
            lines.append("! 漂移的共同题过多，链接不可靠。 Too many common items drifted; do not rely on this link.")
    lines.append(f"{'试题':<12} {'a':>8} {'b':>8} {'c':>7} {'se_a':>7} {'se_b':>7} {'拟合 p':>7}")
    for place, item in enumerate(calibration.items):
        if item in calibration.left_out:
            lines.append(f"{item:<12} 未标定 left out: {calibration.left_out[item]}")
            continue
        figures = [or_none(getattr(calibration, name)[place]) for name in ("a", "b", "c", "se_a", "se_b")]
        judged = fits.get(item)
        lines.append(
            f"{item:<12} "
            + " ".join(f"{_number(value):>8}" for value in figures)
            + f" {_number(judged.p if judged else None):>7}"
        )
    return lines


def dif_document(comparisons: tuple[DifComparison, ...], small: dict[str, int], purify: bool) -> Document:
    """`analyse dif`. With several focal groups each item shows its largest |Δ|, and `comparisons` has them all."""
    documents = [
        {
            "reference": each.reference,
            "focal": each.focal,
            "n_reference": each.n_reference,
            "n_focal": each.n_focal,
            "items": [_dif_line(item) for item in each.items],
        }
        for each in comparisons
    ]
    items = []
    for place in range(len(comparisons[0].items)):
        lines = [(each, each.items[place]) for each in comparisons]
        worst, item = max(lines, key=lambda line: abs(line[1].final.delta_mh or 0.0))
        items.append({**_dif_line(item), "focal": worst.focal, "reference": worst.reference})
    return {
        "items": items,
        "comparisons": documents,
        "purified": purify,
        "purified_from_delta": PURIFY_FROM,
        "groups_too_small": small,
    }


def _dif_line(item: ItemDif) -> Document:
    final = asdict(item.final)
    final["class"] = final.pop("ets_class")
    first = asdict(item.unpurified)
    first["class"] = first.pop("ets_class")
    return {"item": item.item, **final, "purged": item.purged, "unpurified": first}


def dif_words(comparisons: tuple[DifComparison, ...], small: dict[str, int]) -> list[str]:
    """`analyse dif` for people: classes B and C."""
    lines = [f"组“{name}”只有 {size} 人，未比较。 Group too small." for name, size in small.items()]
    for each in comparisons:
        lines.append(f"{each.focal}（{each.n_focal} 人）对 {each.reference}（{each.n_reference} 人）")
        noted = [item for item in each.items if item.final.ets_class in {"B", "C"}]
        for item in noted:
            delta = item.final.delta_mh or 0.0
            side = each.focal if delta < 0 else each.reference
            lines.append(
                f"  {item.item:<12} {item.final.ets_class}  Δ {delta:+.2f}  p {_number(item.final.p, 4)}"
                f"  水平相同时对“{side}”不利 harder for {side} at equal ability"
            )
        if not noted:
            lines.append("  没有 B、C 类试题。 No items of class B or C.")
    return lines


def similarity_document(report: SimilarityReport, persons: np.ndarray, seconds: float) -> Document:
    """`analyse similarity`. `omega`, `k_p`: the more suspicious of the two directions."""
    return {
        "pairs": [_pair_line(pair, place < FULL_LINES) for place, pair in enumerate(report.pairs)],
        "flagged": report.flagged,
        "seconds": round(seconds, 3),
        "clusters": [
            {
                "members": [str(persons[each]) for each in cluster.members],
                "rooms": list(cluster.rooms),
                "incident": cluster.is_incident,
            }
            for cluster in report.clusters
        ],
        "families": [asdict(each) for each in report.families],
        "letter_families": [asdict(each) for each in report.letter_families],
        "null": _null_line(report.null),
        "null_same_class": None if report.null_same_class is None else _null_line(report.null_same_class),
        "option_model": report.option_model,
        "candidates": report.candidates,
        "pairs_total": report.pairs_total,
        "pairs_judged": report.pairs_judged,
        "seed": SEED,
        "notices": list(report.notices),
    }


def _null_line(null: Null) -> Document:
    return {"kind": null.kind, "pairs": null.pairs, "mean": null.mean, "sd": null.sd}


def _pair_line(pair: PairFinding, full: bool) -> Document:
    directions = [
        (omega, p)
        for omega, p in (
            (pair.omega_a_copies_b, pair.omega_a_copies_b_p),
            (pair.omega_b_copies_a, pair.omega_b_copies_a_p),
        )
        if omega is not None
    ]
    # asdict() copies deeply, which for 200,000 pairs takes longer than the analysis
    line = dict(vars(pair)) if full else {name: getattr(pair, name) for name in SHORT_LINE}
    line["flagged_by"] = list(pair.flagged_by)
    if full:
        line["corroboration"] = None if pair.corroboration is None else asdict(pair.corroboration)
    omega, omega_p = max(directions, key=lambda each: each[0]) if directions else (None, None)
    k = [value for value in (pair.k_a_copies_b_p, pair.k_b_copies_a_p) if value is not None]
    return {**line, "omega": omega, "omega_p": omega_p, "k_p": min(k) if k else None}


def similarity_words(report: SimilarityReport, persons: np.ndarray, seconds: float) -> list[str]:
    """`analyse similarity` for people."""
    head = (
        f"{report.candidates} 人，共 {report.pairs_total} 对，判定 {report.pairs_judged} 对，{seconds:.1f} 秒；"
        f"提请复核 {report.flagged} 对 pairs to be looked at"
    )
    lines = [head, *report.notices]
    for cluster in report.clusters:
        if cluster.is_incident:
            names = "、".join(str(persons[each]) for each in cluster.members)
            lines.append(f"! 同考场 3 人以上相互雷同：{names}（{'、'.join(cluster.rooms)}）")
    lines.append(f"{'考生 a':<12} {'考生 b':<12} {'位置':<10} {'相同':>4} {'同错':>4} {'p':>9} {'GBT p':>9} {'标记'}")
    for pair in report.pairs[: max(LINES, report.flagged)]:
        mark = "+".join(pair.flagged_by)
        lines.append(
            f"{pair.a:<12} {pair.b:<12} {pair.family:<10} {pair.identical:>4} {pair.identical_wrong:>4} {pair.p:>9.1e}"
            f" {pair.gbt_p:>9.1e} {mark}"
        )
    lines.append("数字只用于提请复核，不能单独作废试卷。 Numbers open a case; they void nothing.")
    return lines
