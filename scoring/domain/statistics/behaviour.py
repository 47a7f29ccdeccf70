"""How candidates answered: time on items, changes, rapid guessing, lock-step pairs, items whose answers leak.

All of it describes and asks for a look; thresholds and sources stand beside each function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints, or_none
from scoring.domain.statistics.response_matrix import ResponseMatrix
from scoring.domain.statistics.similarity.budgets import Budgets, share_out, thresholds
from scoring.domain.statistics.similarity.corroboration import residual_times
from scoring.domain.statistics.similarity.empirical_null import LEAST_CLASS_PAIRS
from scoring.domain.statistics.similarity.seating import Family, Seating
from scoring.domain.statistics.tails import binomial_upper_table, normal_upper, normal_upper_all

#: normative threshold: 10 % of the item's median, never above 10 s (Wise & Ma 2012)
RAPID_SHARE, RAPID_AT_MOST_S = 0.10, 10.0
#: below this share of answers with effort a paper says little about ability (Wise & Kong 2005)
LITTLE_EFFORT = 0.90
LEAST_TIMES = 20
STRATA = 10
LEAST_SITTING = 50


@dataclass(frozen=True)
class ItemTime:
    """Seconds on one item; `rapid` is the share of answers faster than `rapid_below_s`."""

    item: str
    n: int
    median_s: float | None
    quartiles_s: tuple[float, float] | None
    median_right_s: float | None
    median_wrong_s: float | None
    rapid_below_s: float | None
    rapid: float | None


@dataclass(frozen=True)
class Effort:
    """A candidate's share of answers that were no rapid guesses; `p_rapid`: share right among the rapid ones."""

    person: str
    effort: float
    rapid: int
    rapid_right: float | None


def time_per_item(matrix: ResponseMatrix, seconds: Floats) -> tuple[ItemTime, ...]:
    """Median, quartiles, right and wrong apart; seconds (N, J), NaN or ≤ 0 where unknown."""
    limits = rapid_limits(seconds)
    right = matrix.right
    lines = []
    for column, item in enumerate(matrix.items):
        known = _known(seconds[:, column])
        times = seconds[known, column]
        if len(times) == 0:
            lines.append(ItemTime(item, 0, None, None, None, None, None, None))
            continue
        low, middle, high = np.percentile(times, [25, 50, 75]).tolist()
        hit = right[known, column]
        lines.append(
            ItemTime(
                item,
                len(times),
                middle,
                (low, high),
                float(np.median(times[hit])) if hit.any() else None,
                float(np.median(times[~hit])) if not hit.all() else None,
                float(limits[column]),
                float((times < limits[column]).mean()),
            )
        )
    return tuple(lines)


def _known(times: Floats) -> Bools:
    return np.asarray(np.isfinite(times) & (np.nan_to_num(times) > 0))


def rapid_limits(seconds: Floats) -> Floats:
    """(J,) seconds below which an answer is a rapid guess; 0 where no time is known."""
    limits = np.zeros(seconds.shape[1])
    for column in range(seconds.shape[1]):
        times = seconds[_known(seconds[:, column]), column]
        if len(times):
            limits[column] = min(RAPID_SHARE * float(np.median(times)), RAPID_AT_MOST_S)
    return limits


def rapid_guessing(matrix: ResponseMatrix, seconds: Floats) -> tuple[Effort, ...]:
    """Candidates with effort below 90 %, the least effort first."""
    known = _known(seconds)
    rapid = known & (np.nan_to_num(seconds) < rapid_limits(seconds))
    answered = known.sum(axis=1)
    right = matrix.right
    found = []
    for row in np.flatnonzero(answered >= LEAST_TIMES).tolist():
        count = int(rapid[row].sum())
        effort = 1 - count / int(answered[row])
        if effort < LITTLE_EFFORT:
            found.append(Effort(matrix.persons[row], effort, count, or_none(right[row, rapid[row]].mean())))
    return tuple(sorted(found, key=lambda each: (each.effort, each.person)))


@dataclass(frozen=True)
class Change:
    """One step of the change log: a candidate's answer to an item went from one option to another (codes; key known)."""

    person: int
    item: int
    before: int
    after: int


@dataclass(frozen=True)
class ChangeCounts:
    """Changes of one candidate or item; `p_to_right`: chance of so many wrong→right at the rate of everybody."""

    name: str
    wrong_to_right: int
    right_to_wrong: int
    wrong_to_wrong: int
    p_to_right: float | None


def count_changes(
    changes: Sequence[Change], key: Ints, persons: Sequence[str], items: Sequence[str]
) -> tuple[tuple[ChangeCounts, ...], tuple[ChangeCounts, ...]]:
    """By candidate and by item, those with the most wrong→right first.

    A candidate's p: binomial, at the rate at which all candidates' changes of a wrong answer end right. Many wrong→right changes
    can be diligence or a source of answers; the number asks for a look at when and where (van der Linden & Jeon 2012).
    """
    table = {kind: np.zeros((len(persons), len(items)), dtype=np.int64) for kind in ("wr", "rw", "ww")}
    for change in changes:
        if change.before == change.after or change.before < 0:
            continue
        right_before, right_after = change.before == key[change.item], change.after == key[change.item]
        kind = "rw" if right_before else "wr" if right_after else "ww"
        table[kind][change.person, change.item] += 1
    to_right, from_wrong = int(table["wr"].sum()), int(table["wr"].sum() + table["ww"].sum())
    rate = to_right / from_wrong if from_wrong else 0.0

    def lines(names: Sequence[str], axis: int, judge: bool) -> tuple[ChangeCounts, ...]:
        wr, rw, ww = (table[kind].sum(axis=axis) for kind in ("wr", "rw", "ww"))
        found = []
        for place, name in enumerate(names):
            if wr[place] + rw[place] + ww[place] == 0:
                continue
            trials = int(wr[place] + ww[place])
            p = float(binomial_upper_table(trials, rate)[int(wr[place])]) if judge and trials else None
            found.append(ChangeCounts(name, int(wr[place]), int(rw[place]), int(ww[place]), p))
        return tuple(sorted(found, key=lambda each: (-each.wrong_to_right, each.name)))

    return lines(persons, 1, True), lines(items, 0, False)


@dataclass(frozen=True)
class LockStep:
    """A pair that kept one pace; `p` against pairs in different rooms."""

    a: str
    b: str
    r: float
    items: int
    p: float
    family: str


def lock_step_pairs(
    persons: Sequence[str], seconds: Floats, seating: Seating, budgets: Budgets | None = None
) -> tuple[LockStep, ...]:
    """Pairs of one room whose times on items go up and down together more than pairs in different rooms ever do.

    Fisher's z of the correlation of residual log times, standardised by mean and SD over pairs in different rooms; thresholds by
    family as for similar papers. Candidates with fewer than 20 times are left out.
    """
    residual = residual_times(seconds)
    known = np.isfinite(residual)
    rows = np.flatnonzero(known.sum(axis=1) >= LEAST_TIMES)
    if len(rows) < 2:
        return ()
    filled = np.where(known, residual, 0.0)[rows]
    mask = known[rows].astype(np.float64)
    squares = filled**2
    product, n = filled @ filled.T, mask @ mask.T
    scale = np.sqrt((squares @ mask.T) * (mask @ squares.T))
    r = np.clip(np.divide(product, scale, out=np.zeros_like(product), where=scale > 0), -0.999999, 0.999999)
    z = np.arctanh(r) * np.sqrt(np.maximum(n - 3, 1))
    first, second = np.triu_indices(len(rows), 1)
    pairs = np.stack([rows[first], rows[second]], axis=1)
    z_pairs, enough = z[first, second], n[first, second] >= LEAST_TIMES
    same_room = (seating.room[pairs[:, 0]] == seating.room[pairs[:, 1]]) & (seating.room[pairs[:, 0]] >= 0)
    apart = z_pairs[enough & ~same_room]
    if len(apart) < LEAST_CLASS_PAIRS:
        return ()
    families = seating.families(pairs)
    use = enough & same_room
    counts = {family: int((families[use] == family).sum()) for family in sorted(set(families.tolist()) | {0, 1, 2})}
    shared = share_out({Family(key): size for key, size in counts.items()}, budgets or Budgets(), True, 1.0)
    p = normal_upper_all((z_pairs[use] - apart.mean()) / max(float(apart.std(ddof=1)), 1e-9))
    hits = np.flatnonzero(p <= thresholds(families[use], shared))
    of_use = np.flatnonzero(use)
    found = [
        LockStep(
            persons[pairs[of_use[hit], 0]],
            persons[pairs[of_use[hit], 1]],
            float(r[first[of_use[hit]], second[of_use[hit]]]),
            int(n[first[of_use[hit]], second[of_use[hit]]]),
            float(p[hit]),
            shared[Family(int(families[of_use[hit]]))].family,
        )
        for hit in hits.tolist()
    ]
    return tuple(sorted(found, key=lambda each: (each.p, each.a, each.b)))


@dataclass(frozen=True)
class ItemDrift:
    """One item over sittings. `z` > 0: right answers became more frequent among candidates of equal ability."""

    item: str
    p_by_sitting: tuple[float | None, ...]
    z: float | None
    p: float | None
    suspected: bool


def item_drift(matrix: ResponseMatrix, sitting: Ints, abilities: Floats, level: float = 0.01) -> tuple[ItemDrift, ...]:
    """Did an item become easier from sitting to sitting beyond what the candidates' ability explains (exposure)?

    Stratified trend test (extended Mantel, Mantel 1963): in each of ten ability strata T = Σ (x − p̄)(t − t̄) with its permutation
    variance; z = ΣT/√ΣV. Suspected: one-sided p below `level` divided by the number of items.

    Args:
        sitting: (N,) number of the sitting in order of time.
        abilities: (N,) EAP or rest scores, on one scale over the sittings.
    """
    order = np.argsort(abilities, kind="stable")
    stratum = np.empty(matrix.count, dtype=np.int64)
    stratum[order] = np.arange(matrix.count) * STRATA // matrix.count
    right, on = matrix.right, matrix.on_form
    numbers = np.unique(sitting)
    lines = []
    for column, item in enumerate(matrix.items):
        present = on[:, column]
        shares = tuple(
            float(right[present & (sitting == number), column].mean())
            if (present & (sitting == number)).sum() >= 1
            else None
            for number in numbers.tolist()
        )
        sizes = [int((present & (sitting == number)).sum()) for number in numbers.tolist()]
        total = variance = 0.0
        for level_number in range(STRATA):
            rows = present & (stratum == level_number)
            n = int(rows.sum())
            if n < 2:
                continue
            x, t = right[rows, column].astype(np.float64), sitting[rows].astype(np.float64)
            x, t = x - x.mean(), t - t.mean()
            total += float(x @ t)
            variance += float((x @ x) * (t @ t)) / (n - 1)
        if variance <= 0 or sum(size >= LEAST_SITTING for size in sizes) < 2:
            lines.append(ItemDrift(item, shares, None, None, False))
            continue
        z = total / math.sqrt(variance)
        p = normal_upper(z)
        lines.append(ItemDrift(item, shares, z, p, p < level / matrix.item_count))
    return tuple(lines)
