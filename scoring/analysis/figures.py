"""What is computed of a sitting's items and forms, as the JSON that is stored and shown. Pure: arrays in, plain data out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scoring.analysis.collect import Collected
from scoring.analysis.matrices import Sheets
from scoring.domain.statistics.arrays import Floats, or_none
from scoring.domain.statistics.behaviour import (
    count_changes,
    item_drift,
    lock_step_pairs,
    rapid_guessing,
    time_per_item,
)
from scoring.domain.statistics.classical import ClassicalReport, ItemStatistics
from scoring.domain.statistics.distractors import NO_ANSWER
from scoring.domain.statistics.flags import flag_item
from scoring.domain.statistics.irt_2pl import calibrate_2pl
from scoring.domain.statistics.irt_model import NODE_RANGE, Abilities, Calibration, curve, estimate_abilities
from scoring.domain.statistics.item_fit import calibrated_decision
from scoring.domain.statistics.reliability import TestStatistics
from server.core.errors import InvalidInput

Document = dict[str, Any]
#: digits kept: enough for every reader, and the same on every processor
DIGITS = 9
LEAST_CURVE, GROUPS_FEW, GROUPS_MANY, MANY = 30, 5, 8, 300
THETA = np.round(np.linspace(-3, 3, 25), 2)
ABILITY_EDGES = np.round(np.arange(-3.0, 3.01, 0.5), 2)
LISTED = 50


@dataclass(frozen=True, eq=False)
class Calibrated:
    """The calibration of the items scored right or wrong. `columns`: (J,) place in the sheets of each calibrated item."""

    calibration: Calibration
    abilities: Abilities
    columns: np.ndarray


def tidy(value: Any) -> Any:
    """Plain data with floats rounded to `DIGITS` significant digits; what is no number becomes None."""
    if isinstance(value, dict):
        return {str(name): tidy(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(each) for each in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.{DIGITS}g}") if np.isfinite(value) else None
    return value


def calibrate(sheets: Sheets) -> Calibrated:
    """2PL over the items that are right or wrong for everybody; part marks stay outside.

    Raises:
        InvalidInput: too few candidates, items or answers: the honest refusals of `calibrate_2pl`.
    """
    matrix = sheets.matrix
    whole = np.all((matrix.scores == 0) | (matrix.scores >= matrix.marks - 1e-9), axis=0)
    columns = np.flatnonzero(whole)
    if len(columns) == 0:
        raise InvalidInput(
            "TOO_FEW_ITEMS", "没有对错计分的试题，不能标定。", "No right–wrong items; nothing can be calibrated."
        )
    part = matrix.take(np.arange(matrix.count), columns)
    calibration = calibrate_2pl(part)
    if not calibration.converged:
        raise InvalidInput("NOT_CONVERGED", "标定未收敛，未采用。", "The calibration did not converge and is not used.")
    return Calibrated(calibration, estimate_abilities(part, calibration), columns)


def item_figures(report: ClassicalReport, sheets: Sheets, known: Calibrated | None) -> list[Document]:
    """One document an item, in the order of the sheets: identity, forms, `figures` (wire.ItemFigures), `curve`."""
    times = time_per_item(sheets.matrix, sheets.seconds)
    place_of = {} if known is None else {int(column): place for place, column in enumerate(known.columns)}
    standing = _standing(sheets)
    lines = []
    for column, (item, statistics) in enumerate(zip(sheets.items, report.items, strict=True)):
        place = place_of.get(column)
        parameters = dict.fromkeys(("a", "b", "se_a", "se_b"))
        expected = None
        if known is not None and place is not None:
            parameters = {name: or_none(getattr(known.calibration, name)[place]) for name in parameters}
            a, b = known.calibration.a[place], known.calibration.b[place]
            if item.version_id in known.calibration.at_bound or not np.abs(b) <= NODE_RANGE:
                # nearly flat: where it would cross one half lies outside everybody, and says nothing
                parameters = dict.fromkeys(parameters)
            else:
                expected = curve(known.abilities.eap, np.array([a]), np.array([b]))[0]
        lines.append(
            {
                "item_version_id": item.version_id,
                "item_id": item.item_id,
                "label": item.label,
                "kind": item.kind,
                "point": item.point,
                "full_mark": item.points / 100,
                "figures": {
                    **figures_of(statistics),
                    **parameters,
                    "median_seconds": times[column].median_s,
                },
                "curve": _curve(sheets, column, standing, expected),
            }
        )
    return lines


def figures_of(statistics: ItemStatistics) -> Document:
    """The classical part of wire.ItemFigures."""
    return {
        "n": statistics.n,
        "p": statistics.p,
        "d27": statistics.d27_shared,
        "item_rest_r": statistics.item_rest_r,
        "omitted": statistics.omitted,
        "not_reached": statistics.not_reached,
        "options": [
            {
                "option": each.option,
                "is_key": each.is_key,
                "n": each.n,
                "prop": each.prop,
                "point_biserial_rest": each.point_biserial_rest,
                "upper27": each.upper27,
                "lower27": each.lower27,
                "middle46": each.middle46,
            }
            for each in statistics.options
        ],
        "flags": [asdict(flag) for flag in flag_item(statistics)],
    }


def _standing(sheets: Sheets) -> Floats:
    """(N, J) rest scores, standardised within each form: how a candidate stands without this item."""
    matrix = sheets.matrix
    rest = np.where(matrix.on_form, matrix.totals[:, None] - matrix.scores, np.nan)
    for rows in matrix.forms():
        columns = np.flatnonzero(matrix.on_form[rows[0]])
        part = rest[np.ix_(rows, columns)]
        spread = part.std(axis=0)
        rest[np.ix_(rows, columns)] = (part - part.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return rest


def _curve(sheets: Sheets, column: int, standing: Floats, expected: Floats | None) -> list[Document]:
    """Groups of equal size by standing; shares of every option in each."""
    matrix = sheets.matrix
    rows = np.flatnonzero(matrix.on_form[:, column])
    if len(rows) < LEAST_CURVE or matrix.chosen is None:
        return []
    order = rows[np.argsort(standing[rows, column], kind="stable")]
    labels = sorted(
        {label for choice in matrix.choices[column] for label in choice}, key=lambda each: (len(each), each)
    )
    chosen = matrix.chosen[:, column]
    points = []
    for group in np.array_split(order, GROUPS_MANY if len(rows) >= MANY else GROUPS_FEW):
        shares = {
            label: float(np.mean([code >= 0 and label in matrix.choices[column][code] for code in chosen[group]]))
            for label in labels
        }
        shares[NO_ANSWER] = float((chosen[group] < 0).mean())
        points.append(
            {
                "ability": float(standing[group, column].mean()),
                "n": len(group),
                "right": float(matrix.right[group, column].mean()),
                "options": shares,
                "expected": None if expected is None else float(expected[group].mean()),
            }
        )
    return points


def forms_of(collected: Collected, sheets: Sheets) -> dict[str, list[str]]:
    """Item version id → labels of the forms it stood on."""
    found: dict[str, set[str]] = {item.version_id: set() for item in sheets.items}
    for person in collected.persons:
        for version in person.answers:
            if version in found:
                found[version].add(person.form)
    return {version: sorted(forms) for version, forms in found.items()}


def form_figures(form: str, test: TestStatistics) -> Document:
    """wire.TestFigures. The distribution is left out: scores are shown elsewhere, to those who may see them."""
    return {
        "form": form,
        "n": test.n,
        "k": test.k,
        "full_mark": test.full_mark,
        "alpha": test.alpha,
        "alpha_stratified": test.alpha_stratified,
        "kr20": test.kr20,
        "sem": test.sem,
        "sem_at_cut": test.sem_at_cut,
        "conditional_sem": [asdict(each) for each in test.conditional_sem],
        "decision": None if test.decision is None else asdict(test.decision),
        "reasons": list(test.reasons),
    }


def tests_of(report: ClassicalReport, collected: Collected, sheets: Sheets, known: Calibrated | None) -> list[Document]:
    """All forms together (form ""), then each by its own label."""
    pooled = form_figures("", report.test)
    if known is not None and len(known.columns) == sheets.matrix.item_count:
        decision = calibrated_decision(sheets.matrix, known.calibration, collected.pass_share)
        if decision is not None:
            pooled["decision"] = asdict(decision)
    if len(report.forms) <= 1:
        return [pooled]
    label_of = {
        frozenset(person.answers) & frozenset(sheets.matrix.items): person.form
        for person in reversed(collected.persons)
    }
    return [
        pooled,
        *(form_figures(label_of.get(frozenset(form.items), form.form), form.test) for form in report.forms),
    ]


def information_of(collected: Collected, sheets: Sheets, known: Calibrated) -> list[Document]:
    """Test information of each form: I(θ) = Σ a² P (1 − P) over its calibrated items; the ability at the pass mark."""
    at = {sheets.matrix.items[column]: place for place, column in enumerate(known.columns.tolist())}
    calibration = known.calibration
    curves = []
    for form in sorted({person.form for person in collected.persons}):
        person = next(each for each in collected.persons if each.form == form)
        places = np.array(
            [at[version] for version in person.answers if version in at and calibration.known[at[version]]], dtype=int
        )
        if len(places) == 0:
            continue
        a, b = calibration.a[places], calibration.b[places]
        p = curve(THETA, a, b)
        information = (a[:, None] ** 2 * p * (1 - p)).sum(axis=0)
        marks = sheets.matrix.marks[known.columns[places]]
        fine = np.linspace(-4, 4, 801)
        share = marks @ curve(fine, a, b) / marks.sum()
        reached = np.flatnonzero(share >= collected.pass_share)
        curves.append(
            {
                "form": form,
                "points": [
                    {"theta": float(t), "information": float(i), "sem": float(i) ** -0.5 if i > 1e-9 else None}
                    for t, i in zip(THETA, information, strict=True)
                ],
                "cut_theta": float(fine[reached[0]]) if len(reached) and reached[0] > 0 else None,
            }
        )
    return curves


def abilities_of(known: Calibrated) -> list[Document]:
    """Candidates by EAP; the ends take what lies beyond."""
    inner = np.clip(known.abilities.eap, ABILITY_EDGES[0], ABILITY_EDGES[-1] - 1e-9)
    counts, _ = np.histogram(inner, ABILITY_EDGES)
    return [
        {"low": float(low), "high": float(high), "count": int(count)}
        for low, high, count in zip(ABILITY_EDGES[:-1], ABILITY_EDGES[1:], counts, strict=True)
    ]


def drift_of(collected: Collected, sheets: Sheets, known: Calibrated | None) -> list[Document]:
    """Items over several sittings in the order given; abilities by EAP, or by the share of marks where nothing is calibrated."""
    order = {sitting_id: number for number, sitting_id in enumerate(collected.sitting_ids)}
    sitting = np.array([order[person.sitting_id] for person in collected.persons], dtype=np.int64)
    matrix = sheets.matrix
    abilities = matrix.totals / (matrix.on_form @ matrix.marks) if known is None else known.abilities.eap
    return [asdict(each) for each in item_drift(matrix, sitting, abilities)]


def behaviour_of(sheets: Sheets) -> Document:
    """Little effort, changes by candidate and item, pairs that kept one pace. Persons are attempt ids."""
    matrix = sheets.matrix
    key = np.array([matrix.choices[column].index(matrix.keys[column] or ()) for column in range(matrix.item_count)])
    persons, items = count_changes(sheets.changes, key, matrix.persons, matrix.items)
    return {
        "effort": [asdict(each) for each in rapid_guessing(matrix, sheets.seconds)[:LISTED]],
        "changes": [asdict(each) for each in persons[:LISTED]],
        "changed_items": [asdict(each) for each in items],
        "lock_step": [
            asdict(each) for each in lock_step_pairs(matrix.persons, sheets.seconds, sheets.seating)[:LISTED]
        ],
    }
