"""Multiple choice 多选题: all or nothing by default; a part of the key may earn points when the rule says so."""

from __future__ import annotations

from typing import ClassVar

from scoring.domain.markers.base import Mark, Marker, MarkReason, MarkRule, Options, part_of_key


class MultipleChoiceMarker(Marker):
    """Any number of options. One wrong option makes the answer wrong under every rule."""

    kind: ClassVar[str] = "multiple"

    def mark(self, chosen: Options, key: Options, points: int, rule: MarkRule) -> Mark:
        if chosen == key:
            return Mark(points, MarkReason.CORRECT)
        if chosen < key:
            return Mark(part_of_key(chosen, key, points, rule), MarkReason.INCOMPLETE)
        return Mark(-rule.penalty, MarkReason.WRONG)
