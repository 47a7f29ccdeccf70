"""Everything the system refuses, with a code, two languages and what to do.

    MingyuanError
    ├── InvalidInput          the request itself is wrong            (HTTP 422)
    ├── NotSignedIn           nobody, or no longer, signed in        (401)
    ├── Forbidden             signed in, but not for this            (403)
    ├── NotFound              absent, or not yours: the same answer  (404)
    ├── Conflict              the rules say not now, or not any more (409)
    ├── Gone                  it was possible once, its time is over (410)
    ├── TooLarge              more than is accepted                  (413)
    ├── TooManyRequests       throttled; `retry_after` seconds       (429)
    └── Unavailable           cannot be done at the moment; retry    (503)

A refusal is raised with its own code: `raise Conflict("TOO_EARLY_TO_LEAVE", "…", "…", opens_at=…)`.
Codes are UPPER_SNAKE and part of the API contract. `data` carries what the page needs to explain the
refusal; it never holds item content, keys or ID numbers. Domain errors know no HTTP: the mapping is
one table in `server/webkit/error_replies.py`.
"""

from __future__ import annotations

from typing import Any


class MingyuanError(Exception):
    """Base of every refusal. `message_zh` first, `message_en` second, both for people."""

    def __init__(self, code: str, message_zh: str, message_en: str, **data: Any) -> None:
        super().__init__(f"{code}: {message_en}")
        self.code = code
        self.message_zh = message_zh
        self.message_en = message_en
        self.data = data

    def as_dict(self) -> dict[str, Any]:
        """The wire form: code, both texts and the data."""
        return {
            "code": self.code,
            "message_zh": self.message_zh,
            "message_en": self.message_en,
            **({"data": self.data} if self.data else {}),
        }


class InvalidInput(MingyuanError):
    """The request itself is wrong."""


class NotSignedIn(MingyuanError):
    """Nobody is signed in, or the session has ended."""


class Forbidden(MingyuanError):
    """Signed in, but not allowed to do this."""


class NotFound(MingyuanError):
    """Absent, or out of this person's reach: the same answer for both."""

    def __init__(
        self, code: str = "NOT_FOUND", message_zh: str = "没有找到。", message_en: str = "Not found.", **data: Any
    ):
        super().__init__(code, message_zh, message_en, **data)


class Conflict(MingyuanError):
    """The rules say: not now, or not any more."""


class Gone(MingyuanError):
    """Possible once; its time is over."""


class TooLarge(MingyuanError):
    """More than is accepted."""


class TooManyRequests(MingyuanError):
    """Throttled; `retry_after` (whole seconds) is in the data."""


class Unavailable(MingyuanError):
    """Cannot be done at this moment; trying again is right."""
