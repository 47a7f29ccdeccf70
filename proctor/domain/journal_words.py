"""What a journal file holds, in a sentence for proctors and the room record."""

from __future__ import annotations

from collections.abc import Mapping


def journal_words(counts: Mapping[str, int]) -> tuple[str, str]:
    """Total, present, counted and so on in a sentence, Chinese and English."""
    zh = f"共 {counts['total']} 条：服务器已有 {counts['present']} 条，新的 {counts['counted']} 条"
    en = f"{counts['total']} entries: {counts['present']} on the server already, {counts['counted']} new"
    if counts["late"]:
        zh += f"，截止后作答 {counts['late']} 条（留存不计）"
        en += f", {counts['late']} made after the deadline (kept, not counted)"
    if counts["closed"]:
        zh += f"，考试已结束 {counts['closed']} 条（留存，由考务办决定）"
        en += f", {counts['closed']} of an attempt that has ended (kept for the office to decide)"
    if counts["unreadable"]:
        zh += f"，不属于本卷 {counts['unreadable']} 条（不导入）"
        en += f", {counts['unreadable']} not of this paper (left out)"
    if counts["doubtful"]:
        zh += f"；其中 {counts['doubtful']} 条只有原机时钟可查"
        en += f"; {counts['doubtful']} dated by that PC's clock only"
    return f"{zh}。", f"{en}."
