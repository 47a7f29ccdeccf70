"""Single choice 单选题: full when the one chosen option is the key; two marks are worth nothing."""

from __future__ import annotations

from typing import ClassVar

from scoring.domain.markers.base import Mark, Marker, MarkReason, MarkRule, Options


class SingleChoiceMarker(Marker):
    """One option of several."""

    kind: ClassVar[str] = "single"

    def mark(self, chosen: Options, key: Options, points: int, rule: MarkRule) -> Mark:
        if len(chosen) > 1:
            return Mark(-rule.penalty, MarkReason.TWO_MARKS)
        if chosen == key:
            return Mark(points, MarkReason.CORRECT)
        return Mark(-rule.penalty, MarkReason.WRONG)
