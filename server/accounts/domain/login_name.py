"""The canonical form of a login name."""

from __future__ import annotations

import unicodedata

from server.core.errors import InvalidInput

LONGEST = 80


def canonical_login_name(typed: str) -> str:
    """What is stored and looked up: outer white space off, NFKC, case folded. Display names are never folded.

    Raises:
        InvalidInput: `LOGIN_NAME_WRONG`: empty, too long, or with blanks or control characters inside.
    """
    name = unicodedata.normalize("NFKC", typed.strip()).casefold()
    if not name or len(name) > LONGEST or any(not char.isprintable() or char.isspace() for char in name):
        raise InvalidInput(
            "LOGIN_NAME_WRONG",
            f"登录名应为 1 至 {LONGEST} 个字符，中间不能有空格，请改正。",
            f"A login name has 1 to {LONGEST} characters and no blanks. Please correct it.",
        )
    return name
