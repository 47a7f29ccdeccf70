"""Alarms about decisions: time that waits for somebody, and journals that wait for a second person."""

from __future__ import annotations

from collections.abc import Mapping

from proctor.domain.journal_words import journal_words
from proctor.room_facts import RoomFacts, waiting_act
from proctor.wire import Alarm
from server.delivery.models import TimeEntry
from server.delivery.time_keeping import CAUSE_WORDS, local_time, to_ms


def time_alarms(facts: RoomFacts, numbers: Mapping[str, int], seat_of: Mapping[str, str]) -> list[Alarm]:
    """Rows of the time ledger that wait for a person; one that still lasts says what is broken and since when."""
    alarms = []
    reversed_ids = {entry.reverses_id for entry in facts.time_entries if entry.reverses_id}
    for entry in facts.time_entries:
        if entry.status not in {"proposed", "awaiting_decision"} or entry.id in reversed_ids:
            continue
        waits = entry.status == "awaiting_decision"
        seat_id = seat_of.get(entry.attempt_id or "")
        zh, en = _time_words(entry, numbers.get(seat_id or ""))
        alarms.append(
            Alarm(
                id=f"time:{entry.id}",
                kind="awaiting_decision" if waits else "time_proposal",
                severity="red" if waits else "amber",
                since_ms=to_ms(entry.made_at),
                seat_ids=[seat_id] if seat_id else [],
                words_zh=zh,
                words_en=en,
                subject_id=entry.id,
            )
        )
    return alarms


def _time_words(entry: TimeEntry, number: int | None) -> tuple[str, str]:
    if entry.status == "awaiting_decision":
        return "中断超过上限，等待考务负责人决定", "Interruption over the limit: the exam office decides"
    zh, en = CAUSE_WORDS.get(entry.cause, CAUSE_WORDS["correction"])
    where_zh, where_en = (f"{number} 号：", f"Seat {number}: ") if number is not None else ("", "")
    if entry.kind == "interruption" and entry.to_at is None and entry.from_at is not None:
        since = local_time(entry.from_at)
        return (
            f"{where_zh}{zh}，{since} 起中断，恢复后请确认补时",
            f"{where_en}{en} since {since}; confirm the time once it is back",
        )
    return f"{where_zh}有补时建议待确认（{zh}）", f"{where_en}time to give back: confirm it ({en})"


def import_alarms(facts: RoomFacts, numbers: Mapping[str, int], seat_of: Mapping[str, str]) -> list[Alarm]:
    """The journal file that one role has confirmed."""
    shown, act = facts.waiting_import, waiting_act(facts.acts, "import_journal", facts.now)
    if shown is None or act is None:
        return []
    seat_id = seat_of.get(shown.attempt_id, "")
    zh, en = journal_words(shown.counts)
    return [
        Alarm(
            id=f"journal_import:{act.id}",
            kind="journal_import",
            severity="amber",
            since_ms=to_ms(act.first_at),
            seat_ids=[seat_id] if seat_id else [],
            words_zh=f"{numbers.get(seat_id, 0)} 号导入原机作答，等待另一岗位确认：{zh}",
            words_en=f"Seat {numbers.get(seat_id, 0)}: import of the old PC's answers awaits the other role: {en}",
            subject_id=shown.id,
        )
    ]
