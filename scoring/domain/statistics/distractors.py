"""Options of an item: who chose them, how strong they are, and in which group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints, States, or_none
from scoring.domain.statistics.response_matrix import NOT_ON_FORM, NOT_REACHED, OMITTED, ResponseMatrix

NO_ANSWER = ""


@dataclass(frozen=True)
class OptionStatistics:
    """One option of one item; `option` is empty for "no answer".

    For items with several right letters each letter is one option and candidates who chose it among others count.
    `point_biserial_rest` is against the total without this item. `upper27`/`lower27` are counts in the end groups.
    """

    option: str
    is_key: bool
    n: int
    prop: float
    mean_total: float | None
    point_biserial_total: float | None
    point_biserial_rest: float | None
    upper27: int | None
    lower27: int | None
    middle46: int | None


def analyse_options(
    matrix: ResponseMatrix, totals: Floats, upper: Ints | None = None, lower: Ints | None = None
) -> list[tuple[OptionStatistics, ...]]:
    """For each item its options in order (no answer first); empty for items known by scores alone.

    Args:
        totals: (N,) the criterion; totals of the form, or centred within forms.
        upper, lower: rows of the end groups; None where forms are mixed.
    """
    if matrix.chosen is None:
        return [()] * matrix.item_count
    ends = np.zeros(matrix.count, dtype=np.int8)
    if upper is not None and lower is not None:
        ends[upper] += 1
        ends[lower] += 2
    return [
        _options(matrix, totals, ends if upper is not None else None, column) for column in range(matrix.item_count)
    ]


def _options(matrix: ResponseMatrix, totals: Floats, ends: States | None, column: int) -> tuple[OptionStatistics, ...]:
    assert matrix.chosen is not None
    key = matrix.keys[column]
    if key is None:
        return ()
    state = matrix.state[:, column]
    present = state != NOT_ON_FORM
    n = int(present.sum())
    if n == 0:
        return ()
    criterion = totals[present]
    rest = criterion - matrix.scores[present, column]
    here = None if ends is None else ends[present]
    codes = matrix.chosen[present, column]
    found: list[OptionStatistics] = []
    nothing = np.isin(state[present], (OMITTED, NOT_REACHED))
    if nothing.any():
        found.append(_one(NO_ANSWER, False, nothing, criterion, rest, here))
    labels = sorted({label for choice in matrix.choices[column] for label in choice}, key=lambda x: (len(x), x))
    for label in labels:
        holding = [place for place, choice in enumerate(matrix.choices[column]) if label in choice]
        mask = codes == holding[0] if len(holding) == 1 else np.isin(codes, holding)
        found.append(_one(label, label in key, mask, criterion, rest, here))
    return tuple(found)


def _one(label: str, is_key: bool, mask: Bools, totals: Floats, rest: Floats, ends: States | None) -> OptionStatistics:
    n = int(mask.sum())
    upper = lower = middle = None
    if ends is not None:
        upper, lower = int((ends[mask] & 1).sum()), int((ends[mask] >> 1).sum())
        middle = int((ends[mask] == 0).sum())
    return OptionStatistics(
        option=label,
        is_key=is_key,
        n=n,
        prop=n / len(mask),
        mean_total=or_none(totals[mask].mean()) if n else None,
        point_biserial_total=_correlation(mask, n, totals),
        point_biserial_rest=_correlation(mask, n, rest),
        upper27=upper,
        lower27=lower,
        middle46=middle,
    )


def _correlation(mask: Bools, n: int, y: Floats) -> float | None:
    size = len(mask)
    if n in {0, size}:
        return None
    centred = y - y.mean()
    squares = float(centred @ centred)
    if squares <= 1e-12 * size:
        return None
    return float(centred[mask].sum() / np.sqrt(squares * n * (size - n) / size))
