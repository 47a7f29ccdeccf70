"""Say what a set-up code is for, before anything is typed that it needs."""

from __future__ import annotations

from dataclasses import dataclass

from server.accounts.domain.setup_code import canonical_code
from server.accounts.domain.sign_in_limits import ATTEMPT_WINDOW, ATTEMPTS_PER_MACHINE
from server.accounts.models import SetupCode
from server.accounts.queries import require_account, token_hash
from server.accounts.services.use_setup_code import check_setup_code
from server.adapters.throttle import Limit, Throttle
from server.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SetupPurpose:
    """`is_first`: the code makes the first account, whose names are then chosen; else whose password it sets."""

    is_first: bool
    login_name: str = ""
    display_name: str = ""


def look_up_setup_code(uow: UnitOfWork, code: str, machine: str = "", throttle: Throttle | None = None) -> SetupPurpose:
    """Changes nothing; the code is still good afterwards. Counts as a try of this machine, as using it does.

    Raises:
        NotSignedIn: `SETUP_CODE_WRONG`.
        Gone: `SETUP_DONE`, `SETUP_CODE_EXPIRED`.
        TooManyRequests: `TOO_MANY_ATTEMPTS`.
    """
    if throttle is not None:
        throttle.take(f"setup:{machine}", Limit(ATTEMPTS_PER_MACHINE, ATTEMPT_WINDOW))
    with uow.read() as session:
        found = check_setup_code(session, session.get(SetupCode, token_hash(canonical_code(code))), uow.clock.now())
        if found.account_id is None:
            return SetupPurpose(is_first=True)
        account = require_account(session, found.account_id)
        return SetupPurpose(is_first=False, login_name=account.login_name, display_name=account.display_name)
