"""Lines of the readiness list: what was found, what it means, what to do. Thresholds are about machines, not exam rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

#: of a certificate's life (security-and-reliability.md 4: warn 30 days before, block 7 days before)
CERTIFICATE_WARN, CERTIFICATE_BLOCK = timedelta(days=30), timedelta(days=7)
#: how far the machine's and the database's clocks may be apart (rule 6: refuse beyond 2 s)
CLOCK_WARN, CLOCK_BLOCK = timedelta(seconds=0.5), timedelta(seconds=2)
DRILL_GOAL = timedelta(minutes=15)
#: drills and rehearsals older than this say little about today
PROOF_LASTS = timedelta(days=90)
#: entropy the kernel should have, in bits; below it keys are made slowly or badly
LEAST_ENTROPY = 128
SOON = timedelta(days=2)


class State(StrEnum):
    """How a line stands; later ones are worse."""

    OK = "ok"
    #: not set up or not needed here; nothing to do
    NOTE = "note"
    WARNING = "warning"
    BLOCKING = "blocking"

    @property
    def rank(self) -> int:
        """0 is best."""
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. `code` is part of the contract; `figures` are plain values for programs."""

    code: str
    state: State
    zh: str
    en: str
    todo_zh: str = ""
    todo_en: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


def exit_status(lines: Iterable[Line]) -> int:
    """0 all well, 1 warnings, 2 something blocks the exam."""
    worst = max((line.state.rank for line in lines), default=0)
    return max(0, worst - State.NOTE.rank)


def judge_clock(difference: timedelta) -> State:
    """The machine's clock against the database's."""
    apart = abs(difference)
    if apart > CLOCK_BLOCK:
        return State.BLOCKING
    return State.WARNING if apart > CLOCK_WARN else State.OK


def judge_backup(age: timedelta | None, interval: timedelta) -> State:
    """The newest backup against the interval in force; None: there is none."""
    if not interval:
        return State.WARNING
    if age is None or age > 4 * interval + timedelta(minutes=10):
        return State.BLOCKING
    return State.WARNING if age > 2 * interval + timedelta(minutes=1) else State.OK


def judge_drill(at: datetime | None, took: timedelta | None, ok: bool, now: datetime) -> State:
    """The latest restore drill: never, failed, too slow or too old is worth a warning, never a block."""
    if at is None or took is None or not ok or took > DRILL_GOAL or now - at > PROOF_LASTS:
        return State.WARNING
    return State.OK


@dataclass(frozen=True, slots=True)
class Certificate:
    """What matters of a certificate: until when, and for which names and addresses."""

    not_before: datetime
    not_after: datetime
    names: frozenset[str]


def covers(certificate: Certificate, host: str) -> bool:
    """Whether browsers accept the certificate for this host; a star stands for one label."""
    wanted = host.lower()
    if wanted in certificate.names:
        return True
    _, dot, rest = wanted.partition(".")
    return bool(dot) and f"*.{rest}" in certificate.names


def judge_certificate(certificate: Certificate, hosts: Iterable[str], now: datetime) -> tuple[State, str]:
    """The state, and why: `valid`, `expires_soon`, `expires_now`, `expired`, `not_yet_valid`, `wrong_name`."""
    if now < certificate.not_before:
        return State.BLOCKING, "not_yet_valid"
    if now >= certificate.not_after:
        return State.BLOCKING, "expired"
    if not all(covers(certificate, host) for host in hosts):
        return State.BLOCKING, "wrong_name"
    left = certificate.not_after - now
    if left <= CERTIFICATE_BLOCK:
        return State.BLOCKING, "expires_now"
    return (State.WARNING, "expires_soon") if left <= CERTIFICATE_WARN else (State.OK, "valid")
