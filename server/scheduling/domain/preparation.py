"""What is still missing before a sitting's day: six steps, each done or not, the first undone one is next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from server.scheduling.domain.states import SittingState


class PreparationStep(StrEnum):
    """In the order in which an exam office does them."""

    ROSTER = "roster"  # 名单
    SEATS = "seats"  # 座位
    TICKETS = "tickets"  # 准考证
    PROCTORS = "proctors"  # 监考员
    BAGS = "bags"  # 封卷
    PUBLISH = "publish"  # 发布


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of a sitting. Rooms are counted only when somebody sits in them."""

    registered: int = 0
    seated: int = 0
    tickets: int = 0
    rooms_used: int = 0
    rooms_staffed: int = 0
    rooms_bagged: int = 0


@dataclass(frozen=True, slots=True)
class StepReading:
    """One step: `have` of `need`, whether it is done, whether it is the one to do now."""

    step: PreparationStep
    have: int
    need: int
    is_done: bool
    is_next: bool


def preparation(progress: Progress, state: SittingState) -> list[StepReading]:
    """All six steps. Publishing needs every step but the bags, which may still be sealed afterwards."""
    is_published = state is not SittingState.PLANNED
    counts = [
        (PreparationStep.ROSTER, progress.registered, max(1, progress.registered)),
        (PreparationStep.SEATS, progress.seated, progress.registered),
        (PreparationStep.TICKETS, progress.tickets, progress.registered),
        (PreparationStep.PROCTORS, progress.rooms_staffed, progress.rooms_used),
        (PreparationStep.BAGS, progress.rooms_bagged, progress.rooms_used),
        (PreparationStep.PUBLISH, int(is_published), 1),
    ]
    readings = []
    is_any_due = False
    for step, have, need in counts:
        is_done = need > 0 and have >= need
        readings.append(StepReading(step, have, need, is_done, not is_done and not is_any_due))
        is_any_due = is_any_due or not is_done
    return readings


def may_publish(progress: Progress, state: SittingState) -> bool:
    """Everything publishing asks for is there."""
    needed = set(PreparationStep) - {PreparationStep.BAGS, PreparationStep.PUBLISH}
    done = {reading.step for reading in preparation(progress, state) if reading.is_done}
    return state is SittingState.PLANNED and needed <= done
