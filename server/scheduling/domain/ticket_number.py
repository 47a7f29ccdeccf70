"""Numbers of admission tickets 准考证号: unique, sortable, made by a pattern (domain.md 4)."""

from __future__ import annotations

import re

from server.core.errors import InvalidInput

#: Recommended where the provincial system issues none: 13 digits.
DEFAULT_PATTERN = "{plan:6}{session:2}{room:3}{seat:2}"
LONGEST = 24
_PART = re.compile(r"\{(plan|session|room|seat):(\d{1,2})\}")


def ticket_number(pattern: str, *, plan: str, session: int, room: int, seat: int) -> str:
    """The number of one seat; parts are padded with zeros, text between them stays.

    Raises:
        InvalidInput: `TICKET_PATTERN_WRONG` when the pattern cannot give unique numbers, `TICKET_NUMBER_OVERFLOW` when a
            part does not fit into its digits.
    """
    check_pattern(pattern)
    parts = {"plan": plan, "session": str(session), "room": str(room), "seat": str(seat)}

    def filled(match: re.Match[str]) -> str:
        text, digits = parts[match[1]], int(match[2])
        if len(text) > digits:
            raise InvalidInput(
                "TICKET_NUMBER_OVERFLOW",
                f"准考证号中“{match[1]}”只有 {digits} 位，放不下 {text}；请加长模板或改编号。",
                f"'{match[1]}' has {digits} digits in the ticket number, {text} does not fit. Widen the pattern.",
            )
        return text.rjust(digits, "0")

    return _PART.sub(filled, pattern)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that cannot tell seats apart.

    Raises:
        InvalidInput: `TICKET_PATTERN_WRONG`.
    """
    found = [match[1] for match in _PART.finditer(pattern)]
    rest = _PART.sub("", pattern)
    digits = sum(int(match[2]) for match in _PART.finditer(pattern)) + len(rest)
    if (
        sorted(found) != ["plan", "room", "seat", "session"]
        or not re.fullmatch(r"[A-Za-z0-9-]*", rest)
        or digits > LONGEST
    ):
        raise InvalidInput(
            "TICKET_PATTERN_WRONG",
            f"准考证号模板“{pattern}”不可用：plan、session、room、seat 各出现一次，总长不超过 {LONGEST} 位，例如 {DEFAULT_PATTERN}。",
            f"The ticket pattern '{pattern}' will not do: plan, session, room, seat once each, {LONGEST} characters at most.",
        )
