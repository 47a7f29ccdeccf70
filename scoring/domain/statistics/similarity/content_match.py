"""How unusual a number of identical answers is, for millions of pairs.

For candidates of ability bins x and y the number of identical answers is Poisson-binomial with p_j = Σ_k π_jk(x) π_jk(y).
Its normal score takes skew into account, so that the far tail is not filled with honest pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints, Singles
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers, one_hot
from scoring.domain.statistics.similarity.option_models import OptionModel
from scoring.domain.statistics.tails import normal_quantile, poisson_binomial_mass, upper_from_mass

#: rows of one block of the product; keeps a block of 30,000 candidates at 60 MB
BLOCK_ROWS = 512
CHUNK_CELLS = 4_000_000
NEVER = 32767.0
HALF_STEP = 0.5
#: beyond this the normal score is that of the exact tail
EXACT_FROM, EXACT_CHUNK, LEAST_TAIL = 2.5, 10_000, 1e-300
Progress = Callable[[int, int], None]


def normal_score(matches: Floats, k1: Floats, k2: Floats, k3: Floats) -> Floats:
    """Normal score z of a count: P(count ≥ matches) = P(Z ≥ z), `matches` given half a step below the whole number.

    The count is taken as a shifted binomial with the same first three cumulants, and its tail by Peizer & Pratt (1968), good to a
    few per cent at 1e-11. 0 where there is no variance.
    """
    variance = np.maximum(k2, 1e-9)
    p = np.clip((1 - k3 / variance) / 2, 1e-6, 1 - 1e-6)
    q = 1 - p
    n = variance / (p * q)
    hits = np.clip(matches - (k1 - n * p), 1e-9, n - 1e-9)
    misses = n - hits
    distance = hits + 1 / 6 - (n + 1 / 3) * p + 0.02 * (q / (hits + 0.5) - p / (misses + 0.5) + (q - 0.5) / (n + 1))
    bend = 1 + q * _bend(hits / (n * p)) + p * _bend(misses / (n * q))
    score = distance * np.sqrt(np.maximum(bend, 0.0) / ((n + 1 / 6) * p * q))
    return np.asarray(np.where(k2 > 1e-9, score, 0.0))


def _bend(x: Floats) -> Floats:
    """(1 − x² + 2x ln x)/(1 − x)², 0 at 1."""
    away = x - 1
    near = np.abs(away) < 1e-4
    safe = np.where(near, 2.0, x)
    return np.where(near, -away / 3, (1 - safe**2 + 2 * safe * np.log(safe)) / (1 - safe) ** 2)


class ContentMatch:
    """Identical answers of any pair, with what was to be expected."""

    def __init__(self, answers: CodedAnswers, model: OptionModel) -> None:
        self._answers = answers
        self.bins = model.bins
        self.bin_count = len(model.shares)
        # (B, B, J) chance of an identical answer
        self._hit = np.einsum("xjk,yjk->xyj", model.shares, model.shares)

    def scores(self, pairs: Ints, shift: float = HALF_STEP) -> tuple[Floats, Ints]:
        """Normal score and number of common items of each pair.

        Args:
            shift: the tail P(M ≥ m) begins half a step below m; 0 for the mean and spread of the score itself.
        """
        size = max(1, CHUNK_CELLS // self._answers.item_count)
        score, common = np.empty(len(pairs)), np.empty(len(pairs), dtype=np.int64)
        for start in range(0, len(pairs), size):
            part = slice(start, start + size)
            score[part], common[part] = self._chunk(pairs[part], shift)
        if shift == HALF_STEP:
            far = np.flatnonzero(score > EXACT_FROM)
            for start in range(0, len(far), EXACT_CHUNK):
                rows = far[start : start + EXACT_CHUNK]
                score[rows] = self._exact(pairs[rows])
        return score, common

    def _exact(self, pairs: Ints) -> Floats:
        """Normal scores of the exact Poisson-binomial tails."""
        a, b = self._answers.codes[pairs[:, 0]], self._answers.codes[pairs[:, 1]]
        both = (a >= 0) & (b >= 0)
        matches = ((a == b) & both).sum(axis=1)
        tails = upper_from_mass(poisson_binomial_mass(self._hit[self.bins[pairs[:, 0]], self.bins[pairs[:, 1]]] * both))
        tail = np.take_along_axis(tails, matches[:, None], axis=1)[:, 0]
        return np.array([normal_quantile(max(each, LEAST_TAIL)) for each in tail.tolist()])

    def _chunk(self, pairs: Ints, shift: float) -> tuple[Floats, Ints]:
        a, b = self._answers.codes[pairs[:, 0]], self._answers.codes[pairs[:, 1]]
        both = (a >= 0) & (b >= 0)
        matches = ((a == b) & both).sum(axis=1).astype(np.float64)
        x, y = self.bins[pairs[:, 0]], self.bins[pairs[:, 1]]
        common = both.sum(axis=1)
        complete = common == self._answers.item_count
        k = np.empty((3, len(pairs)))
        if complete.any():
            table = cumulants(self._hit)
            k[:, complete] = table[:, x[complete], y[complete]]
        if not complete.all():
            rest = ~complete
            k[:, rest] = cumulants(self._hit[x[rest], y[rest]] * both[rest])
        return normal_score(matches - shift, k[0], k[1], k[2]), common

    def limits(self, groups: list[tuple[int, Bools]], least_score: Floats, least_common: int) -> Floats:
        """Fewest identical answers that reach the score (B, B), for each two groups (ability bin, items on the form): (S, S)."""
        size = len(groups)
        out = np.full((size, size), NEVER)
        counts = np.arange(self._answers.item_count + 1, dtype=np.float64)
        masks: dict[bytes, list[int]] = {}
        for place, (_, mask) in enumerate(groups):
            masks.setdefault(mask.tobytes(), []).append(place)
        for places in masks.values():
            for others in masks.values():
                common = groups[places[0]][1] & groups[others[0]][1]
                if common.sum() < least_common:
                    continue
                x = np.array([groups[place][0] for place in places])
                y = np.array([groups[place][0] for place in others])
                k = cumulants(self._hit[np.ix_(x, y)] * common)
                reached = (
                    normal_score(counts[:, None, None] - HALF_STEP, *(each[None] for each in k))
                    >= least_score[np.ix_(x, y)]
                )
                # counted from above: the score need not rise where it is far below the mean
                fewest = len(counts) - np.cumprod(reached[::-1], axis=0).sum(axis=0)
                out[np.ix_(places, others)] = np.where(fewest > common.sum(), NEVER, fewest)
        return out


def cumulants(p: Floats) -> Floats:
    """The first three cumulants of a Poisson-binomial count, over the last axis: (3, ...)."""
    pq = p * (1 - p)
    return np.stack([p.sum(axis=-1), pq.sum(axis=-1), (pq * (1 - 2 * p)).sum(axis=-1)])


def pairs_beyond(
    hot: Singles, segment: Ints, limits: Floats, progress: Progress | None = None
) -> Iterator[tuple[Ints, Ints]]:
    """Pairs (row, other row) whose product reaches limits[segment, segment], from blocks of O·Oᵀ.

    Args:
        hot: (N, C) 0/1, rows sorted by segment.
        segment: (N,) rising segment numbers.
        limits: (S, S).
    """
    n = len(hot)
    narrow = limits.astype(np.float32)
    for start in range(0, n, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, n)
        product = hot[start:stop] @ hot[start:].T
        sizes = np.bincount(segment[start:], minlength=len(limits))
        bound = np.repeat(narrow[segment[start:stop]], sizes, axis=1)
        first, second = np.nonzero(product >= bound)
        keep = second > first
        yield first[keep] + start, second[keep] + start
        if progress is not None:
            progress(stop, n)


def screen_all(
    answers: CodedAnswers,
    model: OptionModel,
    forms: list[Ints],
    least_score: Floats,
    least_common: int,
    eligible: Bools,
    progress: Progress | None = None,
) -> Ints:
    """All pairs of eligible candidates whose normal score may reach `least_score`, shape (P, 2), first < second.

    Args:
        forms: rows of candidates with the same items.
        least_score: (B, B) by ability bins; pairs with some common items unanswered are judged a little too mildly here, so keep it low.
    """
    form_of = np.zeros(answers.count, dtype=np.int64)
    for place, rows in enumerate(forms):
        form_of[rows] = place
    on_form = [(answers.codes[rows] >= 0).any(axis=0) for rows in forms]
    rows = np.flatnonzero(eligible)
    keys = form_of[rows] * model.shares.shape[0] + model.bins[rows]
    rows = rows[np.argsort(keys, kind="stable")]
    keys = form_of[rows] * model.shares.shape[0] + model.bins[rows]
    different, segment = np.unique(keys, return_inverse=True)
    groups = [(int(key % model.shares.shape[0]), on_form[key // model.shares.shape[0]]) for key in different.tolist()]
    limits = ContentMatch(answers, model).limits(groups, least_score, least_common)
    hot = one_hot(answers)[rows]
    found = [
        np.stack([rows[first], rows[second]], axis=1)
        for first, second in pairs_beyond(hot, segment, limits, progress)
        if len(first)
    ]
    pairs = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    return np.asarray(np.sort(pairs, axis=1))
