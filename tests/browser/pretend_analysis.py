"""A sitting of 612 candidates as the analysis pages are told of it, in the wire's own classes so that a change is noticed here."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import Any

from scoring.analysis.wire import (
    AbilityBar,
    AnswerOf,
    Bar,
    CaseItem,
    CaseLine,
    CasePage,
    CasesReply,
    ClusterLine,
    CurvePoint,
    DecisionFigures,
    DifficultyMark,
    DifficultyUse,
    Distribution,
    FamilyLine,
    FlagLine,
    InformationCurve,
    InformationPoint,
    ItemFigures,
    ItemHistory,
    ItemPage,
    ItemRow,
    ItemText,
    OptionLine,
    OptionText,
    PairLine,
    PaperPage,
    ProgressLine,
    ProposalLine,
    ProposalsReply,
    ReviewerChoice,
    RoomMap,
    RoomPage,
    ScoreError,
    SeatMark,
    SittingLine,
    SittingsReply,
    TestFigures,
    VersionLine,
)  # fmt: skip

CANDIDATES = 612
STEM = "三相异步电动机铭牌标注 380 V、△接法。用星—三角降压起动时，起动线电流约为直接起动时的（　　）。"
TEXTS = {"A": "1/√3 倍", "B": "1/3 倍", "C": "1/2 倍，且与电源电压的平方成正比", "D": "√3 倍"}
WRONG_KEY = FlagLine(
    "WRONG_KEY_SUSPECTED",
    "答案可能有误：选 C 的考生水平更高（r 0.31，答案 B 为 -0.12），请核对答案。",
    "Wrong key suspected: those who chose C are stronger (r 0.31, key B -0.12). Check the key.",
    "C",
)
TOO_EASY = FlagLine("TOO_EASY", "太易：得分率 0.97。", "Too easy: p = 0.97.")
DEAD = FlagLine("DEAD_DISTRACTOR", "干扰项 D 几乎无人选（0.8%）。", "Distractor D is hardly chosen (0.8%).", "D")


def as_json(value: Any) -> Any:
    """What the server answers."""
    return dataclasses.asdict(value)


def sitting(state: str = "done", **changes: Any) -> SittingLine:
    made = state in {"done", "outdated"}
    line = SittingLine(
        sitting_id="sit", name="2026 年第 4 批 第 2 场", occupation_name="电工", level=4,
        starts_at="2026-11-14T01:00:00+00:00", is_rehearsal=False, candidates=CANDIDATES, unfinished=0, state=state,
        progress=None, made_at="2026-11-20T08:30:00+00:00" if made else None, made_by="赵岚" if made else None,
        digest="9f31c0d2" * 8 if made else None, flagged_pairs=4 if made else None, open_cases=1 if made else None,
        refusal=None,
    )  # fmt: skip
    return dataclasses.replace(line, **changes)


def sittings(*lines: SittingLine, may_start: bool = True, may_see_pairs: bool = True) -> SittingsReply:
    return SittingsReply(list(lines), may_start, may_see_pairs, may_decide_proposals=not may_see_pairs)


def running(part: str, done: int, total: int) -> SittingLine:
    return sitting("running", progress=ProgressLine(part, done, total), digest=None)


def figures(chance: random.Random, number: int = 1) -> ItemFigures:
    a, b = math.exp(chance.gauss(0, 0.25)), chance.gauss(-0.5, 0.9)
    p = 1 / (1 + math.exp(-a * (0.3 - b)))
    d27, r = max(-0.15, min(0.75, 0.42 * a + chance.gauss(0, 0.05))), 0.3 * a + chance.gauss(0, 0.03)
    flags: list[FlagLine] = []
    if number == 17:
        p, d27, r, flags = 0.34, -0.11, -0.12, [WRONG_KEY]
    elif number % 23 == 5:
        p, d27, flags = 0.97, 0.06, [TOO_EASY]
    elif number % 19 == 7:
        flags = [DEAD]
    rest = (1 - p) * 0.98
    shares = {"A": rest * 0.4, "B": p, "C": rest * 0.45, "D": rest * 0.15, "": (1 - p) * 0.02}
    best = "C" if number == 17 else "B"
    options = [
        OptionLine(
            option, option == "B", round(CANDIDATES * share), share,
            r if option == "B" else 0.31 if number == 17 and option == "C" else -0.1 - 0.05 * (option == "A"),
            round(165 * share * (1.4 if option == best else 0.6)), round(165 * share * (0.6 if option == best else 1.3)),
            round(282 * share),
        )
        for option, share in shares.items()
    ]  # fmt: skip
    return ItemFigures(
        n=CANDIDATES, p=p, d27=d27, item_rest_r=r, omitted=(1 - p) * 0.02, not_reached=0.001, a=a, b=b, se_a=0.12,
        se_b=0.09, median_seconds=chance.uniform(14, 70), options=options, flags=flags,
    )  # fmt: skip


def item_rows() -> list[ItemRow]:
    chance = random.Random(3)
    return [
        ItemRow(
            item_id=f"item{n}", item_version_id=f"v{n}", label=f"I{n:03d}",
            kind="single" if n <= 70 else "multiple" if n <= 80 else "true_false", point=f"2.{n % 5 + 1}.{n % 7 + 1}",
            forms=["A", "B"] if n % 3 else ["A"], full_mark=1.0, figures=figures(chance, n),
        )
        for n in range(1, 101)
    ]  # fmt: skip


def test_figures(form: str, n: int, alpha: float) -> TestFigures:
    sem = 10.2 * math.sqrt(1 - alpha)
    return TestFigures(
        form=form, n=n, k=100, full_mark=100.0, alpha=alpha, alpha_stratified=alpha + 0.01, kr20=alpha, sem=sem,
        sem_at_cut=sem * 1.12,
        conditional_sem=[
            ScoreError(float(score), sem * 1.15 * math.sqrt(max(score * (100 - score), 0)) / 50)
            for score in range(0, 101, 2)
        ],
        decision=DecisionFigures("Livingston–Lewis", 60.0, 0.914, 0.74, 0.938, 0.027, 0.035),
        reasons=[],
    )  # fmt: skip


def bars() -> list[Bar]:
    chance = random.Random(8)
    counts = [0] * 20
    for _ in range(CANDIDATES):
        counts[min(19, max(0, int(chance.gauss(68, 10.5) / 5)))] += 1
    return [Bar(5.0 * n, 5.0 * n + 5, count) for n, count in enumerate(counts)]


def information(form: str, height: float) -> InformationCurve:
    thetas = [round(-4 + n * 0.2, 1) for n in range(41)]
    values = [height * math.exp(-((theta + 0.5) ** 2) / 3) for theta in thetas]
    points = [InformationPoint(theta, value, 1 / math.sqrt(value)) for theta, value in zip(thetas, values, strict=True)]
    return InformationCurve(form, points, -0.62)


def paper(**changes: Any) -> PaperPage:
    rows = item_rows()
    people = random.Random(5)
    abilities = [0] * 16
    for _ in range(CANDIDATES):
        abilities[min(15, max(0, int((people.gauss(0, 1) + 4) / 0.5)))] += 1
    page = PaperPage(
        sitting=sitting(),
        tests=[test_figures("", CANDIDATES, 0.872), test_figures("A", 308, 0.88), test_figures("B", 304, 0.864)],
        distribution=Distribution(bars(), 67.9, 10.4, 68.5, 31.0, 94.0, 0.781),
        distribution_hidden=False,
        pass_mark=60.0,
        information=[information("A", 16.0), information("B", 14.2)],
        difficulty=[
            DifficultyMark(row.label, row.item_version_id, row.figures.p, row.figures.b, row.figures.d27, 0.6, 0.63)
            for row in rows
        ],
        abilities=[AbilityBar(-4 + 0.5 * n, -3.5 + 0.5 * n, count) for n, count in enumerate(abilities)],
        abilities_hidden=False,
        items=rows,
        calibration_refused=None,
        notices=[],
        method="classical 1 · 2PL · v1",
        input_digest="a" * 64,
        digest="9f31c0d2" * 8,
    )
    return dataclasses.replace(page, **changes)


def small_paper() -> PaperPage:
    """Nine candidates: almost nothing can be said, and every figure may be missing."""
    none = {
        "p": None, "d27": None, "item_rest_r": None, "omitted": None, "not_reached": None, "a": None, "b": None,
        "se_a": None, "se_b": None, "median_seconds": None, "options": [], "flags": [], "n": 9,
    }  # fmt: skip
    rows = [dataclasses.replace(row, forms=["A"], figures=ItemFigures(**none)) for row in item_rows()[:3]]
    nothing = TestFigures("", 9, 3, 3.0, None, None, None, None, None, [], None, ["ALL_TOTALS_EQUAL"])
    refused = {
        "code": "TOO_FEW_CANDIDATES", "message_zh": "只有 9 名考生，难度标定至少需要 200 名。",
        "message_en": "9 candidates; calibration needs 200.",
    }  # fmt: skip
    return paper(
        sitting=sitting(candidates=9), tests=[nothing], distribution=None, distribution_hidden=True, information=[],
        difficulty=[DifficultyMark(row.label, row.item_version_id, None, None, None, 0.6, 0.6) for row in rows],
        abilities=None, abilities_hidden=True, items=rows, calibration_refused=refused,
    )  # fmt: skip


def curve(wrong: bool) -> list[CurvePoint]:
    points = []
    for n in range(10):
        ability = -1.8 + 0.4 * n
        model = 1 / (1 + math.exp(-1.3 * (ability + 0.4)))
        right = max(0.05, 0.45 - 0.04 * n) if wrong else min(1.0, max(0.0, model + 0.05 * math.sin(3 * n)))
        rest = 1 - right
        share_c = 0.75 if wrong else 0.4
        options = {"B": right, "C": rest * share_c, "A": rest * (0.9 - share_c), "D": rest * 0.08, "": rest * 0.02}
        points.append(CurvePoint(ability, 61, right, options, model))
    return points


def history(wrong: bool = True) -> list[ItemHistory]:
    uses = []
    for n, p in enumerate((0.41, 0.44, 0.43, 0.52, 0.61)):
        one = dataclasses.replace(figures(random.Random(n), 17 if wrong else 1), p=p, n=240 + 90 * n)
        uses.append(
            ItemHistory(f"s{n}", f"第 {n + 1} 批", f"2026-0{n + 3}-14T01:00:00+00:00", one, curve(wrong),
                        "2026-11-20T08:30:00+00:00", "a" * 64)
        )  # fmt: skip
    return uses


def proposal(state: str = "open", **changes: Any) -> ProposalLine:
    line = ProposalLine(
        id="p1", item_id="item17", item_version_id="v17", item_state="live", occupation_code="6-31-01-03", level=4,
        kind="wrong_key", state=state, words_zh=WRONG_KEY.words_zh, words_en=WRONG_KEY.words_en, sitting_id="sit",
        sitting_name="2026 年第 4 批 第 2 场", made_at="2026-11-20T08:30:00+00:00", decided_by=None, decided_at=None,
        reason=None,
    )  # fmt: skip
    return dataclasses.replace(line, **changes)


def proposals(*lines: ProposalLine, may_decide: bool = True) -> ProposalsReply:
    return ProposalsReply(list(lines), may_decide)


def item(**changes: Any) -> ItemPage:
    options = [OptionText(option, text, option == "B") for option, text in TEXTS.items()]
    page = ItemPage(
        item_id="item17", item_version_id="v17", version=2, kind="single", point="2.3.4", state="live",
        text=ItemText(STEM, options), text_hidden=False, pooled=dataclasses.replace(history()[-1].figures, p=0.51, n=2100), exposures=2100, sittings_used=5,
        difficulty=DifficultyUse(3, 0.6, 0.5, 2100, 0.91, 0.51), history=history(),
        versions=[VersionLine("v16", 1, False, 800), VersionLine("v17", 2, True, 2100)], proposals=[proposal()],
    )  # fmt: skip
    return dataclasses.replace(page, **changes)


def _pair(a: int, b: int, by: list[str], p: float, **changes: Any) -> PairLine:
    line = PairLine(
        a=f"a{a}", b=f"a{b}", a_place=f"第三机房 {a} 号", b_place=f"第三机房 {b} 号",
        family="neighbour" if abs(a - b) in {1, 8} else "same_room", judged=True, flagged_by=by, common=92, identical=84,
        identical_wrong=19, p=p, threshold=4.2e-6, gbt_p=p * 3, omega=5.31, k_p=2.1e-6, m4_p=8.8e-7, letters_same=51,
        letters_positions=78, letters_p=3.1e-10, seat_distance=1.0, same_class=True, same_machine=False, a_first=2,
        b_first=15, a_changed_to_b=6, b_changed_to_a=0, pace_r=0.61, case_id=None,
    )  # fmt: skip
    return dataclasses.replace(line, **changes)


def case(state: str = "under_review", **changes: Any) -> CaseLine:
    line = CaseLine(
        id="case1", sitting_id="sit", sitting_name="2026 年第 4 批 第 2 场", a="a12", b="a13", a_place="第三机房 12 号",
        b_place="第三机房 13 号", state=state, conclusion=None, reason=None, reviewer="林涛", reviewer_id="2",
        is_mine=True, opened_by="周敏", opened_at="2026-11-20T09:00:00+00:00", decided_at=None,
    )  # fmt: skip
    return dataclasses.replace(line, **changes)


def cases(*lines: CaseLine) -> CasesReply:
    return CasesReply(list(lines))


def _room(room_id: str, name: str, pairs: dict[int, int], empty: int) -> RoomMap:
    seats = [
        SeatMark(n, (n - 1) // 8 + 1, (n - 1) % 8 + 1, None if n == empty else f"{room_id}{n}", f"{200 + n:04d}"[-4:],
                 "AB"[n % 2], pairs.get(n, 0))
        for n in range(1, 41)
    ]  # fmt: skip
    return RoomMap(room_id, name, 5, 8, [4], seats)


def similar(**changes: Any) -> RoomPage:
    pairs = [
        _pair(12, 13, ["content", "letters"], 2.4e-13, case_id="case1"),
        _pair(13, 21, ["content"], 8.1e-9),
        _pair(34, 35, ["letters"], 0.02, letters_p=4.4e-8, a_first=None, b_first=None, pace_r=None),
        _pair(6, 38, ["content"], 9.0e-8, same_class=None, seat_distance=4.0),
        *(_pair(n, n + 1, [], 10.0 ** -(4 - n / 12), identical_wrong=9, letters_p=0.3) for n in range(2, 12)),
    ]
    page = RoomPage(
        sitting=sitting(),
        rooms=[_room("b", "第二机房", {}, 3), _room("a", "第三机房", {12: 1, 13: 2, 21: 1, 34: 1, 35: 1, 6: 1, 38: 1}, 40)],
        pairs=pairs, flagged=4, pairs_total=186_966, pairs_judged=185_120, cases=[case()],
        clusters=[ClusterLine(["a12", "a13", "a21"], ["第三机房 12 号", "第三机房 13 号", "第三机房 21 号"], True)],
        families=[
            FamilyLine(family, test, count, budget, budget / count)
            for test in ("content", "letters")
            for family, count, budget in (("neighbour", 2104, 0.01), ("same_room", 9800, 0.01), ("other", 173_000, 0.005))
        ],
        null_kind="pairs in different rooms", refused=None,
        reviewers=[ReviewerChoice("2", "林涛", "office_head"), ReviewerChoice("3", "赵岚", "exam_clerk")],
        may_open_cases=True, notices=[], digest="77aa01bc" * 8,
    )  # fmt: skip
    return dataclasses.replace(page, **changes)


def _answer(n: int, letter: str, right: bool | None, before: list[str], at: float) -> AnswerOf:
    return AnswerOf(n, letter, "DCBA"["ABCD".index(letter)] if letter else "", at, before, right)


STEPS = [
    {"at": "2026-11-20T09:00:00+00:00", "action": "analysis.case.opened", "by": "周敏", "reason": "相邻，同错 19 道。"},
    {"at": "2026-11-20T09:10:00+00:00", "action": "analysis.case.begun", "by": "林涛", "reason": ""},
]


def case_page(key_hidden: bool = False, **changes: Any) -> CasePage:
    chance = random.Random(2)
    items = []
    for n in range(1, 13):
        a = chance.choice("BBBAC")
        b = a if n % 4 else "D"
        options = [OptionText(option, text, option == "B" and not key_hidden) for option, text in TEXTS.items()]
        right_a, right_b = (None, None) if key_hidden else (a == "B", b == "B")
        items.append(
            CaseItem(
                f"I{n:03d}", f"v{n}", "single", STEM, options, _answer(n, a, right_a, ["D"] if n == 2 else [], 60.0 * n),
                _answer(n + 3, b, right_b, [], 55.0 * n), a == b, None if key_hidden else a == b != "B",
            )
        )  # fmt: skip
    seat = SeatMark(12, 2, 4, "a12", "0212", "A", 1)
    page = CasePage(case(), similar().pairs[0], "王建国", "李秀英", key_hidden, items, seat, seat, STEPS)
    return dataclasses.replace(page, **changes)
