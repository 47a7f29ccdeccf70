"""What else speaks for or against a pair: who was ahead, who changed toward whom, whether both kept one pace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Floats, Ints, SmallInts, or_none
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers

#: answers nearer in time than this tell nothing about who was first
CLEARLY_EARLIER_S = 2.0
LEAST_TIMES = 20


@dataclass(frozen=True, eq=False)
class Evidence:
    """Logs of N candidates on J items; each may be None.

    Attributes:
        answered_at: (N, J) seconds into the exam of the last answer, NaN where unknown.
        time_spent: (N, J) seconds on the item, NaN where unknown.
        first_codes: (N, J) option number of the first answer given, -1 where unknown.
    """

    answered_at: Floats | None = None
    time_spent: Floats | None = None
    first_codes: SmallInts | None = None


@dataclass(frozen=True)
class Corroboration:
    """Columns beside a pair. `a_first`/`b_first`: shared answers that one gave clearly before the other.

    `a_changed_to_b`: answers that a changed and that then equalled b's. `pace_r`: correlation of the times on items, the item's
    and the candidate's own speed taken out; near 0 for honest pairs.
    """

    shared: int
    a_first: int | None
    b_first: int | None
    a_changed_to_b: int | None
    b_changed_to_a: int | None
    pace_r: float | None


def residual_times(time_spent: Floats) -> Floats:
    """ln seconds without the item's and the candidate's mean, (N, J); NaN where unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.where(time_spent > 0, time_spent, np.nan))
    known = np.isfinite(logs)
    filled = np.where(known, logs, 0.0)
    item = filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    rest = np.where(known, logs - item, 0.0)
    person = rest.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known, logs - item - person[:, None], np.nan)


def corroborate(answers: CodedAnswers, pairs: Ints, evidence: Evidence) -> list[Corroboration]:
    """One line a pair; shared identical wrong answers are looked at, or all identical ones where there are none."""
    residuals = None if evidence.time_spent is None else residual_times(evidence.time_spent)
    lines = []
    for a, b in pairs.tolist():
        same = (answers.codes[a] == answers.codes[b]) & (answers.codes[a] >= 0)
        wrong = same & (answers.codes[a] != answers.key)
        shared = wrong if wrong.any() else same
        a_first = b_first = to_b = to_a = None
        if evidence.answered_at is not None:
            lead = evidence.answered_at[b, shared] - evidence.answered_at[a, shared]
            a_first, b_first = int((lead > CLEARLY_EARLIER_S).sum()), int((lead < -CLEARLY_EARLIER_S).sum())
        if evidence.first_codes is not None:
            first_a, first_b = evidence.first_codes[a], evidence.first_codes[b]
            to_b = int((same & (first_a >= 0) & (first_a != answers.codes[a])).sum())
            to_a = int((same & (first_b >= 0) & (first_b != answers.codes[b])).sum())
        pace = None if residuals is None else pace_correlation(residuals[a], residuals[b])
        lines.append(Corroboration(int(shared.sum()), a_first, b_first, to_b, to_a, pace))
    return lines


def pace_correlation(x: Floats, y: Floats) -> float | None:
    """Pearson over the items both have a time for; None below 20 items."""
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < LEAST_TIMES:
        return None
    x, y = x[both] - x[both].mean(), y[both] - y[both].mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return or_none(float(x @ y) / scale) if scale > 0 else None
