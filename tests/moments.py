"""Moments of an exam day with names: one sitting, start 9:00 in Shanghai, 90 minutes, rules of `default`.

admission 8:45 · start 9:00 · late entry and earliest submission 9:30 · warning 10:15 · end 10:30
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)

DURATION = 90 * MINUTE
#: 9:00 in Shanghai
START = datetime(2026, 11, 14, 1, 0, tzinfo=UTC)
END = START + DURATION
LIMIT_30 = START + 30 * MINUTE

before_admission = START - 15 * MINUTE - SECOND
doors_open = START - 15 * MINUTE
just_before_the_start = START - SECOND
late_but_allowed = LIMIT_30
too_late = LIMIT_30 + SECOND
too_early_to_leave = LIMIT_30 - SECOND
early_but_allowed = LIMIT_30
in_mid_exam = START + 45 * MINUTE
just_before_the_warning = END - 15 * MINUTE - SECOND
at_the_warning = END - 15 * MINUTE
the_last_second = END - SECOND
after_the_end = END + SECOND

#: a room outage of seven minutes in mid-exam, and one that moves entry and earliest submission
room_outage = (START + 72 * MINUTE, START + 79 * MINUTE)
early_room_outage = (START + 10 * MINUTE, START + 17 * MINUTE)
during_a_room_outage = START + 75 * MINUTE
