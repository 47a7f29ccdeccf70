"""A room of forty for the board's tests, written in the wire's own classes so that a change there is noticed here."""

from __future__ import annotations

import time
from typing import Any

from proctor.wire import (
    Alarm,
    BoardDelta,
    BoardHeader,
    BoardSnapshot,
    IncidentRow,
    SeatCard,
    SeatStatus,
    TimelineStep,
    TimeRow,
)

MINUTE = 60_000
PEOPLE = ["王建国", "李秀英", "张伟", "刘洋", "陈静", "阿依古丽·买买提"]


def now_ms() -> int:
    """The pretended server's clock."""
    return int(time.time() * 1000)


class PretendRoom:
    """Eight columns, five rows; seat 40 is a spare PC. Change `statuses`, `alarms`, … and ask for a snapshot."""

    def __init__(self) -> None:
        self.version = 1
        started = now_ms() - 20 * MINUTE
        self.header = BoardHeader(
            sitting_id="sit", room_id="room", sitting_name="第 2 场", room_name="第三机房", exam_title="电工四级",
            chief="周敏", deputy="林涛", sitting_state="running", phase="running", starts_at_ms=started,
            ends_at_ms=started + 90 * MINUTE, earliest_submit_at_ms=started + 30 * MINUTE,
            late_entry_ends_at_ms=started + 30 * MINUTE, admission_opens_at_ms=started - 15 * MINUTE, is_rehearsal=False,
        )  # fmt: skip
        self.cards = [_card(number) for number in range(1, 41)]
        self.statuses = {card.seat_id: _status(card) for card in self.cards}
        self.timeline = [
            _step("report", "监考报到", "Report", "done"),
            _step("fetch", "共同领卷", "Fetch", "done"),
            _step("open", "当众启封", "Open", "done"),
            _step("five_point", "五对照", "Five-point check", "now", action="check-identity"),
            _step("late_cutoff", "登记缺考", "List the absent", "now", action="list-absent",
                  blocked_zh="迟到入场 09:30 截止，之后方可登记缺考。", blocked_en="Late entry ends at 09:30."),
            _step("end", "结束收卷", "End", "coming"),
            _step("record", "情况记录表", "Record", "coming"),
        ]  # fmt: skip
        self.alarms: list[Alarm] = []
        self.time_rows: list[TimeRow] = []
        self.incidents: list[IncidentRow] = []
        self.signed_by: list[str] = []

    def snapshot(self) -> dict[str, Any]:
        """What GET /api/proctor/board/sit/room answers."""
        return BoardSnapshot(
            version=self.version, server_now_ms=now_ms(), header=self.header, rows=5, columns=8, aisles_after=[4],
            seats=self.cards, statuses=list(self.statuses.values()), timeline=self.timeline, alarms=self.alarms,
            time_rows=self.time_rows, incidents=self.incidents, record_url=None, signed_by=self.signed_by,
        ).model_dump(mode="json")  # fmt: skip

    def change(self, number: int, **changes: Any) -> SeatStatus:
        """One seat is different now."""
        seat_id = f"s{number}"
        self.statuses[seat_id] = self.statuses[seat_id].model_copy(update=changes)
        return self.statuses[seat_id]

    def delta(self, *statuses: SeatStatus, **parts: Any) -> dict[str, Any]:
        """The next `board_delta`."""
        self.version += 1
        return BoardDelta(
            sitting_id="sit",
            room_id="room",
            version=self.version,
            server_now_ms=now_ms(),
            statuses=list(statuses),
            **parts,
        ).model_dump(mode="json")


def _card(number: int) -> SeatCard:
    is_spare = number == 40
    name = "陈晓明" if number == 12 else PEOPLE[number % len(PEOPLE)]
    return SeatCard(
        seat_id=f"s{number}", number=number, row=(number - 1) // 8 + 1, column=(number - 1) % 8 + 1, is_spare=is_spare,
        attempt_id=None if is_spare else f"a{number}", name="" if is_spare else name,
        pinyin="chen xiao ming" if number == 12 else "", ticket_number="" if is_spare else f"26110210302{number:02d}",
        id_number_masked="" if is_spare else "3205**********1234", organisation="", photo=None,
    )  # fmt: skip


def _status(card: SeatCard) -> SeatStatus:
    is_spare = card.is_spare
    return SeatStatus(
        seat_id=card.seat_id, attempt_id=card.attempt_id, state="spare" if is_spare else "answering",
        answered=0 if is_spare else 30, total=100, seen_at_ms=None if is_spare else now_ms(),
        answered_at_ms=None if is_spare else now_ms() - 6_000, presence="none" if is_spare else "online", unsent=0,
        hand_reason=None, hand_raised_at_ms=None,
        checks=[None if card.number == 12 else [True] * 5, None if card.number in (12, 13) else [True] * 5],
        ends_at_ms=now_ms() + 70 * MINUTE, given_back_s=0, moved=False, released=False, incidents=0,
    )  # fmt: skip


def _step(key: Any, zh: str, en: str, state: Any, action: str | None = None, **blocked: str) -> TimelineStep:
    return TimelineStep(
        key=key, title_zh=zh, title_en=en, rule_zh="开考后副监考逐人核对五项。", rule_source="SZ-7.3(1)", due_at_ms=now_ms(),
        state=state, detail_zh="", detail_en="", action=action, blocked_zh=blocked.get("blocked_zh"),
        blocked_en=blocked.get("blocked_en"),
    )  # fmt: skip


def alarm(identity: str, kind: Any, severity: Any, numbers: list[int], zh: str, subject_id: str | None = None) -> Alarm:
    """Something that asks for a person."""
    return Alarm(
        id=identity, kind=kind, severity=severity, since_ms=now_ms() - 30_000, seat_ids=[f"s{n}" for n in numbers],
        words_zh=zh, words_en="Something asks for you.", subject_id=subject_id,
    )  # fmt: skip


def proposal(identity: str, number: int, seconds: float, client_gap: float) -> TimeRow:
    """A row of the time ledger that waits for the proctor."""
    return TimeRow(
        id=identity, scope="attempt", attempt_id=f"a{number}", kind="interruption", from_ms=now_ms() - 90_000,
        to_ms=now_ms(), seconds=seconds, client_gap_s=client_gap, cause="换机", reason="", status="proposed",
        made_by="系统", approved_by=None,
    )  # fmt: skip
