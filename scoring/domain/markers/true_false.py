"""True–false 判断题: as single choice. Older exams subtracted for a wrong answer: `rule.penalty`, 0 by default."""

from __future__ import annotations

from typing import ClassVar

from scoring.domain.markers.single_choice import SingleChoiceMarker


class TrueFalseMarker(SingleChoiceMarker):
    """The options are T 正确 and F 错误."""

    kind: ClassVar[str] = "true_false"
