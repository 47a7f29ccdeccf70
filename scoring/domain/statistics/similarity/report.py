"""The report on similar papers: screen, judge against the empirical null, describe, group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Ints
from scoring.domain.statistics.response_matrix import ResponseMatrix
from scoring.domain.statistics.similarity.budgets import (
    FAR_FACTOR,
    Budgets,
    FamilyBudget,
    share_out,
    thresholds,
)
from scoring.domain.statistics.similarity.clusters import Cluster, find_clusters
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers, coded_answers
from scoring.domain.statistics.similarity.content_match import ContentMatch, screen_all
from scoring.domain.statistics.similarity.corroboration import Evidence
from scoring.domain.statistics.similarity.described_pairs import (
    JudgedPairs,
    PairFinding,
    Progress,
    describe_pairs,
    named,
)
from scoring.domain.statistics.similarity.displayed_letters import DisplayedLetters, letter_matches, screen_letters
from scoring.domain.statistics.similarity.empirical_null import Null, Nulls, estimate_nulls
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
MOST_FORMS = 20
#: normal scores below the threshold that the screen still hands on
SLACK = 1.0


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
    if shown is not None:
        budgets = budgets.halved()
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
    findings = describe_pairs(
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
) -> tuple[JudgedPairs, Nulls, dict[Family, FamilyBudget], int]:
    keep = _screen_columns(answers)
    eligible = _eligible(answers)
    n = answers.count
    empty = np.zeros((0, 2), dtype=np.int64)
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
    if everyone:
        pairs = np.stack(np.triu_indices(n, 1), axis=1)
    else:
        far = empty
        if bulk and families[Family.OTHER].threshold > 0:
            beyond = normal_quantile(families[Family.OTHER].threshold)
            least = nulls.general.local_mean + nulls.general.local_sd * (beyond - SLACK)
            far = screen_all(part, part_model, forms, least, LEAST_COMMON, eligible, named(progress, "screen"))
        pairs = np.unique(np.concatenate([near, far]), axis=0)
    return _judge(pairs, match, eligible, seating, nulls, families), nulls, families, sum(counts.values())


def _judge(
    pairs: Ints,
    match: ContentMatch,
    eligible: Bools,
    seating: Seating | None,
    nulls: Nulls,
    families: dict[Family, FamilyBudget],
) -> JudgedPairs:
    raw, common = match.scores(pairs)
    of = np.zeros(len(pairs), dtype=np.int64) if seating is None else seating.families(pairs)
    x, y = match.bins[pairs[:, 0]], match.bins[pairs[:, 1]]
    score = nulls.general.adjusted(raw, x, y)
    if nulls.same_class is not None and seating is not None:
        group = seating.school_class
        mates = (group[pairs[:, 0]] == group[pairs[:, 1]]) & (group[pairs[:, 0]] >= 0)
        score = np.where(mates, nulls.same_class.adjusted(raw, x, y), score)
    may = eligible[pairs].all(axis=1) & (common >= LEAST_COMMON)
    return JudgedPairs(pairs, of, score, normal_upper_all(score), thresholds(of, families), may)


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
    far = screen_letters(shown, limit, eligible, named(progress, "letters")) if limit > 0 and n > 1 else near[:0]
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
    judged: JudgedPairs,
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


def _is_complete(judged: JudgedPairs) -> bool:
    n = int(judged.pairs.max()) + 1
    return len(judged.pairs) == n * (n - 1) // 2


def _judge_chosen(
    chosen: list[tuple[int, int]],
    answers: CodedAnswers,
    model: OptionModel,
    seating: Seating | None,
    nulls: Nulls,
    families: dict[Family, FamilyBudget],
) -> JudgedPairs:
    """The chosen pairs in order, judged by content as well when only their letters brought them here."""
    keep = _screen_columns(answers)
    enough = len(keep) >= LEAST_COMMON
    keep = keep if enough else np.arange(answers.item_count)
    eligible = _eligible(answers) if enough else np.zeros(answers.count, dtype=bool)
    pairs = np.array(chosen, dtype=np.int64).reshape(-1, 2)
    match = ContentMatch(answers.columns(keep), model.columns(keep))
    return _judge(pairs, match, eligible, seating, nulls, families)
