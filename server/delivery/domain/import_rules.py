"""What becomes of an answer that reaches the server on a stick: judged like one that arrived late (architecture 4.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Standing = Literal["counted", "late", "closed"]


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry of a page that the server had received: ties that page's own clock to the server's."""

    page_id: str
    client_monotonic_ms: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """When it was made, as well as it can be known, and what follows."""

    standing: Standing
    made_at: datetime
    late_by: timedelta
    #: False: no answer of that page ever reached the server, so only the PC's own date says when
    surely_dated: bool


def page_origins(seen: Iterable[Seen]) -> dict[str, datetime]:
    """Moment (server time) at which each page's monotonic clock stood at zero.

    An entry is received some time after it was made; the one that travelled fastest is nearest to the truth, so the
    earliest origin found is taken: an answer is never dated later than it was made by more than the fastest journey.
    """
    origins: dict[str, datetime] = {}
    for one in seen:
        origin = one.received_at - timedelta(milliseconds=one.client_monotonic_ms)
        if one.page_id not in origins or origin < origins[one.page_id]:
            origins[one.page_id] = origin
    return origins


def judge_import(
    *,
    page_id: str,
    client_monotonic_ms: int,
    client_time: datetime,
    origins: Mapping[str, datetime],
    deadline_at: datetime | None,
    is_final: bool,
) -> Judged:
    """One entry that is not in the journal yet.

    Made after the deadline: late, whatever else. After the end of the attempt: kept, not counted, for a person to decide,
    because the answers' digest is signed. Otherwise counted under the fencing number it was made under: what the
    candidate answered since on another PC stands above it.
    """
    origin = origins.get(page_id)
    made_at = client_time if origin is None else origin + timedelta(milliseconds=client_monotonic_ms)
    late_by = max(timedelta(0), made_at - deadline_at) if deadline_at is not None else timedelta(0)
    standing: Standing = "late" if late_by else "closed" if is_final else "counted"
    return Judged(standing, made_at, late_by, origin is not None)
