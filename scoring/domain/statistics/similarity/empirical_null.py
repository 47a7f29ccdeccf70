"""What honest pairs look like in these very data: pairs that sat in different rooms cannot have copied.

Abilities come from the same answers, so identical answers are rarer than the model says; and shared teaching makes them more
frequent. Both are corrected by the mean and the standard deviation of the normal score over such pairs, smoothed over the two
abilities: pairs of two strong candidates and pairs of a strong and a weak one are not alike. Pairs of one class use the pairs of
one class in different rooms, when there are at least 1,000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints
from scoring.domain.statistics.similarity.content_match import ContentMatch
from scoring.domain.statistics.similarity.seating import Seating

SAMPLE = 300_000
SEED = 20_260_101
LEAST_CLASS_PAIRS = 1000
#: all pairs serve as the null up to here; beyond, a sample with the stated seed
ALL_UP_TO = 400_000
#: bins over which mean and spread are smoothed, and how many pairs the overall figures count for
SMOOTHING = 1.5
PRIOR_PAIRS = 200.0
LEAST_SD = 0.3


@dataclass(frozen=True, eq=False)
class Null:
    """Normal scores of honest pairs: mean and standard deviation over all of them, and by the bins of the two, (B, B)."""

    kind: str
    pairs: int
    mean: float
    sd: float
    local_mean: Floats
    local_sd: Floats

    def adjusted(self, score: Floats, x: Ints, y: Ints) -> Floats:
        """The scores as standard normal ones; x, y: bins of the two candidates."""
        return np.asarray((score - self.local_mean[x, y]) / self.local_sd[x, y])


@dataclass(frozen=True)
class Nulls:
    """For pairs in general, and for pairs of one class (None: too few to tell)."""

    general: Null
    same_class: Null | None


def estimate_nulls(match: ContentMatch, seating: Seating | None, eligible: Bools, least_common: int) -> Nulls:
    """From pairs in different rooms; from all pairs when rooms are unknown (copying pairs are too few to matter)."""
    rows = np.flatnonzero(eligible)
    pairs = _candidates(len(rows))
    pairs = rows[pairs] if len(rows) > 1 else np.zeros((0, 2), dtype=np.int64)
    kind = "all pairs"
    if seating is not None:
        apart = seating.room[pairs[:, 0]] != seating.room[pairs[:, 1]]
        if apart.sum() >= LEAST_CLASS_PAIRS:
            pairs, kind = pairs[apart], "pairs in different rooms"
    general = _null(kind, match, pairs, least_common)
    if seating is None or not np.any(seating.school_class >= 0):
        return Nulls(general, None)
    classmates = _classmates_apart(seating, rows)
    mates = _null("pairs of one class in different rooms", match, classmates, least_common)
    return Nulls(general, mates if mates.pairs >= LEAST_CLASS_PAIRS else None)


def _null(kind: str, match: ContentMatch, pairs: Ints, least_common: int) -> Null:
    score, common = match.scores(pairs, shift=0.0)
    use = common >= least_common
    score, x, y = score[use], match.bins[pairs[use, 0]], match.bins[pairs[use, 1]]
    size = match.bin_count
    if len(score) < 2:
        return Null("standard normal", 0, 0.0, 1.0, np.zeros((size, size)), np.ones((size, size)))
    mean, sd = float(score.mean()), max(float(score.std(ddof=1)), LEAST_SD)
    place = np.arange(size)
    kernel = np.exp(-0.5 * ((place[:, None] - place[None, :]) / SMOOTHING) ** 2)

    def spread_out(weights: Floats) -> Floats:
        table = np.bincount(x * size + y, weights=weights, minlength=size * size).reshape(size, size)
        return np.asarray(kernel @ (table + table.T) @ kernel)

    n = spread_out(np.ones(len(score))) + PRIOR_PAIRS
    first = (spread_out(score) + PRIOR_PAIRS * mean) / n
    second = (spread_out(score**2) + PRIOR_PAIRS * (sd**2 + mean**2)) / n
    local_sd = np.sqrt(np.maximum(second - first**2, LEAST_SD**2))
    return Null(kind, len(score), mean, sd, first, local_sd)


def _candidates(n: int) -> Ints:
    if n < 2:
        return np.zeros((0, 2), dtype=np.int64)
    if n * (n - 1) // 2 <= ALL_UP_TO:
        return np.stack(np.triu_indices(n, 1), axis=1)
    random = np.random.default_rng(SEED)
    pairs = random.integers(0, n, size=(SAMPLE, 2))
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]])


def _classmates_apart(seating: Seating, rows: Ints) -> Ints:
    found = []
    total = 0
    for name in np.unique(seating.school_class[rows]):
        members = rows[seating.school_class[rows] == name]
        if name < 0 or len(members) < 2:
            continue
        pairs = members[_candidates(len(members))]
        pairs = pairs[seating.room[pairs[:, 0]] != seating.room[pairs[:, 1]]]
        found.append(pairs)
        total += len(pairs)
        if total > SAMPLE:
            break
    return np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
