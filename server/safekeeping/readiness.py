"""The readiness list: every check, in the order people read it. A check that fails to look is a line as well."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from server.safekeeping.checks.copies import check_backup, check_drill, check_rehearsal
from server.safekeeping.checks.exam import check_sittings
from server.safekeeping.checks.machines import (
    check_certificate,
    check_keys,
    check_nodes,
    check_printing_and_randomness,
    check_redis,
)
from server.safekeeping.checks.storage import check_clock, check_disks, check_durability, check_second_journal
from server.safekeeping.domain.readiness import Line, State, exit_status
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
Check = Callable[[Platform], list[Line]]

CHECKS: tuple[Check, ...] = (
    check_sittings,
    check_durability,
    check_clock,
    check_disks,
    check_second_journal,
    check_backup,
    check_drill,
    check_rehearsal,
    check_nodes,
    check_redis,
    check_keys,
    check_certificate,
    check_printing_and_randomness,
)


def read_readiness(platform: Platform, checks: tuple[Check, ...] = CHECKS) -> list[Line]:
    """All lines. Only reads, except for a probe file beside the second journal."""
    lines: list[Line] = []
    for check in checks:
        try:
            lines += check(platform)
        except Exception as error:
            log.exception("%s failed", check.__name__)
            name = check.__name__.removeprefix("check_")
            lines.append(
                Line(
                    f"CHECK_{name.upper()}", State.BLOCKING, f"这一项没能检查：{type(error).__name__}",
                    f"This could not be looked at: {type(error).__name__}", "查看服务日志", "Look at the log",
                )
            )  # fmt: skip
    return lines


def as_document(lines: list[Line]) -> dict[str, Any]:
    """For `--json` and the office's page."""
    return {
        "status": exit_status(lines),
        "warnings": sum(line.state is State.WARNING for line in lines),
        "blocking": sum(line.state is State.BLOCKING for line in lines),
        "lines": [{**asdict(line), "state": line.state.value} for line in lines],
    }
