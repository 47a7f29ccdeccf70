"""One line for each pair of the report: exact indices, families, letters, what stands beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints, or_none
from scoring.domain.statistics.similarity.budgets import NAMES
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers
from scoring.domain.statistics.similarity.corroboration import Corroboration, Evidence, corroborate
from scoring.domain.statistics.similarity.displayed_letters import DisplayedLetters, letter_matches
from scoring.domain.statistics.similarity.indices import m4_index, pair_indices
from scoring.domain.statistics.similarity.option_models import OptionModel
from scoring.domain.statistics.similarity.seating import Family, Seating

M4_FOR = 200
CORROBORATED = 500

#: called with the name of a part, what is done and how much there is
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class PairFinding:
    """One pair. `p`: content match against the empirical null; `flagged_by`: `content`, `letters`; empty: not flagged.

    `judged` is False where too few items are in common or a score is too high to tell copying from knowledge.
    """

    a: str
    b: str
    family: str
    judged: bool
    flagged_by: tuple[str, ...]
    common: int
    identical: int
    identical_wrong: int
    both_wrong: int
    score: float
    p: float
    threshold: float
    gbt_p: float
    omega_a_copies_b: float | None
    omega_a_copies_b_p: float | None
    omega_b_copies_a: float | None
    omega_b_copies_a_p: float | None
    k_a_copies_b_p: float | None
    k_b_copies_a_p: float | None
    m4_p: float | None
    letters_same: int | None
    letters_positions: int | None
    letters_p: float | None
    seat_distance: float | None
    same_class: bool | None
    same_machine: bool | None
    corroboration: Corroboration | None


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """P pairs with family, standardised score, p, threshold; `judged`: enough in common and neither too good."""

    pairs: Ints
    families: Ints
    score: Floats
    p: Floats
    threshold: Floats
    judged: Bools


def describe_pairs(
    answers: CodedAnswers,
    model: OptionModel,
    seating: Seating | None,
    shown: DisplayedLetters | None,
    evidence: Evidence | None,
    judged: JudgedPairs,
    chosen: list[tuple[int, int]],
    by_content: set[tuple[int, int]],
    by_letters: set[tuple[int, int]],
    letters: dict[tuple[int, int], tuple[int, int, float]],
    progress: Progress | None,
) -> list[PairFinding]:
    """The chosen pairs in order of suspicion: flagged first, then by the smallest p."""
    indices = pair_indices(answers, model, judged.pairs, named(progress, "indices"))
    smallest = judged.p.copy()
    for place, pair in enumerate(chosen):
        if pair in letters:
            smallest[place] = min(smallest[place], letters[pair][2])
    is_flagged = np.array([pair in by_content or pair in by_letters for pair in chosen], dtype=bool)
    order = np.lexsort((np.arange(len(chosen)), indices.gbt_p, smallest, ~judged.judged, ~is_flagged))
    m4 = np.full(len(chosen), np.nan)
    top = order[:M4_FOR]
    m4[top] = m4_index(answers, model, judged.pairs[top])
    beside: dict[int, Corroboration] = {}
    if evidence is not None:
        of_interest = order[: max(CORROBORATED, int(is_flagged.sum()))]
        beside = dict(zip(of_interest.tolist(), corroborate(answers, judged.pairs[of_interest], evidence), strict=True))
    lettered = None
    if shown is not None and len(chosen):
        lettered = letter_matches(shown, judged.pairs)
    findings = []
    for place in order.tolist():
        a, b = chosen[place]
        by = tuple(name for name, group in (("content", by_content), ("letters", by_letters)) if (a, b) in group)
        findings.append(
            PairFinding(
                a=answers.persons[a],
                b=answers.persons[b],
                family=NAMES[Family(int(judged.families[place]))] if seating is not None else "unknown",
                judged=bool(judged.judged[place]),
                flagged_by=by,
                common=int(indices.common[place]),
                identical=int(indices.identical[place]),
                identical_wrong=int(indices.identical_wrong[place]),
                both_wrong=int(indices.both_wrong[place]),
                score=float(judged.score[place]),
                p=float(judged.p[place]),
                threshold=float(judged.threshold[place]),
                gbt_p=float(indices.gbt_p[place]),
                omega_a_copies_b=or_none(indices.omega_a_copies_b[place]),
                omega_a_copies_b_p=or_none(indices.omega_a_copies_b_p[place]),
                omega_b_copies_a=or_none(indices.omega_b_copies_a[place]),
                omega_b_copies_a_p=or_none(indices.omega_b_copies_a_p[place]),
                k_a_copies_b_p=or_none(indices.k_a_copies_b_p[place]),
                k_b_copies_a_p=or_none(indices.k_b_copies_a_p[place]),
                m4_p=or_none(m4[place]),
                letters_same=None if lettered is None else int(lettered.same[place]),
                letters_positions=None if lettered is None else int(lettered.positions[place]),
                letters_p=None if lettered is None else float(lettered.p[place]),
                seat_distance=None if seating is None else seating.distance(a, b),
                same_class=_same(seating.school_class[a], seating.school_class[b]) if seating is not None else None,
                same_machine=_same_text(seating.machine[a], seating.machine[b]) if seating is not None else None,
                corroboration=beside.get(place),
            )
        )
    return findings


def _same(a: int, b: int) -> bool | None:
    return None if min(a, b) < 0 else bool(a == b)


def _same_text(a: str, b: str) -> bool | None:
    return a == b if a and b else None


def named(progress: Progress | None, name: str) -> Callable[[int, int], None] | None:
    """Progress of one part."""
    if progress is None:
        return None
    return lambda done, total: progress(name, done, total)
