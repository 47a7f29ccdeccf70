"""What honest pairs look like in these very data: pairs that sat in different rooms cannot have copied.

Abilities come from the same answers, so identical answers are rarer than the model says; and shared teaching makes them more
frequent. Both are corrected by the mean and the standard deviation of the normal score over such pairs. Pairs of one class use
the pairs of one class in different rooms, when there are at least 1,000.
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


@dataclass(frozen=True)
class Null:
    """Mean and standard deviation of the normal score over honest pairs."""

    kind: str
    pairs: int
    mean: float
    sd: float

    def adjusted(self, score: Floats) -> Floats:
        """The score as a standard normal one."""
        return (score - self.mean) / self.sd


STANDARD = Null("standard normal", 0, 0.0, 1.0)


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
    score, common = match.scores(pairs, shift=0.0)
    general = _null(kind, score[common >= least_common])
    if seating is None or not np.any(seating.school_class >= 0):
        return Nulls(general, None)
    classmates = _classmates_apart(seating, rows)
    score, common = match.scores(classmates, shift=0.0)
    score = score[common >= least_common]
    if len(score) < LEAST_CLASS_PAIRS:
        return Nulls(general, None)
    return Nulls(general, _null("pairs of one class in different rooms", score))


def _null(kind: str, score: Floats) -> Null:
    if len(score) < 2:
        return STANDARD
    sd = float(score.std(ddof=1))
    return Null(kind, len(score), float(score.mean()), sd if sd > 1e-6 else 1.0)


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
