"""The independent checker of assembled forms, written from the rules and not from the assembler's counters.

It reads the plan, the spec table, the items and the finished forms, counts everything again with plain integers and
fractions, and says in two languages what is wrong. A hard violation makes a form unusable; a soft one is a notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import ceil, floor

from itembank.domain.blueprint import BankItem
from itembank.domain.paper_form import AssembledForm
from itembank.domain.paper_plan import PaperPlan
from itembank.domain.spec_table import SpecPoint, SpecRange


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule; `form` is the label (two labels joined by "/" for overlaps)."""

    code: str
    form: str
    hard: bool
    message_zh: str
    message_en: str


@dataclass(frozen=True)
class CheckReport:
    """What the checker found."""

    violations: tuple[Violation, ...]

    @property
    def hard(self) -> tuple[Violation, ...]:
        """What makes the paper unusable."""
        return tuple(violation for violation in self.violations if violation.hard)

    @property
    def soft(self) -> tuple[Violation, ...]:
        """Notices: rules the plan or the bank lets bend."""
        return tuple(violation for violation in self.violations if not violation.hard)

    def to_document(self) -> dict[str, list[dict[str, str]]]:
        """Plain JSON form for `Paper.check_report`."""
        return {"violations": [as_dict(each) for each in self.hard], "notices": [as_dict(each) for each in self.soft]}


def as_dict(violation: Violation) -> dict[str, str]:
    """Wire form of one violation."""
    return {
        "code": violation.code,
        "form": violation.form,
        "message_zh": violation.message_zh,
        "message_en": violation.message_en,
    }


@dataclass(frozen=True)
class PaperChecker:
    """Everything forms are held against."""

    plan: PaperPlan
    ranges: Sequence[SpecRange]
    points: Sequence[SpecPoint]
    items: Mapping[str, BankItem]

    def check(self, forms: Sequence[AssembledForm]) -> CheckReport:
        """Check each form by itself and every pair of forms against each other."""
        found: list[Violation] = []
        for form in forms:
            unknown = [version for version, _ in form.items if version not in self.items]
            if unknown:
                found.append(
                    _hard(
                        "ITEM_UNKNOWN",
                        form,
                        f"有 {len(unknown)} 道题不在可用题库中。",
                        f"{len(unknown)} items are not in the usable bank.",
                    )
                )
                continue
            found.extend(self._check_composition(form))
            found.extend(self._check_ranges(form))
            found.extend(self._check_points(form))
        found.extend(self._check_overlaps(forms))
        found.extend(self._check_parallel(forms))
        return CheckReport(tuple(found))

    def _items_of(self, form: AssembledForm) -> list[BankItem]:
        return [self.items[version] for version, _ in form.items]

    def _check_composition(self, form: AssembledForm) -> Iterable[Violation]:
        items = self._items_of(form)
        kinds = Counter(item.kind for item in items)
        for section in self.plan.sections:
            if kinds[section.kind] != section.count:
                yield _hard(
                    "KIND_COUNT",
                    form,
                    f"题型 {section.kind} 应为 {section.count} 题，实为 {kinds[section.kind]} 题。",
                    f"{section.count} items of kind {section.kind} are planned, {kinds[section.kind]} are there.",
                )
        foreign = sorted(set(kinds) - {section.kind for section in self.plan.sections})
        if foreign:
            yield _hard(
                "KIND_FOREIGN",
                form,
                f"有计划外的题型：{'、'.join(foreign)}。",
                f"kinds that are not planned: {', '.join(foreign)}.",
            )
        each = {section.kind: section.points_each for section in self.plan.sections}
        if any(points != each.get(item.kind) for item, (_, points) in zip(items, form.items, strict=True)):
            yield _hard("ITEM_POINTS", form, "有试题的分值与计划不符。", "an item's points differ from the plan.")
        if sum(points for _, points in form.items) != self.plan.total:
            yield _hard("TOTAL_POINTS", form, "总分与计划不符。", "the full mark differs from the plan.")
        if len({item.item_id for item in items}) != len(items):
            yield _hard("ITEM_REPEATED", form, "同一道题出现两次。", "an item appears twice.")
        enemies = Counter(item.enemy_group for item in items if item.enemy_group)
        for group, count in enemies.items():
            if count > 1:
                yield _hard(
                    "ENEMIES",
                    form,
                    f"互斥组 {group} 有 {count} 题同卷。",
                    f"{count} items of enemy group {group} are on one form.",
                )

    def _check_ranges(self, form: AssembledForm) -> Iterable[Violation]:
        items, total = self._items_of(form), self.plan.item_count
        exact = self._exact_ranges()
        shares = self._exact_shares(exact)
        counts = {path: sum(1 for item in items if _inside(item.point, path)) for path in shares}
        outside = len(items) - sum(counts.values())
        if outside:
            yield _hard(
                "RANGE_OUTSIDE",
                form,
                f"{outside} 题不在有权重的范围内。",
                f"{outside} items lie outside the weighted ranges.",
            )
        rests = {path: share * total - floor(share * total) for path, share in shares.items()}
        rounded_up = [path for path in shares if counts[path] == floor(shares[path] * total) + 1]
        rounded_down = [path for path in shares if counts[path] == floor(shares[path] * total)]
        for path in shares:
            if path not in rounded_up and path not in rounded_down:
                yield _hard(
                    "RANGE_COUNT",
                    form,
                    f"范围 {path} 按权重应为 {float(shares[path] * total):.2f} 题，实为 {counts[path]} 题。",
                    f"range {path} should give {float(shares[path] * total):.2f} items, it gives {counts[path]}.",
                )
        if rounded_up and rounded_down and min(rests[p] for p in rounded_up) < max(rests[p] for p in rounded_down):
            yield _hard(
                "RANGE_ROUNDING",
                form,
                "范围题数没有按最大余数法取整。",
                "range counts are not rounded by largest remainder.",
            )
        for path, share in self._near_shares(exact, shares).items():
            count = sum(1 for item in items if _inside(item.point, path))
            if abs(count - share * total) > 1:
                yield _soft(
                    "SUBRANGE_COUNT",
                    form,
                    f"范围 {path} 应为 {float(share * total):.2f} 题（±1），实为 {count} 题。",
                    f"range {path} should give {float(share * total):.2f} items (±1), it gives {count}.",
                )

    def _check_points(self, form: AssembledForm) -> Iterable[Violation]:
        items = self._items_of(form)
        importance_of = {point.path: str(point.importance) for point in self.points}
        for path, count in Counter(item.point for item in items).items():
            if path not in importance_of:
                yield _hard("POINT_UNKNOWN", form, f"细目表没有鉴定点 {path}。", f"the spec table has no point {path}.")
            elif count > self._limit_of(path):
                yield _hard(
                    "POINT_LIMIT",
                    form,
                    f"鉴定点 {path} 有 {count} 题，至多 {self._limit_of(path)} 题。",
                    f"point {path} gives {count} items, at most {self._limit_of(path)} are allowed.",
                )
        counts = Counter(importance_of.get(item.point, "?") for item in items)
        for rule in self.plan.importance:
            share = Fraction(counts[rule.importance], len(items)) * 10_000 if items else Fraction(0)
            # whole items: a lower bound is rounded up, an upper one down
            if not rule.at_least <= share <= rule.at_most:
                report = _hard if rule.hard else _soft
                yield report(
                    "IMPORTANCE_SHARE",
                    form,
                    f"{rule.importance} 类要素占 {float(share) / 100:.1f}%，要求 {rule.at_least / 100:g}%–{rule.at_most / 100:g}%。",
                    f"importance {rule.importance} has {float(share) / 100:.1f} %, {rule.at_least / 100:g}–{rule.at_most / 100:g} % are asked for.",
                )

    def _check_overlaps(self, forms: Sequence[AssembledForm]) -> Iterable[Violation]:
        for one, other in combinations(forms, 2):
            shared = len({version for version, _ in one.items} & {version for version, _ in other.items})
            if shared * 10_000 > self.plan.overlap_cap * self.plan.item_count:
                yield Violation(
                    "OVERLAP",
                    f"{one.label}/{other.label}",
                    True,
                    f"{one.label} 卷与 {other.label} 卷有 {shared} 题相同，上限 {self.plan.overlap_cap / 100:g}%。",
                    f"Forms {one.label} and {other.label} share {shared} items; the cap is {self.plan.overlap_cap / 100:g} %.",
                )

    def _check_parallel(self, forms: Sequence[AssembledForm]) -> Iterable[Violation]:
        for form in forms if self.plan.target_share is not None else ():
            share = form.expected_scores[1] * 100 / self.plan.total
            if abs(share - (self.plan.target_share or 0) / 10_000) > 0.01:
                yield _soft(
                    "DIFFICULTY",
                    form,
                    f"预期得分率 {share:.3f}，题库达不到计划的 {(self.plan.target_share or 0) / 10_000:g}。",
                    f"expected share {share:.3f}; the bank does not reach the planned {(self.plan.target_share or 0) / 10_000:g}.",
                )
        if len(forms) < 2:
            return
        spread = max(
            max(column) - min(column) for column in zip(*(form.expected_scores for form in forms), strict=True)
        )
        if spread * 100 > 2 * self.plan.tolerance + 1e-6:
            yield Violation(
                "NOT_PARALLEL",
                "/".join(form.label for form in forms),
                False,
                f"各卷预期得分相差 {spread:.2f} 分，超过允许的 {2 * self.plan.tolerance / 100:g} 分。",
                f"Expected scores of the forms differ by {spread:.2f} points; {2 * self.plan.tolerance / 100:g} are meant.",
            )

    # --- the rules, counted again ---

    def _exact_ranges(self) -> list[SpecRange]:
        found: list[SpecRange] = []
        for top in (each for each in self.ranges if "/" not in each.path):
            below = [each for each in self.ranges if each.path.rpartition("/")[0] == top.path]
            found += below if any(each.weight for each in below) else [top]
        return found if any(each.weight for each in found) else []

    @staticmethod
    def _exact_shares(exact: Sequence[SpecRange]) -> dict[str, Fraction]:
        whole = sum(each.weight for each in exact)
        return {each.path: Fraction(each.weight, whole) for each in exact} if exact else {"": Fraction(1)}

    def _near_shares(self, exact: Sequence[SpecRange], shares: Mapping[str, Fraction]) -> dict[str, Fraction]:
        """Share of the paper of every weighted range below an exact one; sibling groups without weights are left out."""
        weighted_parents = {each.path.rpartition("/")[0] for each in self.ranges if each.weight}
        return {
            each.path: shares[top.path] * each.weight / top.weight
            for top in exact
            if top.weight
            for each in self.ranges
            if each.path.startswith(top.path + "/") and each.path.rpartition("/")[0] in weighted_parents
        }

    def _limit_of(self, point: str) -> int:
        if self.plan.max_items_per_point:
            return self.plan.max_items_per_point
        exact = self._exact_ranges()
        shares = self._exact_shares(exact)
        total = self.plan.item_count
        limit = ceil(total / (Fraction(6, 10) * len(self.points)))
        for path, share in {**shares, **self._near_shares(exact, shares)}.items():
            if _inside(point, path):
                limit = max(limit, ceil(share * total / sum(1 for each in self.points if _inside(each.path, path))))
        return limit


def _inside(point: str, path: str) -> bool:
    return not path or point.startswith(path + "/")


def _hard(code: str, form: AssembledForm, zh: str, en: str) -> Violation:
    return Violation(code, form.label, True, f"{form.label} 卷：{zh}", f"Form {form.label}: {en}")


def _soft(code: str, form: AssembledForm, zh: str, en: str) -> Violation:
    return Violation(code, form.label, False, f"{form.label} 卷：{zh}", f"Form {form.label}: {en}")
