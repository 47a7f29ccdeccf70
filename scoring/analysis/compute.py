"""The analysis of collected answers, step by step. Pure computing, minutes for a large hall: run it in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from scoring.analysis.collect import Collected
from scoring.analysis.figures import (
    Calibrated,
    abilities_of,
    behaviour_of,
    calibrate,
    drift_of,
    forms_of,
    information_of,
    item_figures,
    tests_of,
    tidy,
)
from scoring.analysis.matrices import Sheets, make_sheets
from scoring.domain.canonical import canonical_digest
from scoring.domain.statistics.classical import analyse_classically
from scoring.domain.statistics.similarity.corroboration import Evidence
from scoring.domain.statistics.similarity.described_pairs import PairFinding
from scoring.domain.statistics.similarity.report import SimilarityReport, find_similar_papers
from server.core.errors import MingyuanError

Progress = Callable[[str, int, int], None]
Document = dict[str, Any]
#: raised whenever the same answers could give other figures than before
METHOD = "1"
#: pairs kept beyond the flagged ones
PAIRS_KEPT = 200


@dataclass(frozen=True)
class Analysis:
    """What is stored. `document`: items, forms, behaviour; `similarity`: pairs by attempt. Each with its digest."""

    document: Document
    similarity: Document
    input_digest: str
    digest: str
    similarity_digest: str


def compute_analysis(collected: Collected, progress: Progress | None = None) -> Analysis:
    """Everything about one sitting (or several together). The same input gives the same digests.

    Raises:
        Conflict: `NOTHING_TO_ANALYSE`.
    """

    def told(part: str, done: int = 0, total: int = 1) -> None:
        if progress is not None:
            progress(part, done, total)

    told("items")
    input_digest = collected.input_digest
    sheets = make_sheets(collected)
    report = analyse_classically(sheets.matrix)
    told("calibration")
    known: Calibrated | None = None
    refused: Document | None = None
    try:
        known = calibrate(sheets)
    except MingyuanError as refusal:
        refused = refusal.as_dict()
    told("behaviour")
    forms = forms_of(collected, sheets)
    items = [{**line, "forms": forms[line["item_version_id"]]} for line in item_figures(report, sheets, known)]
    notices = list(report.notices)
    left_out = [item.label for item in collected.items if item.left_out]
    if left_out:
        notices.append(
            f"{len(left_out)} 题已决定不计分或全体给分，未作分析：{'、'.join(left_out)}。"
            f" {len(left_out)} items do not count or count fully for everybody and were left out."
        )
    document = {
        "method": METHOD,
        "sittings": list(collected.sitting_ids),
        "candidates": len(collected.persons),
        "pass_share": collected.pass_share,
        "tests": tests_of(report, collected, sheets, known),
        "information": [] if known is None else information_of(collected, sheets, known),
        "abilities": None if known is None else abilities_of(known),
        "items": items,
        "calibration_refused": refused,
        "behaviour": behaviour_of(sheets),
        "notices": notices,
    }
    if len(collected.sitting_ids) > 1:
        document["drift"] = drift_of(collected, sheets, known)
    told("similarity")
    similarity = _similarity(collected, sheets, progress)
    document, similarity = tidy(document), tidy(similarity)
    return Analysis(
        document=document,
        similarity=similarity,
        input_digest=input_digest,
        digest=canonical_digest([input_digest, document]),
        similarity_digest=canonical_digest([input_digest, similarity]),
    )


def _similarity(collected: Collected, sheets: Sheets, progress: Progress | None) -> Document:
    evidence = Evidence(sheets.answered_at, sheets.seconds, sheets.first_codes)

    def told(_step: str, done: int, total: int) -> None:
        if progress is not None:
            progress("similarity", done, total)

    try:
        report = find_similar_papers(
            sheets.matrix, sheets.seating, None, sheets.shown, evidence, listed=PAIRS_KEPT, progress=told
        )
    except MingyuanError as refusal:
        return {
            "refused": refusal.as_dict(), "pairs": [], "flagged": 0, "pairs_total": 0, "pairs_judged": 0, "clusters": [],
            "families": [], "null": None, "notices": [],
        }  # fmt: skip
    kept = [pair for place, pair in enumerate(report.pairs) if pair.flagged_by or place < PAIRS_KEPT]
    return {
        "refused": None,
        "pairs": [pair_line(pair) for pair in kept],
        "flagged": report.flagged,
        "pairs_total": report.pairs_total,
        "pairs_judged": report.pairs_judged,
        "clusters": _clusters(report, sheets, {p.room_id: p.room_name for p in collected.persons}),
        "families": [
            {"family": each.family, "test": test, "pairs": each.pairs, "budget": each.expected_false_flags,
             "threshold": each.threshold}
            for test, families in (("content", report.families), ("letters", report.letter_families))
            for each in families
        ],
        "null": {"kind": report.null.kind, "pairs": report.null.pairs, "mean": report.null.mean, "sd": report.null.sd},
        "notices": list(report.notices),
    }  # fmt: skip


def _clusters(report: SimilarityReport, sheets: Sheets, room_names: dict[str, str]) -> list[Document]:
    return [
        {
            "members": [sheets.matrix.persons[member] for member in cluster.members],
            "rooms": [room_names.get(room.rpartition("/")[2], room) for room in cluster.rooms],
            "is_incident": cluster.is_incident,
        }
        for cluster in report.clusters
    ]


def pair_line(pair: PairFinding) -> Document:
    """The figures of wire.PairLine, without places and case; `a`, `b` are attempt ids."""
    omegas = [value for value in (pair.omega_a_copies_b, pair.omega_b_copies_a) if value is not None]
    k = [value for value in (pair.k_a_copies_b_p, pair.k_b_copies_a_p) if value is not None]
    beside = None if pair.corroboration is None else asdict(pair.corroboration)
    return {
        **{
            name: getattr(pair, name)
            for name in (
                "a", "b", "family", "judged", "common", "identical", "identical_wrong", "p", "threshold", "gbt_p", "m4_p",
                "letters_same", "letters_positions", "letters_p", "seat_distance", "same_class", "same_machine",
            )
        },
        "flagged_by": list(pair.flagged_by),
        "omega": max(omegas) if omegas else None,
        "k_p": min(k) if k else None,
        **{
            name: None if beside is None else beside[name]
            for name in ("a_first", "b_first", "a_changed_to_b", "b_changed_to_a", "pace_r")
        },
    }  # fmt: skip
