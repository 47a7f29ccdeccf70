"""Classical item analysis of one form and of several: difficulty, discrimination, what happens without the item.

Formulas (N candidates, J items, x_j marks of item j with full mark f_j, total T): p = mean(x)/f; point-biserial
r = cov(x,T)/(σ_x σ_T); corrected r = (c − σ_x²)/(σ_x √(σ_T² − 2c + σ_x²)) with c = cov(x,T). Variances divide by n − 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from scoring.domain.statistics.arrays import Floats, Ints, or_none, ratio
from scoring.domain.statistics.distractors import OptionStatistics, analyse_options
from scoring.domain.statistics.reliability import TestStatistics, describe_test, pool_tests
from scoring.domain.statistics.response_matrix import NOT_REACHED, OMITTED, ResponseMatrix

#: the group of the upper–lower comparison (Kelley 1939)
GROUP_SHARE = 0.27
#: a design with more forms than this share of its candidates has individual forms
INDIVIDUAL_FORMS = 0.1
#: forms described one by one, the largest first
FORMS_SHOWN = 20


@dataclass(frozen=True)
class ItemStatistics:
    """One item; None where a figure does not exist, and `reasons` says why.

    `d27` takes floor(0.27 n + 0.5) candidates from each end, ties in file order; `d27_shared` takes ⌈0.27 n⌉ and gives
    candidates tied at the border equal fractions, so that it does not depend on the order of the file.
    """

    item: str
    n: int
    p: float | None
    sd: float | None
    item_total_r: float | None
    item_rest_r: float | None
    d27: float | None
    d27_shared: float | None
    alpha_if_deleted: float | None
    omitted: float | None
    not_reached: float | None
    options: tuple[OptionStatistics, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class FormStatistics:
    """One set of items that the same candidates had."""

    form: str
    items: tuple[str, ...]
    test: TestStatistics


@dataclass(frozen=True)
class ClassicalReport:
    """Everything `analyse items` tells."""

    items: tuple[ItemStatistics, ...]
    test: TestStatistics
    forms: tuple[FormStatistics, ...]
    notices: tuple[str, ...] = field(default=())


def end_groups(totals: Floats) -> tuple[Ints, Ints]:
    """Rows of the upper and the lower group: floor(0.27 n + 0.5) each, by total descending, ties in file order."""
    size = math.floor(GROUP_SHARE * len(totals) + 0.5)
    order = np.argsort(-totals, kind="stable")
    return order[:size], order[len(order) - size :]


def shared_weights(totals: Floats, size: int) -> Floats:
    """(N,) weights of the `size` highest totals: 1 above the border, equal fractions for those tied at it."""
    border = np.partition(totals, len(totals) - size)[len(totals) - size]
    above, tied = totals > border, totals == border
    return np.asarray(above + tied * ((size - above.sum()) / tied.sum()))


def analyse_classically(matrix: ResponseMatrix) -> ClassicalReport:
    """Item and form statistics; several forms are computed within forms and pooled."""
    groups = matrix.forms()
    if len(groups) == 1:
        rows = groups[0]
        columns = np.flatnonzero(matrix.on_form[rows[0]])
        if len(columns) == matrix.item_count:
            items, test = _one_form(matrix)
            form = FormStatistics("1", matrix.items, test)
            return ClassicalReport(tuple(items), test, (form,), tuple(_notices(matrix.count)))
    notices = _notices(matrix.count)
    shown = sorted((rows for rows in groups if len(rows) > 1), key=len, reverse=True)[:FORMS_SHOWN]
    tests = [
        FormStatistics(str(place + 1), part.items, describe_test(part))
        for place, part in enumerate(_parts(matrix, shown))
    ]
    if len(groups) > max(20, INDIVIDUAL_FORMS * matrix.count):
        notices.append(
            f"各人试卷不同（{len(groups)} 种），区分度以其余题目的得分率为准。"
            f" Individual forms ({len(groups)}): discrimination is taken against the share of marks on the other items."
        )
        return ClassicalReport(
            tuple(_individual(matrix)), pool_tests(matrix, [each.test for each in tests]), tuple(tests), tuple(notices)
        )
    notices.append(
        f"{len(groups)} 种试卷：先在卷内计算，再合并。 {len(groups)} forms: computed within forms, then pooled."
    )
    return ClassicalReport(
        tuple(_pooled(matrix, groups)),
        pool_tests(matrix, [each.test for each in tests]),
        tuple(tests),
        tuple(notices),
    )


def _notices(count: int) -> list[str]:
    if count < 100:
        words = (
            f"只有 {count} 名考生：少于 100 名时数字仅供参考，不宜据此处理试题。"
            f" Only {count} candidates: below 100 the figures are a hint, not a basis for action."
        )
        return [words]
    if count < 300:
        return [
            f"{count} 名考生：可以查看，处理试题宜有 300 名以上。 {count} candidates: enough to look at; act from 300 on."
        ]
    return []


def _parts(matrix: ResponseMatrix, groups: list[Ints]) -> list[ResponseMatrix]:
    return [matrix.take(rows, np.flatnonzero(matrix.on_form[rows[0]])) for rows in groups]


def _why(n: int, constant: bool, all_same_total: bool) -> tuple[str, ...]:
    reasons = []
    if n < 2:
        reasons.append("ONE_CANDIDATE")
    elif constant:
        reasons.append("CONSTANT_ITEM")
    elif all_same_total:
        reasons.append("CONSTANT_REST_SCORE")
    return tuple(reasons)


def _one_form(matrix: ResponseMatrix) -> tuple[list[ItemStatistics], TestStatistics]:
    x, n, j = matrix.scores, matrix.count, matrix.item_count
    totals = matrix.totals
    test = describe_test(matrix)
    mean = x.mean(axis=0)
    centred = totals - totals.mean()
    spread = max(n - 1, 1)
    variance = ((x * x).sum(axis=0) - n * mean * mean) / spread
    variance[x.max(axis=0) == x.min(axis=0)] = 0.0
    covariance = x.T @ centred / spread
    total_variance = float(centred @ centred / spread)
    rest_variance = _cleaned(total_variance - 2 * covariance + variance, total_variance)
    item_total = ratio(covariance, np.sqrt(variance * total_variance))
    item_rest = ratio(covariance - variance, np.sqrt(variance * rest_variance))
    without = np.full(j, np.nan)
    if j > 2:
        others = variance.sum() - variance
        without = (j - 1) / (j - 2) * (1 - ratio(others, rest_variance))
    upper, lower = end_groups(totals)
    d27 = (x[upper].mean(axis=0) - x[lower].mean(axis=0)) / matrix.marks if len(upper) else np.full(j, np.nan)
    size = math.ceil(GROUP_SHARE * n)
    high, low = shared_weights(totals, size), shared_weights(-totals, size)
    shared = (high - low) @ x / size / matrix.marks if n > 1 else np.full(j, np.nan)
    options = analyse_options(matrix, totals, upper, lower)
    omitted = (matrix.state == OMITTED).mean(axis=0)
    not_reached = (matrix.state == NOT_REACHED).mean(axis=0)
    statistics = [
        ItemStatistics(
            item=matrix.items[column],
            n=n,
            p=or_none(mean[column] / matrix.marks[column]),
            sd=or_none(math.sqrt(variance[column])) if n > 1 else None,
            item_total_r=or_none(item_total[column]),
            item_rest_r=or_none(item_rest[column]),
            d27=or_none(d27[column]) if n > 1 else None,
            d27_shared=or_none(shared[column]),
            alpha_if_deleted=or_none(without[column]) if n > 1 else None,
            omitted=or_none(omitted[column]),
            not_reached=or_none(not_reached[column]),
            options=options[column],
            reasons=_why(n, bool(variance[column] == 0), bool(rest_variance[column] == 0))
            + (("TOO_FEW_ITEMS",) if j <= 2 else ()),
        )
        for column in range(j)
    ]
    return statistics, test


def _cleaned(variance: Floats, scale: float) -> Floats:
    """Rounding may leave 1e-17 of a variance that is 0."""
    return np.where(variance <= 1e-12 * max(scale, 1.0), 0.0, variance)


def _pooled(matrix: ResponseMatrix, groups: list[Ints]) -> list[ItemStatistics]:
    """Within-form sums of squares and products added over forms: r within forms, whatever the forms' levels are."""
    j = matrix.item_count
    n, sum_x, within_x, within_xt, within_t, within_xr, within_r = (np.zeros(j) for _ in range(7))
    d27, shared, d_weight, df = (np.zeros(j) for _ in range(4))
    for rows in groups:
        columns = np.flatnonzero(matrix.on_form[rows[0]])
        x = matrix.scores[np.ix_(rows, columns)]
        totals = x.sum(axis=1)
        n[columns] += len(rows)
        sum_x[columns] += x.sum(axis=0)
        if len(rows) < 2:
            continue
        centred, deviations = totals - totals.mean(), x - x.mean(axis=0)
        squares, products, total_squares = (deviations**2).sum(axis=0), deviations.T @ centred, centred @ centred
        df[columns] += len(rows) - 1
        within_x[columns] += squares
        within_xt[columns] += products
        within_t[columns] += total_squares
        within_xr[columns] += products - squares
        within_r[columns] += _cleaned(total_squares - 2 * products + squares, float(total_squares))
        upper, lower = end_groups(totals)
        if len(upper):
            size = math.ceil(GROUP_SHARE * len(rows))
            weights = shared_weights(totals, size) - shared_weights(-totals, size)
            d27[columns] += len(rows) * (x[upper].mean(axis=0) - x[lower].mean(axis=0)) / matrix.marks[columns]
            shared[columns] += len(rows) * (weights @ x) / size / matrix.marks[columns]
            d_weight[columns] += len(rows)
    options = analyse_options(matrix, _standardised_totals(matrix, groups))
    return _assemble(
        matrix,
        n,
        sum_x,
        np.sqrt(ratio(within_x, df)),
        ratio(within_xt, np.sqrt(within_x * within_t)),
        ratio(within_xr, np.sqrt(within_x * within_r)),
        ratio(d27, d_weight),
        ratio(shared, d_weight),
        options,
    )


def _standardised_totals(matrix: ResponseMatrix, groups: list[Ints]) -> Floats:
    """Totals centred within each form, so that options can be compared over forms."""
    totals = matrix.totals.copy()
    for rows in groups:
        totals[rows] -= totals[rows].mean()
    return totals


def _individual(matrix: ResponseMatrix) -> list[ItemStatistics]:
    """Every candidate has an own form: the criterion is the share of marks on the other items of that form."""
    on = matrix.on_form
    full = on @ matrix.marks
    share = matrix.scores.sum(axis=1) / full
    rest_full = full[:, None] - matrix.marks
    rest = ratio((matrix.scores.sum(axis=1)[:, None] - matrix.scores), rest_full)
    use = on & (rest_full > 0)
    n = on.sum(axis=0).astype(float)

    def correlation(criterion: Floats) -> Floats:
        y = np.where(use, np.nan_to_num(np.broadcast_to(criterion, use.shape)), 0.0)
        x = np.where(use, matrix.scores, 0.0)
        m = np.maximum(use.sum(axis=0), 1)
        var_x = (x * x).sum(axis=0) - x.sum(axis=0) ** 2 / m
        var_y = (y * y).sum(axis=0) - y.sum(axis=0) ** 2 / m
        return ratio((x * y).sum(axis=0) - x.sum(axis=0) * y.sum(axis=0) / m, np.sqrt(np.maximum(var_x * var_y, 0.0)))

    sum_x = matrix.scores.sum(axis=0)
    squares = (matrix.scores**2).sum(axis=0) - ratio(sum_x**2, n)
    nothing = np.full(matrix.item_count, np.nan)
    return _assemble(
        matrix,
        n,
        sum_x,
        np.sqrt(np.maximum(ratio(squares, n - 1), 0.0)),
        correlation(share[:, None]),
        correlation(rest),
        nothing,
        nothing,
        analyse_options(matrix, share - share.mean()),
    )


def _assemble(
    matrix: ResponseMatrix,
    n: Floats,
    sum_x: Floats,
    sd: Floats,
    item_total: Floats,
    item_rest: Floats,
    d27: Floats,
    shared: Floats,
    options: list[tuple[OptionStatistics, ...]],
) -> list[ItemStatistics]:
    p = ratio(sum_x / matrix.marks, n)
    omitted = ratio((matrix.state == OMITTED).sum(axis=0).astype(float), n)
    not_reached = ratio((matrix.state == NOT_REACHED).sum(axis=0).astype(float), n)
    return [
        ItemStatistics(
            item=matrix.items[column],
            n=int(n[column]),
            p=or_none(p[column]),
            sd=or_none(sd[column]),
            item_total_r=or_none(item_total[column]),
            item_rest_r=or_none(item_rest[column]),
            d27=or_none(d27[column]),
            d27_shared=or_none(shared[column]),
            alpha_if_deleted=None,
            omitted=or_none(omitted[column]),
            not_reached=or_none(not_reached[column]),
            options=options[column],
            reasons=("ITEM_ON_NO_FORM",)
            if n[column] == 0
            else (*_why(int(n[column]), bool(sd[column] == 0), False), "SEVERAL_FORMS"),
        )
        for column in range(matrix.item_count)
    ]
