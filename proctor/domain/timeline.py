"""The day of one room as a line of steps with their gates (domain.md 5): what is done, what is due, and why not yet.

| step | due | source |
|---|---|---|
| report 报到 | T − report_before | SZ-7.2(2) |
| fetch 领卷 | T − paper_fetch_before | SZ-7.2(3) |
| admission 入场 | T − admission_opens_before | SZ-7.2(4) |
| notes 宣读 | T − notes_read_before | SZ-7.2(5) |
| open 启封 | T − paper_open_before | SZ-7.2(6) |
| start 开考, five_point 五对照 | T | SZ-7.3(1) |
| late_cutoff 迟到截止 | T + late_entry_within, in exam time | SZ-4.3, 7.3(3) |
| warning 提醒 | E − warning_before_end | SZ-7.3(4) |
| end 结束, record 情况记录 | E | SZ-7.4 |
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from proctor.wire import TimelineStep
from server.delivery.domain.time_rules import ExamClock
from server.scheduling.domain.rule_profile import RuleProfile

CHINA = timedelta(hours=8)
StepState = Literal["done", "now", "coming", "overdue"]


@dataclass(frozen=True, slots=True)
class RoomDay:
    """What has happened in the room so far."""

    has_package: bool = True
    #: names of proctors who reported, and how many are assigned
    reported: int = 0
    proctors: int = 2
    fetched_at: datetime | None = None
    admission_opened_at: datetime | None = None
    notes_read_at: datetime | None = None
    paper_opened_at: datetime | None = None
    absent_listed_at: datetime | None = None
    ended_at: datetime | None = None
    record_signed_at: datetime | None = None
    #: candidates with a ticket, here, checked after the start, not come, ended, open
    expected: int = 0
    present: int = 0
    checked: int = 0
    not_come: int = 0
    ended: int = 0
    #: the last candidate's own end (extra time included); None while clocks stand still or nobody is open
    last_end_at: datetime | None = None
    #: who acted first in an act of two people and until when the second may
    waiting_fetch: tuple[str, datetime] | None = None
    waiting_open: tuple[str, datetime] | None = None
    signed: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether an act is possible now. `opens_at` is set when waiting helps."""

    words_zh: str = ""
    words_en: str = ""
    code: str = ""
    opens_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return not self.code


OPEN = Gate()


def wall_time(moment: datetime) -> str:
    """Hours and minutes in China, with seconds only when there are some: "08:30", "08:30:20"."""
    local = moment + CHINA - (moment.utcoffset() or timedelta(0))
    if local.microsecond:  # a gate is never announced earlier than it opens
        local = local.replace(microsecond=0) + timedelta(seconds=1)
    return local.strftime("%H:%M:%S" if local.second else "%H:%M")


def _not_before(opens_at: datetime, now: datetime, what_zh: str, what_en: str) -> Gate | None:
    if now >= opens_at:
        return None
    at = wall_time(opens_at)
    return Gate(f"{at} 起方可{what_zh}。", f"Possible from {at}: {what_en}.", "TOO_EARLY", opens_at)


def _done(zh: str, en: str) -> Gate:
    return Gate(zh, en, "ALREADY_DONE")


def gate_fetch(profile: RuleProfile, clock: ExamClock, day: RoomDay, now: datetime) -> Gate:
    """Fetching the paper: from T − paper_fetch_before on (SZ-7.2(3))."""
    if day.fetched_at is not None:
        return _done("试卷已领取。", "The paper was fetched already.")
    if not day.has_package:
        return Gate(
            "本考场还没有密封的试卷包，请联系题库管理员。",
            "This room has no sealed package yet; tell the bank keeper.",
            "NO_PACKAGE",
        )
    return _not_before(clock.starts_at - profile.paper_fetch_before, now, "领卷", "fetching the paper") or OPEN


def gate_admission(profile: RuleProfile, clock: ExamClock, day: RoomDay, now: datetime) -> Gate:
    """Opening the doors: from T − admission_opens_before on (SZ-7.2(4))."""
    if day.admission_opened_at is not None:
        return _done("考场已开门入场。", "The doors are open already.")
    if day.ended_at is not None:
        return _done("本场已结束。", "The room has ended.")
    return _not_before(clock.starts_at - profile.admission_opens_before, now, "开门入场", "opening the doors") or OPEN


def gate_notes(profile: RuleProfile, clock: ExamClock, day: RoomDay, now: datetime) -> Gate:
    """Reading the notes: from T − notes_read_before on (SZ-7.2(5)), with the doors open."""
    if day.notes_read_at is not None:
        return _done("须知已宣读。", "The notes were read already.")
    early = _not_before(clock.starts_at - profile.notes_read_before, now, "宣读须知", "reading the notes")
    if early:
        return early
    if day.admission_opened_at is None:
        return Gate("请先开门入场。", "Open the doors first.", "DOORS_CLOSED")
    return OPEN


def gate_open(profile: RuleProfile, clock: ExamClock, day: RoomDay, now: datetime) -> Gate:
    """Opening the package in public: from T − paper_open_before on, not earlier (SZ-7.2(6)), after it was fetched."""
    if day.paper_opened_at is not None:
        return _done("试卷已启封。", "The paper was opened already.")
    if day.ended_at is not None:
        return _done("本场已结束。", "The room has ended.")
    early = _not_before(clock.starts_at - profile.paper_open_before, now, "启封试卷", "opening the paper")
    if early:
        return early
    if not day.has_package:
        return Gate(
            "本考场还没有密封的试卷包，请联系题库管理员。",
            "This room has no sealed package yet; tell the bank keeper.",
            "NO_PACKAGE",
        )
    if day.fetched_at is None:
        return Gate("两名监考员须先共同领卷。", "Both proctors fetch the paper first.", "NOT_FETCHED")
    return OPEN


def gate_absent(profile: RuleProfile, clock: ExamClock, day: RoomDay, now: datetime) -> Gate:
    """Listing who did not come: when late entry has ended (SZ-7.3(3)); the last moment still belongs to the candidate."""
    if day.absent_listed_at is not None:
        return _done("缺考名单已登记。", "The absent were listed already.")
    ends_at = clock.late_entry_ends_at
    is_over = now > ends_at if profile.late_entry_inclusive else now >= ends_at
    if not is_over:
        at = wall_time(ends_at)
        return Gate(
            f"迟到入场 {at} 截止，之后方可登记缺考。",
            f"Late entry ends at {at}; the absent are listed after that.",
            "TOO_EARLY",
            ends_at,
        )
    return OPEN


def gate_end(clock: ExamClock, day: RoomDay, now: datetime) -> Gate:
    """Ending the room without giving a reason: everybody has ended, or everybody's time is over (SZ-7.4)."""
    if day.ended_at is not None:
        return _done("本场已结束。", "The room has ended already.")
    unfinished = day.present - day.ended
    last = day.last_end_at or clock.ends_at
    if unfinished > 0 and (clock.stands_still or now < last):
        at = wall_time(last)
        return Gate(
            f"还有 {unfinished} 名考生未交卷，最晚 {at} 结束；提前结束须写明原因。",
            f"{unfinished} candidates have not finished; the last ends at {at}. Ending earlier needs a reason.",
            "REASON_REQUIRED",
            last,
        )
    if day.not_come > 0 and day.absent_listed_at is None and now < clock.ends_at:
        return Gate(
            "请先登记缺考；提前结束须写明原因。",
            "List the absent first; ending earlier needs a reason.",
            "REASON_REQUIRED",
        )
    return OPEN


def gate_sign(day: RoomDay) -> Gate:
    """Signing the record: after the room has ended (SZ-7.4)."""
    if day.record_signed_at is not None:
        return _done("情况记录表已签完。", "The record is signed already.")
    if day.ended_at is None:
        return Gate("请先结束本场，再签情况记录表。", "End the room first, then sign the record.", "ROOM_NOT_ENDED")
    return OPEN


def make_timeline(profile: RuleProfile, clock: ExamClock, day: RoomDay, now: datetime) -> list[TimelineStep]:
    """The steps in order of the day. Every step that is due and not done carries its button; later ones do not."""
    starts_at = clock.starts_at
    last_end = max(day.last_end_at or clock.ends_at, clock.ends_at)
    is_checked = day.present > 0 and day.checked >= day.present
    rows: list[_Row] = [
        _Row("report", "监考报到", "Proctors report", starts_at - profile.report_before,
             f"开考前 {_length_zh(profile.report_before)}到考务办公室报到。", profile.source_of("report_before"),
             day.fetched_at is not None or day.reported >= day.proctors, None, OPEN,
             f"{day.reported}/{day.proctors} 人", f"{day.reported}/{day.proctors} here"),
        _Row("fetch", "共同领卷", "Fetch the paper together", starts_at - profile.paper_fetch_before,
             "两名监考员共同领取试卷，核对职业与等级；每人用自己的账号确认。", profile.source_of("paper_fetch_before"),
             day.fetched_at is not None, "fetch-paper", gate_fetch(profile, clock, day, now),
             *_waiting_words(day.waiting_fetch, day.fetched_at, "已领取", "fetched")),
        _Row("admission", "开门入场", "Open the doors", starts_at - profile.admission_opens_before,
             "考生凭身份证件和准考证入场，对号入座。", profile.source_of("admission_opens_before"),
             day.admission_opened_at is not None, "open-admission", gate_admission(profile, clock, day, now),
             f"已到 {day.present}/{day.expected}", f"{day.present}/{day.expected} here"),
        _Row("notes", "宣读须知", "Read the notes", starts_at - profile.notes_read_before,
             "宣读考场规则和注意事项，提醒关闭通信工具。", profile.source_of("notes_read_before"),
             day.notes_read_at is not None, "read-notes", gate_notes(profile, clock, day, now),
             *_at_words(day.notes_read_at, "已宣读", "read")),
        _Row("open", "当众启封", "Open the paper in public", starts_at - profile.paper_open_before,
             "两名监考员当众启封并清点，各自输入自己的启封口令。", profile.source_of("paper_open_before"),
             day.paper_opened_at is not None, "open-paper", gate_open(profile, clock, day, now),
             *_waiting_words(day.waiting_open, day.paper_opened_at, "已启封", "opened")),
        _Row("start", "开考", "Start", starts_at, "到点统一开考；未启封的试卷不能作答。", "SZ-7.3(1)",
             now >= starts_at and day.paper_opened_at is not None, None, OPEN,
             *(("试卷未启封", "paper still sealed") if now >= starts_at and day.paper_opened_at is None else ("", ""))),
        _Row("five_point", "五对照", "Five-point check", starts_at,
             "逐人核对：姓名、准考证号、座位号、身份证件、本人。", "SZ-7.3(1)", is_checked or day.ended_at is not None,
             "check-identity",
             _not_before(starts_at, now, "逐人核对", "the check") or OPEN,
             f"已核对 {day.checked}/{day.present}", f"{day.checked}/{day.present} checked"),
        _Row("late_cutoff", "迟到截止·登记缺考", "Late entry ends, list the absent", clock.late_entry_ends_at,
             f"开考 {_length_zh(profile.late_entry_within)}后不得入场，登记缺考；同时可以交卷。",
             profile.source_of("late_entry_within"), day.absent_listed_at is not None, "list-absent",
             gate_absent(profile, clock, day, now), f"未到 {day.not_come} 人", f"{day.not_come} not here"),
        _Row("warning", "终场提醒", "Reminder", clock.warning_at,
             f"结束前 {_length_zh(profile.warning_before_end)}提醒考生；系统自动提醒一次。",
             profile.source_of("warning_before_end"),
             (now >= clock.warning_at and not clock.stands_still) or day.ended_at is not None, None, OPEN, "", ""),
        _Row("end", "结束收卷", "End and collect", last_end, "到时停止作答，收卷、清点、按准考证号整理。", "SZ-7.4",
             day.ended_at is not None, "end-room", gate_end(clock, day, now),
             f"已交 {day.ended}/{day.present}", f"{day.ended}/{day.present} handed in"),
        _Row("record", "情况记录表", "Room record", last_end, "两名监考员核对并签名，交考务办公室。", "SZ-7.4; AH-R15.3",
             day.record_signed_at is not None, "sign-record", gate_sign(day),
             f"已签 {day.signed}/{day.proctors}", f"{day.signed}/{day.proctors} signed"),
    ]  # fmt: skip
    return _steps(rows, now)


@dataclass(frozen=True, slots=True)
class _Row:
    key: Literal["report", "fetch", "admission", "notes", "open", "start", "five_point", "late_cutoff", "warning", "end",
                 "record"]  # fmt: skip
    title_zh: str
    title_en: str
    due_at: datetime
    rule_zh: str
    rule_source: str
    is_done: bool
    action: str | None
    gate: Gate
    detail_zh: str
    detail_en: str


def _steps(rows: list[_Row], now: datetime) -> list[TimelineStep]:
    steps: list[TimelineStep] = []
    is_first_open = True
    for index, row in enumerate(rows):
        next_due = rows[index + 1].due_at if index + 1 < len(rows) else None
        is_due = now >= row.due_at
        state: StepState
        if row.is_done:
            state = "done"
        elif is_due and next_due is not None and next_due > row.due_at and now >= next_due:
            state = "overdue"
        elif is_due or is_first_open:
            state = "now"
        else:
            state = "coming"
        # The button of a step to come is shown, with the reason why not yet, only when nothing else is left to do before.
        has_button = row.action is not None and state in {"now", "overdue"}
        blocked = has_button and not row.gate.is_open
        steps.append(
            TimelineStep(
                key=row.key,
                title_zh=row.title_zh,
                title_en=row.title_en,
                rule_zh=row.rule_zh,
                rule_source=row.rule_source,
                due_at_ms=math.ceil(row.due_at.timestamp() * 1000),
                state=state,
                detail_zh=row.detail_zh,
                detail_en=row.detail_en,
                action=row.action if has_button else None,
                blocked_zh=row.gate.words_zh if blocked else None,
                blocked_en=row.gate.words_en if blocked else None,
            )
        )
        is_first_open = is_first_open and row.is_done
    return steps


def _waiting_words(waiting: tuple[str, datetime] | None, done_at: datetime | None, zh: str, en: str) -> tuple[str, str]:
    if done_at is None and waiting is not None:
        name, until = waiting
        return (
            f"{name} 已确认，{wall_time(until)} 前请另一名监考员确认",
            f"{name} confirmed; the other until {wall_time(until)}",
        )
    return _at_words(done_at, zh, en)


def _at_words(done_at: datetime | None, zh: str, en: str) -> tuple[str, str]:
    return ("", "") if done_at is None else (f"{wall_time(done_at)} {zh}", f"{en} at {wall_time(done_at)}")


def _length_zh(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    return f"{seconds // 60} 分钟" if seconds % 60 == 0 else f"{seconds} 秒"
