"""Synthetic spec tables, banks and plans for assembly: no texts, only what assembly reads."""

from __future__ import annotations

import numpy as np

from itembank.domain.blueprint import BankItem, Blueprint
from itembank.domain.paper_plan import PaperPlan
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange

USUAL_SECTIONS = (("single", 60, 100), ("true_false", 20, 100), ("multiple", 10, 200))


def a_plan(sections: tuple[tuple[str, int, int], ...] = USUAL_SECTIONS, **changes: object) -> PaperPlan:
    """A plan of the usual sections: 60 single and 20 true/false of 1 point, 10 multiple of 2."""
    parts = [{"kind": kind, "count": count, "points_each": points} for kind, count, points in sections]
    return PaperPlan.from_document({"sections": parts, "minutes": 90, **changes})


def a_spec(seed: int = 1, points: int = 200) -> tuple[list[SpecRange], list[SpecPoint]]:
    """Two ranges, 8 below them, 24 below those; weights in whole percent, about 200 points, X:Y:Z near 70:20:10."""
    rng = np.random.default_rng(seed)
    third = np.maximum(1, rng.multinomial(76, np.full(24, 1 / 24)) + 1)
    while third.sum() != 100:
        third[rng.integers(24)] += 1 if third.sum() < 100 else 0
        third[int(third.argmax())] -= 1 if third.sum() > 100 else 0
    ranges: list[SpecRange] = []
    found: list[SpecPoint] = []
    for top, letter in enumerate("AB"):
        inside = third[top * 12 : top * 12 + 12]
        ranges.append(SpecRange(letter, f"一级{letter}", int(inside.sum()) * 100))
        for second in range(4):
            part = inside[second * 3 : second * 3 + 3]
            path = f"{letter}/{second + 1:02d}"
            ranges.append(SpecRange(path, f"二级{path}", int(part.sum()) * 100))
            for number, weight in enumerate(part):
                below = f"{path}/{number + 1:02d}"
                ranges.append(SpecRange(below, f"三级{below}", int(weight) * 100))
                for point in range(max(2, round(points * int(weight) / 100))):
                    importance = rng.choice(["X", "Y", "Z"], p=[0.7, 0.2, 0.1])
                    found.append(SpecPoint(f"{below}/{point + 1:03d}", f"点{point + 1}", Importance(str(importance))))
    return ranges, found


def a_bank(points: list[SpecPoint], count: int = 1200, seed: int = 1, enemies: float = 0.06) -> list[BankItem]:
    """`count` items over the points: 65 % single, 20 % true/false, 15 % multiple; some in enemy groups of three."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["single", "true_false", "multiple"], count, p=[0.65, 0.2, 0.15])
    steps = rng.choice([1, 2, 3, 4, 5], count, p=[0.1, 0.25, 0.35, 0.2, 0.1])
    groups = max(1, round(count * enemies / 3))
    return [
        BankItem(
            version_id=f"v{number:06d}",
            item_id=f"i{number:06d}",
            kind=str(kinds[number]),
            point=points[number % len(points)].path,
            difficulty=int(steps[number]),
            enemy_group=f"E{rng.integers(groups)}" if rng.random() < enemies else None,
        )
        for number in range(count)
    ]


def a_blueprint(seed: int = 1, plan: PaperPlan | None = None) -> Blueprint:
    """The synthetic table under a plan."""
    ranges, points = a_spec(seed)
    return Blueprint(plan or a_plan(), tuple(ranges), tuple(points))
