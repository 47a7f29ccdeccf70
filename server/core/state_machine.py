"""One way to advance every entity's state: a transition table and one function."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from server.core.errors import Conflict

State = TypeVar("State", bound=StrEnum)
Action = TypeVar("Action", bound=StrEnum)


def advance(table: Mapping[tuple[State, Action], State], state: State, action: Action) -> State:
    """The state after `action`.

    Raises:
        Conflict: code `TRANSITION_REFUSED` when the table has no such row.
    """
    try:
        return table[(state, action)]
    except KeyError:
        raise Conflict(
            "TRANSITION_REFUSED",
            f"当前状态“{state.value}”不能执行“{action.value}”，请刷新后再试。",
            f"Not possible in state '{state.value}': {action.value}. Refresh and try again.",
            state=state.value,
            action=action.value,
        ) from None
