"""End log-ins of an account within somebody else's transaction."""

from __future__ import annotations

from server.accounts.queries import open_sessions
from server.storage.unit_of_work import Work


def end_sessions(work: Work, account_id: str, but_not: str = "") -> int:
    """End every open log-in of the account except the one with token hash `but_not`; returns how many ended."""
    ended = [one for one in open_sessions(work.session, account_id) if one.token_hash != but_not]
    for staff_session in ended:
        staff_session.ended_at = work.clock.now()
    return len(ended)
