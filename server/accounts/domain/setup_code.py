"""Set-up codes: written on paper, typed by hand, used once."""

from __future__ import annotations

from server.core.errors import Gone

#: 32 characters nobody confuses: no 0 O 1 I.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GROUP = 5
GROUPS = 4


def canonical_code(typed: str) -> str:
    """The code as it is hashed: upper case, without hyphens and blanks."""
    return "".join(char for char in typed.upper() if char.isalnum())


def setup_done() -> Gone:
    """The refusal of a code that has served."""
    return Gone(
        "SETUP_DONE",
        "设置已完成，设置码不能再用；请直接登录。",
        "Set-up is done; the code cannot be used again. Sign in instead.",
    )
