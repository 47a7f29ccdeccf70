"""The columns of a score list (domain.md 8.4). No official template is public, so this one is a plain table of data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """`key` names the value; `width` in characters. Every cell is text except points and the serial."""

    key: str
    header: str
    width: int


SCORE_LIST_COLUMNS: tuple[Column, ...] = (
    Column("serial", "序号", 6),
    Column("name", "姓名", 14),
    Column("id_type", "证件类型", 12),
    Column("id_number", "证件号码", 22),
    Column("ticket_number", "准考证号", 18),
    Column("occupation_code", "职业（工种）编码", 18),
    Column("occupation_name", "职业（工种）名称", 20),
    Column("job_type", "工种（方向）", 14),
    Column("level", "级别", 14),
    Column("theory_score", "理论成绩", 10),
    Column("theory_outcome", "理论结论", 10),
    Column("practical_score", "技能成绩", 10),
    Column("review_score", "综合评审成绩", 14),
    Column("final_outcome", "最终结论", 10),
    Column("exam_date", "考试日期", 12),
    Column("batch", "批次", 22),
    Column("certificate_number", "证书编号", 26),
    Column("issue_date", "发证日期", 12),
    Column("institution_code", "机构代码", 16),
)

LEVEL_NAMES: dict[int, str] = {
    1: "一级/高级技师",
    2: "二级/技师",
    3: "三级/高级工",
    4: "四级/中级工",
    5: "五级/初级工",
}
