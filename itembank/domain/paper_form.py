"""Assembled forms 平行卷 and what is said about them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from itembank.domain.blueprint import BankItem, Blueprint
from itembank.domain.spec_table import is_under
from itembank.domain.targets import contributions


@dataclass(frozen=True, slots=True)
class AssembledForm:
    """One form. `items`: (item version id, points in 1/100) in canonical order: sections as planned, then point, then id.

    `expected_scores` (at `targets.ABILITIES`) and `loading_sum` are in points.
    """

    label: str
    is_backup: bool
    items: tuple[tuple[str, int], ...]
    by_kind: Mapping[str, int]
    by_range: Mapping[str, int]
    expected_scores: tuple[float, ...]
    loading_sum: float

    @property
    def points(self) -> int:
        """Full mark in 1/100 point."""
        return sum(points for _, points in self.items)

    @property
    def version_ids(self) -> tuple[str, ...]:
        """The item versions on the form."""
        return tuple(version for version, _ in self.items)


def describe_form(blueprint: Blueprint, items: Iterable[BankItem], label: str, *, is_backup: bool) -> AssembledForm:
    """Put chosen items into canonical order and count what they add up to."""
    plan = blueprint.plan
    order = {section.kind: number for number, section in enumerate(plan.sections)}
    points = plan.kind_points
    chosen = sorted(items, key=lambda item: (order[item.kind], item.point, item.version_id))
    sums = contributions(chosen, plan).sum(axis=0)
    return AssembledForm(
        label=label,
        is_backup=is_backup,
        items=tuple((item.version_id, points[item.kind]) for item in chosen),
        by_kind=dict(Counter(item.kind for item in chosen)),
        by_range={each.path: sum(1 for item in chosen if is_under(item.point, each.path)) for each in blueprint.ranges},
        expected_scores=tuple(round(float(value), 4) for value in sums[:3]),
        loading_sum=round(float(sums[3]), 4),
    )


def form_label(number: int, *, is_backup: bool) -> str:
    """Label of form `number` (from 0): A … Z, AA …; backups S1, S2 …"""
    if is_backup:
        return f"S{number + 1}"
    label = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        label = chr(ord("A") + letter) + label
    return label


def largest_overlap(forms: Sequence[AssembledForm]) -> int:
    """Most items any two forms have in common."""
    sets = [set(form.version_ids) for form in forms]
    return max((len(one & other) for one, other in combinations(sets, 2)), default=0)


def digest_forms(forms: Sequence[AssembledForm], statistics_digest: str = "") -> str:
    """SHA-256 over labels, items and points, and over the statistics they were chosen by, if any."""
    plain = [[form.label, form.is_backup, [list(item) for item in form.items]] for form in forms]
    return canonical_digest([plain, statistics_digest] if statistics_digest else plain)


def digest_bank(blueprint: Blueprint, items: Sequence[BankItem]) -> str:
    """SHA-256 over everything assembly reads of a bank and its spec table."""
    return canonical_digest({
        "ranges": [[each.path, each.weight] for each in blueprint.ranges],
        "points": [[each.path, str(each.importance)] for each in blueprint.points],
        "items": sorted(
            [item.version_id, item.item_id, item.kind, item.point, item.difficulty, item.enemy_group or ""] for item in items
        ),
        **({"statistics": digest_measured(items)} if any(item.p is not None for item in items) else {}),
    })  # fmt: skip


def digest_measured(items: Iterable[BankItem]) -> str:
    """SHA-256 over the measured difficulties of a bank; "" where nothing is measured."""
    measured = sorted([item.version_id, item.p] for item in items if item.p is not None)
    return canonical_digest(measured) if measured else ""


def canonical_digest(document: object) -> str:
    """Hex SHA-256 of the canonical JSON of plain data."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
