"""Numbers of the staff log-in. Candidates' numbers are in the rule profile of their sitting."""

from __future__ import annotations

from datetime import timedelta

#: Refused sign-ins per account and per machine within the window, then one waits (等保: log-in failure handling).
ATTEMPTS_PER_ACCOUNT = 5
ATTEMPTS_PER_MACHINE = 15
ATTEMPT_WINDOW = timedelta(seconds=60)

#: A log-in ends by itself; an exam day is shorter.
SESSION_LIFETIME = timedelta(hours=14)

#: A set-up code is used within this time.
SETUP_CODE_LIFETIME = timedelta(hours=72)
