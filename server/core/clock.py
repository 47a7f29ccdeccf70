"""The only place that asks what time it is.

Rules never read a clock: the moment is an argument. Services receive a `Clock`. A serving process uses `SteadyClock`: a
wall clock that somebody sets, or a wrong time server, moves no deadline (security-and-reliability.md 2.6).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Source of the present moment."""

    def now(self) -> datetime:
        """The present moment, time-zone aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; only differences mean anything."""
        ...


class Machine:
    """The clocks of this machine, as they are."""

    def wall(self) -> datetime:
        """What the machine believes the time is; anybody may set it."""
        return datetime.now(UTC)

    def running_s(self) -> float:
        """Seconds since the machine started, sleep included where the system counts it; nobody can set it."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def boot_id(self) -> str | None:
        """Which start of the machine this is; None where the system does not say."""
        try:
            return BOOT_ID.read_text().strip()
        except OSError:
            return None


MACHINE = Machine()


class SteadyClock:
    """Set once from the wall, then carried by the machine's running clock: no jump of the wall moves it."""

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine or MACHINE
        self._set(self.machine.wall())

    def now(self) -> datetime:
        return self._at + timedelta(seconds=self.machine.running_s() - self._at_s)

    def monotonic(self) -> float:
        return self.machine.running_s()

    def wall_ahead(self) -> timedelta:
        """How far the machine's wall clock is ahead of this one; large when somebody set it since."""
        return self.machine.wall() - self.now()

    def set_to(self, moment: datetime) -> None:
        """Begin anew from `moment`. Only `server.takeover.clock_watch` decides when that is right."""
        self._set(moment)

    def _set(self, moment: datetime) -> None:
        self._at, self._at_s = moment, self.machine.running_s()


class SystemClock:
    """The machine's clock as it is: for tools that run for a moment."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock moved by hand; tests only."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: timedelta | float) -> None:
        """Move both clocks forward by a `timedelta` or by seconds."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self._now += step
        self._monotonic += step.total_seconds()

    def jump(self, by: timedelta) -> None:
        """Move the wall clock alone, as a wrong NTP step would."""
        self._now += by
