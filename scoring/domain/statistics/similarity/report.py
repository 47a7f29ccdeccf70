"""The report on similar papers: screen, judge against the empirical null, describe, group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints, or_none
from scoring.domain.statistics.response_matrix import ResponseMatrix
from scoring.domain.statistics.similarity.budgets import (
    FAR_FACTOR,
    NAMES,
    Budgets,
    FamilyBudget,
    share_out,
    thresholds,
)
from scoring.domain.statistics.similarity.clusters import Cluster, find_clusters
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers, coded_answers
from scoring.domain.statistics.similarity.content_match import ContentMatch, screen_all
from scoring.domain.statistics.similarity.corroboration import Corroboration, Evidence, corroborate
from scoring.domain.statistics.similarity.displayed_letters import DisplayedLetters, letter_matches, screen_letters
from scoring.domain.statistics.similarity.empirical_null import Null, Nulls, estimate_nulls
from scoring.domain.statistics.similarity.indices import m4_index, pair_indices
from scoring.domain.statistics.similarity.option_models import OptionModel, smoothed_shares
from scoring.domain.statistics.similarity.seating import MOST_ROOM_PAIRS, Family, Seating
from scoring.domain.statistics.tails import normal_quantile, normal_upper_all

LEAST_COMMON = 30
#: two perfect papers are identical and innocent
TOO_GOOD = 0.95
TOO_EASY = 0.95
#: up to here every pair is described; beyond, those that stand out
EVERY_PAIR_UP_TO = 200_000
LISTED = 500
M4_FOR = 200
MOST_FORMS = 20
#: normal scores below the threshold that the screen still hands on
SLACK = 1.0

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


@dataclass(frozen=True)
class SimilarityReport:
    """`pairs` ranked by their smallest p; `tests` is how many pairs were judged by content."""

    pairs: tuple[PairFinding, ...]
    flagged: int
    clusters: tuple[Cluster, ...]
    families: tuple[FamilyBudget, ...]
    letter_families: tuple[FamilyBudget, ...]
    null: Null
    null_same_class: Null | None
    option_model: str
    candidates: int
    pairs_total: int
    pairs_judged: int
    notices: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Judged:
    pairs: Ints
    families: Ints
    score: Floats
    p: Floats
    threshold: Floats
    judged: Bools


def find_similar_papers(
    matrix: ResponseMatrix,
    seating: Seating | None = None,
    model: OptionModel | None = None,
    shown: DisplayedLetters | None = None,
    evidence: Evidence | None = None,
    budgets: Budgets | None = None,
    listed: int = LISTED,
    every_pair_up_to: int = EVERY_PAIR_UP_TO,
    progress: Progress | None = None,
) -> SimilarityReport:
    """All pairs of one sitting.

    Args:
        model: option probabilities for GBT, ω and M4; default: smoothed from these answers.
        shown: letters as displayed, where option orders were shuffled for each candidate.
        listed: how many pairs beyond the flagged ones are described when there are too many for all.

    Raises:
        InvalidInput: `SIMILARITY_NEEDS_OPTIONS`, `SIMILARITY_NEEDS_PAIRS`.
    """
    budgets = budgets or Budgets()
    answers = coded_answers(matrix)
    model = model or smoothed_shares(answers)
    notices: list[str] = []
    if seating is not None and seating.room_pair_count() > MOST_ROOM_PAIRS:
        notices.append("考场过大，未按考场分析。 The rooms are too large to be rooms; they were left aside.")
        seating = None
    judged, nulls, families, total_judged = _content(
        matrix, answers, model, seating, budgets, every_pair_up_to, notices, progress
    )
    letters: dict[tuple[int, int], tuple[int, int, float]] = {}
    letter_families: tuple[FamilyBudget, ...] = ()
    by_letters: set[tuple[int, int]] = set()
    if shown is not None:
        letters, by_letters, letter_families = _letters(shown, seating, budgets, progress)
    by_content = {
        (int(a), int(b))
        for (a, b), hit in zip(judged.pairs.tolist(), judged.judged & (judged.p <= judged.threshold), strict=True)
        if hit
    }
    chosen = _choose(judged, by_content, letters, by_letters, listed, every_pair_up_to)
    judged = _judge_chosen(chosen, answers, model, seating, nulls, families)
    findings = _describe(
        answers, model, seating, shown, evidence, judged, chosen, by_content, by_letters, letters, progress
    )
    flagged = by_content | by_letters
    rooms = (
        {}
        if seating is None
        else {
            member: seating.room_names[seating.room[member]]
            for pair in flagged
            for member in pair
            if seating.room[member] >= 0
        }
    )
    return SimilarityReport(
        pairs=tuple(findings),
        flagged=len(flagged),
        clusters=find_clusters(sorted(flagged), rooms),
        families=tuple(families[family] for family in sorted(families, reverse=True)),
        letter_families=letter_families,
        null=nulls.general,
        null_same_class=nulls.same_class,
        option_model=model.name,
        candidates=answers.count,
        pairs_total=answers.count * (answers.count - 1) // 2,
        pairs_judged=total_judged,
        notices=tuple(notices),
    )


def _eligible(answers: CodedAnswers) -> Bools:
    answered = answers.answered.sum(axis=1)
    return np.asarray((answered >= LEAST_COMMON) & (answers.right.sum(axis=1) < TOO_GOOD * np.maximum(answered, 1)))


def _screen_columns(answers: CodedAnswers) -> Ints:
    share = answers.right.sum(axis=0) / np.maximum(answers.answered.sum(axis=0), 1)
    return np.flatnonzero(share <= TOO_EASY)


def _content(
    matrix: ResponseMatrix,
    answers: CodedAnswers,
    model: OptionModel,
    seating: Seating | None,
    budgets: Budgets,
    every_pair_up_to: int,
    notices: list[str],
    progress: Progress | None,
) -> tuple[_Judged, Nulls, dict[Family, FamilyBudget], int]:
    keep = _screen_columns(answers)
    eligible = _eligible(answers)
    n, e = answers.count, int(eligible.sum())
    empty = np.zeros((0, 2), dtype=np.int64)
    judged_pairs = 0
    if len(keep) < LEAST_COMMON:
        notices.append(
            f"可比较的试题只有 {len(keep)} 道（少于 {LEAST_COMMON}，过易的不计）：内容雷同只列出，不判定。"
            f" {len(keep)} items can be compared (fewer than {LEAST_COMMON}, too easy ones left out): pairs are listed, not judged."
        )
        eligible = np.zeros(n, dtype=bool)
        keep = np.arange(answers.item_count)
    part, part_model = answers.columns(keep), model.columns(keep)
    match = ContentMatch(part, part_model)
    nulls = estimate_nulls(match, seating, eligible, LEAST_COMMON)
    near = empty if seating is None else seating.room_pairs()
    near_eligible = eligible[near].all(axis=1)
    near_families = seating.families(near) if seating is not None else np.zeros(0, dtype=np.int64)
    counts = {
        Family.NEIGHBOUR: int((near_eligible & (near_families == Family.NEIGHBOUR)).sum()),
        Family.SAME_ROOM: int((near_eligible & (near_families == Family.SAME_ROOM)).sum()),
    }
    e = int(eligible.sum())
    forms = matrix.forms()
    total = n * (n - 1) // 2
    everyone = total <= every_pair_up_to
    bulk = everyone or len(forms) <= MOST_FORMS
    counts[Family.OTHER] = e * (e - 1) // 2 - sum(counts.values()) if bulk else 0
    if not bulk:
        notices.append(
            f"各人试卷不同（{len(forms)} 种）：内容雷同只在同考场内比较，请以屏显字母检验为主。"
            f" {len(forms)} forms: contents are compared within rooms only; rely on the displayed letters."
        )
    families = share_out(counts, budgets, seating is not None, FAR_FACTOR)
    judged_pairs = sum(counts.values())
    if everyone:
        pairs = np.stack(np.triu_indices(n, 1), axis=1)
    else:
        far = empty
        if bulk and families[Family.OTHER].threshold > 0:
            least = nulls.general.mean + nulls.general.sd * normal_quantile(families[Family.OTHER].threshold) - SLACK
            far = screen_all(part, part_model, forms, least, LEAST_COMMON, eligible, _named(progress, "screen"))
        pairs = np.unique(np.concatenate([near, far]), axis=0)
    return _judge(pairs, match, eligible, seating, nulls, families), nulls, families, judged_pairs


def _judge(
    pairs: Ints,
    match: ContentMatch,
    eligible: Bools,
    seating: Seating | None,
    nulls: Nulls,
    families: dict[Family, FamilyBudget],
) -> _Judged:
    raw, common = match.scores(pairs)
    of = np.zeros(len(pairs), dtype=np.int64) if seating is None else seating.families(pairs)
    score = nulls.general.adjusted(raw)
    if nulls.same_class is not None and seating is not None:
        group = seating.school_class
        mates = (group[pairs[:, 0]] == group[pairs[:, 1]]) & (group[pairs[:, 0]] >= 0)
        score = np.where(mates, nulls.same_class.adjusted(raw), score)
    may = eligible[pairs].all(axis=1) & (common >= LEAST_COMMON)
    return _Judged(pairs, of, score, normal_upper_all(score), thresholds(of, families), may)


def _letters(
    shown: DisplayedLetters, seating: Seating | None, budgets: Budgets, progress: Progress | None
) -> tuple[dict[tuple[int, int], tuple[int, int, float]], set[tuple[int, int]], tuple[FamilyBudget, ...]]:
    n = len(shown.codes)
    eligible = (shown.codes >= 0).sum(axis=1) >= 10
    near = np.zeros((0, 2), dtype=np.int64) if seating is None else seating.room_pairs()
    near = near[eligible[near].all(axis=1)]
    of_near = seating.families(near) if seating is not None else np.zeros(0, dtype=np.int64)
    e = int(eligible.sum())
    counts = {
        Family.NEIGHBOUR: int((of_near == Family.NEIGHBOUR).sum()),
        Family.SAME_ROOM: int((of_near == Family.SAME_ROOM).sum()),
    }
    counts[Family.OTHER] = e * (e - 1) // 2 - sum(counts.values())
    families = share_out(counts, budgets, seating is not None, 1.0)
    limit = families[Family.OTHER].threshold
    far = screen_letters(shown, limit, eligible, _named(progress, "letters")) if limit > 0 and n > 1 else near[:0]
    pairs = np.unique(np.concatenate([near, far]), axis=0)
    found = letter_matches(shown, pairs)
    of = np.zeros(len(pairs), dtype=np.int64) if seating is None else seating.families(pairs)
    hits = found.p <= thresholds(of, families)
    lines = {
        (int(a), int(b)): (int(found.same[place]), int(found.positions[place]), float(found.p[place]))
        for place, (a, b) in enumerate(pairs.tolist())
    }
    flagged = {(int(a), int(b)) for (a, b) in pairs[hits].tolist()}
    return lines, flagged, tuple(families[family] for family in sorted(families, reverse=True))


def _choose(
    judged: _Judged,
    by_content: set[tuple[int, int]],
    letters: dict[tuple[int, int], tuple[int, int, float]],
    by_letters: set[tuple[int, int]],
    listed: int,
    every_pair_up_to: int,
) -> list[tuple[int, int]]:
    """Pairs to describe: all when few, else the flagged ones and those with the smallest p."""
    known = [(int(a), int(b)) for a, b in judged.pairs.tolist()]
    if len(known) <= listed or (len(known) <= every_pair_up_to and len(known) > 0 and _is_complete(judged)):
        return sorted(set(known) | by_letters)
    order = np.lexsort((judged.p, ~judged.judged))[:listed]
    nearest = sorted(letters, key=lambda pair: (letters[pair][2], pair))[:listed]
    return sorted(by_content | by_letters | {known[place] for place in order.tolist()} | set(nearest))


def _is_complete(judged: _Judged) -> bool:
    n = int(judged.pairs.max()) + 1
    return len(judged.pairs) == n * (n - 1) // 2


def _judge_chosen(
    chosen: list[tuple[int, int]],
    answers: CodedAnswers,
    model: OptionModel,
    seating: Seating | None,
    nulls: Nulls,
    families: dict[Family, FamilyBudget],
) -> _Judged:
    """The chosen pairs in order, judged by content as well when only their letters brought them here."""
    keep = _screen_columns(answers)
    enough = len(keep) >= LEAST_COMMON
    keep = keep if enough else np.arange(answers.item_count)
    eligible = _eligible(answers) if enough else np.zeros(answers.count, dtype=bool)
    pairs = np.array(chosen, dtype=np.int64).reshape(-1, 2)
    match = ContentMatch(answers.columns(keep), model.columns(keep))
    return _judge(pairs, match, eligible, seating, nulls, families)


def _describe(
    answers: CodedAnswers,
    model: OptionModel,
    seating: Seating | None,
    shown: DisplayedLetters | None,
    evidence: Evidence | None,
    judged: _Judged,
    chosen: list[tuple[int, int]],
    by_content: set[tuple[int, int]],
    by_letters: set[tuple[int, int]],
    letters: dict[tuple[int, int], tuple[int, int, float]],
    progress: Progress | None,
) -> list[PairFinding]:
    indices = pair_indices(answers, model, judged.pairs, _named(progress, "indices"))
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
        of_interest = order[: max(LISTED, int(is_flagged.sum()))]
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


def _named(progress: Progress | None, name: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(name, done, total)
