"""The notice to candidates 考生须知, made from the sitting's own rule profile so that numbers never disagree."""

from __future__ import annotations

from server.scheduling.domain.rule_profile import RuleProfile

#: Level codes 职业技能等级 (domain.md 1): the lower the code, the higher the level.
LEVEL_NAMES = {5: "五级/初级工", 4: "四级/中级工", 3: "三级/高级工", 2: "二级/技师", 1: "一级/高级技师"}


def _span(seconds: float) -> tuple[str, str]:
    whole = round(seconds)
    if whole % 60 == 0:
        return f"{whole // 60} 分钟", f"{whole // 60} min"
    return f"{whole} 秒", f"{whole} s"


def candidate_rules(profile: RuleProfile, duration_s: int) -> tuple[list[str], list[str]]:
    """The rules a candidate confirms before the exam, Chinese and English (SZ-4, AH-R3, R18, R19)."""
    late, late_en = _span(profile.late_entry_within.total_seconds())
    early, early_en = _span(profile.earliest_submission_after.total_seconds())
    warning, warning_en = _span(profile.warning_before_end.total_seconds())
    outage, outage_en = _span(profile.outage_limit.total_seconds())
    length, length_en = _span(duration_s)
    chinese = [
        f"本场考试时间 {length}，以服务器时间为准；开考 {late}后不得入场，开考 {early}后方可交卷。",
        "凭准考证和身份证件入场，按号入座；监考员将核对姓名、准考证号、座号、身份证件和本人。",
        "只带规定的文具；手机等电子设备须关闭并存放在指定处。",
        "保持安静，独立作答；不得交谈、传递、抄录题目，不得冒名顶替。",
        "试题内容有疑问不作解释；电脑故障、题目显示不清可以按“举手”。",
        "每次作答先保存在本机，再上传服务器；网络中断时可以继续答题，恢复后自动上传。",
        f"非考生原因的中断在 {outage}以内修复的，所误时间如数补回；超过的由考点负责人决定。",
        f"结束前 {warning}提醒一次；时间到系统自动交卷，已保存的作答全部有效。",
    ]
    english = [
        f"The exam lasts {length_en} by the server's clock. No entry later than {late_en} after the start; handing in from {early_en} on.",
        "Enter with ticket and ID, sit at your number. The proctor compares name, ticket, seat, ID and you.",
        "Only permitted things on the desk; phones and other devices are off and stored away.",
        "Quiet, on your own: no talking, passing, copying of questions, no impersonation.",
        "Questions about content are not answered. For a faulty computer or an unreadable item use 'Raise hand'.",
        "Each answer is kept on this computer first, then sent. If the network fails go on; it is sent when it returns.",
        f"Time lost through no fault of yours, repaired within {outage_en}, is given back in full; beyond that a person decides.",
        f"One reminder {warning_en} before the end. When time is up the system hands in; everything saved counts.",
    ]
    return chinese, english
