"""The analysis pages in Chromium before pretended answers: paper, item, similar papers, cases; what is drawn and what is refused."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser import pretend_analysis as told
from tests.browser.pretend_server import ADDRESS, PretendServer, refusal

if TYPE_CHECKING:
    from playwright.sync_api import Page

SITTING = "/api/analysis/sittings/sit"
SECOND_PAIR = re.compile(r"^2\s*：第三机房 13 号")
#: what no page may ever show
NEVER = re.compile(r"NaN|undefined|Infinity|\bnull\b|\[object|\{\w+\}")


@pytest.fixture
def server(page: Page) -> Iterator[PretendServer]:
    made = PretendServer(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    yield made
    assert made.troubles == []


def sign_in(server: PretendServer, *roles: str) -> None:
    account = {"id": "2", "display_name": "林涛", "roles": list(roles)}
    server.on("GET", "/api/staff/me", {"account": account, "csrf_token": "the-word"})


def open_page(server: PretendServer, query: str, role: str = "office_head") -> Page:
    sign_in(server, role)
    answers: dict[str, Any] = {
        "/api/analysis/sittings": told.sittings(told.sitting(), may_see_pairs=role == "office_head"),
        "/api/analysis/proposals": told.proposals(told.proposal(), may_decide=role == "bank_keeper"),
        "/api/analysis/cases": told.cases(told.case()),
        SITTING: told.paper(),
        f"{SITTING}/similarity": told.similar(),
        "/api/analysis/items/v17": told.item(),
        "/api/analysis/cases/case1": told.case_page(),
    }
    for path, answer in answers.items():
        if f"GET {path}" not in server.answers:
            server.on("GET", path, told.as_json(answer))
    server.page.goto(f"{ADDRESS}/analysis{query}")
    server.page.locator("main h1").wait_for()
    server.page.get_by_text("正在读取").wait_for(state="hidden")
    return server.page


def assert_fit_for_everybody(page: Page) -> None:
    """No serious finding of axe, no sideways scrolling, no figure that is none, every drawing named."""
    assert NEVER.findall(page.locator("main").text_content() or "") == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    marks = page.eval_on_selector_all(
        "svg *", "all => all.flatMap(e => [...e.attributes]).filter(a => /NaN|undefined|Infinity/.test(a.value)).length"
    )
    assert marks == 0
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


PAGES = {
    "list": ("", "office_head"),
    "paper": ("?sitting=sit", "office_head"),
    "item": ("?item=v17&sitting=s4", "bank_keeper"),
    "similar": ("?sitting=sit&similar=1", "office_head"),
    "case": ("?case=case1", "exam_clerk"),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_for_everybody_in_both_languages(server: PretendServer, name: str) -> None:
    page = open_page(server, *PAGES[name])
    page.wait_for_load_state("networkidle")
    assert_fit_for_everybody(page)
    page.get_by_role("button", name="English").click()
    assert NEVER.findall(page.locator("main").text_content() or "") == []
    page.set_viewport_size({"width": 820, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 820


# --- The list ---------------------------------------------------------------------------------------------------------


def test_an_analysis_is_started_shows_how_far_it_is_and_ends(server: PretendServer) -> None:
    server.page.clock.install()
    states = [
        told.sitting("ready"), told.running("items", 1, 2), told.running("similarity", 3, 4), told.sitting(),
    ]  # fmt: skip
    at = 0

    def answer(_body: object) -> tuple[int, object]:
        return 200, told.as_json(told.sittings(states[at]))

    server.on("GET", "/api/analysis/sittings", answer)
    sign_in(server, "office_head")
    server.on("GET", "/api/analysis/proposals", told.as_json(told.proposals()))
    server.on("GET", "/api/analysis/cases", told.as_json(told.cases()))
    server.page.goto(f"{ADDRESS}/analysis")
    page = server.page
    start = page.get_by_role("button", name="开始分析")
    start.wait_for()

    def begin(_body: object) -> tuple[int, object]:
        nonlocal at
        at = 1
        return 200, {"sitting_id": "sit", "state": "running"}

    server.on("POST", f"{SITTING}/start", begin)
    start.focus()
    page.keyboard.press("Enter")
    page.get_by_text("第 2 步，共 6 步：试题统计（50%）").wait_for()
    assert server.sent(f"{SITTING}/start") == [{}]
    assert start.count() == 0
    at = 2
    page.clock.run_for(2000)
    page.get_by_text("第 5 步，共 6 步：雷同比较（75%）").wait_for()
    assert 70 < float(page.get_by_role("progressbar").get_attribute("value") or 0) < 85
    at = 3
    page.clock.run_for(2000)
    page.get_by_role("link", name="试卷分析").wait_for()
    assert "4 对待核查" in page.locator("main").inner_text()


@pytest.mark.parametrize(
    ("state", "changes", "words"),
    [
        ("not_ended", {"unfinished": 3}, "还有 3 人没有结束考试"),
        ("no_answers", {}, "没有考生作答"),
        (
            "failed",
            {"refusal": {"code": "X", "message_zh": "数据不一致。", "message_en": ""}},
            "没有完成：数据不一致。",
        ),
        ("outdated", {}, "请重新分析"),
    ],
)
def test_a_sitting_that_cannot_be_shown_says_why(
    server: PretendServer, state: str, changes: dict[str, Any], words: str
) -> None:
    server.on("GET", "/api/analysis/sittings", told.as_json(told.sittings(told.sitting(state, **changes))))
    page = open_page(server, "")
    page.get_by_text(words).wait_for()
    may = page.get_by_role("button", name=re.compile("^(开始|重新)分析")).count()
    assert may == (1 if state in {"failed", "outdated"} else 0)


def test_a_clerk_sees_cases_and_is_asked_nothing_about_sittings(server: PretendServer) -> None:
    page = open_page(server, "", "exam_clerk")
    page.get_by_role("link", name="打开两份答卷").wait_for()
    assert [called for called, _, _ in server.calls if "sittings" in called or "proposals" in called] == []


# --- The paper --------------------------------------------------------------------------------------------------------


def test_the_paper_page_says_in_words_what_its_figures_mean(server: PretendServer) -> None:
    page = open_page(server, "?sitting=sit")
    words = page.locator(".trust").inner_text()
    assert "信度 0.88" in words
    assert "约 ± 4.1 分" in words
    assert "100 人中约 91 人的合格结论不变" in words
    assert "100 人中约 3 人合格而实际水平未到，约 4 人不合格" in words
    label = page.get_by_role("img", name="成绩分布").get_attribute("aria-label")
    assert label == "成绩分布：612 人，合格率 78.1%，合格线 60 分"
    page.get_by_text("以表格显示").first.click()
    counts = page.locator("figure").first.locator("tbody tr td:nth-child(3)").all_inner_texts()
    assert sum(int(count) for count in counts) == 612
    assert page.get_by_role("link", name="分析报告（PDF）").get_attribute("href") == f"{SITTING}/report.pdf"


def test_every_drawing_of_the_paper_has_the_same_figures_as_a_table(server: PretendServer) -> None:
    page = open_page(server, "?sitting=sit")
    drawings = page.locator("figure.chart")
    assert drawings.count() == 5
    for place in range(5):
        drawing = drawings.nth(place)
        assert drawing.get_by_role("img").count() >= 1
        drawing.locator("summary").click()
        assert drawing.locator("tbody tr").count() > 5


def test_items_are_sorted_filtered_and_opened_by_keyboard(server: PretendServer) -> None:
    page = open_page(server, "?sitting=sit")
    rows = page.get_by_role("region", name="试题").locator("tbody tr")
    assert rows.count() == 100
    head = page.get_by_role("button", name="区分度 D")
    head.focus()
    page.keyboard.press("Enter")
    assert rows.first.locator("td").first.inner_text() == "I017"
    assert page.get_by_role("columnheader", name="区分度 D").get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name=re.compile("^有提示")).click()
    assert 1 < rows.count() < 30
    assert "答案可能有误" in rows.first.inner_text()
    rows.first.get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"item=v17&sitting=sit"))


def test_too_few_candidates_are_an_honest_refusal_and_never_a_figure(server: PretendServer) -> None:
    server.on("GET", SITTING, told.as_json(told.small_paper()))
    page = open_page(server, "?sitting=sit")
    page.get_by_text("只有 9 人，少于 100 人").wait_for()
    words = page.locator("main").inner_text()
    assert "只有 9 名考生，难度标定至少需要 200 名。" in words
    assert "信度算不出来：所有考生总分相同" in words
    assert "只给有权看成绩的岗位看" in words
    assert page.locator("figure svg[role=img]").count() == 0
    assert_fit_for_everybody(page)


def test_a_paper_that_was_not_analysed_shows_the_servers_words_and_can_be_started(server: PretendServer) -> None:
    server.on("GET", "/api/analysis/sittings", told.as_json(told.sittings(told.sitting("ready"))))
    server.on("GET", SITTING, refusal("NOT_ANALYSED", "这一场还没有分析，请先开始分析。"), 404)
    page = open_page(server, "?sitting=sit")
    page.get_by_role("alert").get_by_text("这一场还没有分析").wait_for()
    page.get_by_role("button", name="开始分析").wait_for()
    assert page.get_by_role("link", name="PDF").count() == 0


# --- The item ---------------------------------------------------------------------------------------------------------


def test_the_item_page_marks_key_and_suspect_by_sign_and_draws_the_history(server: PretendServer) -> None:
    page = open_page(server, "?item=v17&sitting=s4", "bank_keeper")
    page.get_by_text("答案可能有误：选 C 的考生水平更高").first.wait_for()
    options = page.get_by_role("region", name="选项", exact=True).locator("tbody tr")
    assert options.nth(1).locator("th").inner_text().startswith("B ✓")
    assert "▲" in options.nth(2).locator("th").inner_text()
    ends = page.locator("figure").nth(1).locator("text.end").all_text_contents()
    assert sorted(ends) == ["A", "B ✓", "C", "D", "未答"]
    assert page.get_by_role("img", name="5 场的得分率").count() == 1
    page.locator("figure").nth(2).locator("summary").click()
    marked = page.locator("figure").nth(2).locator("tbody tr").all_inner_texts()
    assert ["与合并值不同" in row for row in marked] == [True, True, True, False, True]
    page.get_by_label("看哪一场").select_option("s0")
    assert "0.41" in page.locator(".figures dl").inner_text()


def test_the_bank_keeper_suspends_an_item_only_with_a_reason(server: PretendServer) -> None:
    server.on("POST", "/api/analysis/proposals/p1/decide", told.as_json(told.proposal("accepted")))
    page = open_page(server, "?item=v17", "bank_keeper")
    page.get_by_role("button", name="暂停使用").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("button", name="暂停使用").get_attribute("aria-disabled") == "true"
    page.keyboard.press("Escape")
    assert dialog.count() == 0
    page.get_by_role("button", name="暂停使用").click()
    dialog.get_by_label("理由").fill("答案应为 C，已核对教材。")
    assert Axe().run(page).response["violations"] == []
    dialog.get_by_role("button", name="暂停使用").click()
    page.get_by_role("status").get_by_text("已暂停使用").wait_for()
    sent = server.sent("/api/analysis/proposals/p1/decide")
    assert sent == [{"accept": True, "reason": "答案应为 C，已核对教材。"}]


def test_others_see_neither_the_text_of_an_item_nor_a_button(server: PretendServer) -> None:
    server.on("GET", "/api/analysis/items/v17", told.as_json(told.item(text=None, text_hidden=True)))
    page = open_page(server, "?item=v17")
    page.get_by_text("题干和选项只有题库岗位能看").wait_for()
    assert page.get_by_role("button", name="暂停使用").count() == 0
    assert "由题库管理员决定" in page.locator("main").inner_text()


def test_an_item_without_use_says_what_will_come(server: PretendServer) -> None:
    bare = told.item(pooled=None, history=[], proposals=[], exposures=0, sittings_used=0)
    server.on("GET", "/api/analysis/items/v17", told.as_json(bare))
    page = open_page(server, "?item=v17")
    page.get_by_text("还没有在分析过的场次中用过").wait_for()
    assert_fit_for_everybody(page)


# --- Similar papers ---------------------------------------------------------------------------------------------------


def test_the_room_opens_with_its_pairs_as_arcs_and_in_words(server: PretendServer) -> None:
    page = open_page(server, "?sitting=sit&similar=1")
    page.get_by_text("数字不能判定任何一份试卷无效").first.wait_for()
    picture = page.get_by_role("img", name="第三机房：40 个座位，4 对超过界限")
    assert picture.locator("path.over").count() == 4
    assert picture.locator(".disc-text").all_text_contents().count("1") == 1
    sheet = page.get_by_role("region", name="第 1 对")
    assert "92 道共同题中 84 道相同，其中 19 道同错" in sheet.inner_text()
    assert "约 4.2 万亿分之一" in sheet.inner_text()
    assert "核查中" in sheet.inner_text()
    page.get_by_role("button", name=SECOND_PAIR).focus()
    page.keyboard.press("Enter")
    page.get_by_role("region", name="第 2 对").wait_for()
    assert picture.locator(".arc.chosen .disc-text").text_content() == "2"
    page.get_by_role("button", name="第二机房").click()
    page.get_by_text("本考场没有超过界限的答卷对").wait_for()


def test_a_case_is_opened_with_a_reviewer_and_a_reason(server: PretendServer) -> None:
    server.on("POST", f"{SITTING}/open-case", told.as_json(told.case("open", reviewer="赵岚", reviewer_id="3")))
    page = open_page(server, "?sitting=sit&similar=1")
    page.get_by_role("button", name=SECOND_PAIR).click()
    page.get_by_role("button", name="交人核查").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("理由").fill("相邻，同错 19 道。")
    assert dialog.get_by_role("button", name="交人核查").get_attribute("aria-disabled") == "true"
    dialog.get_by_label("核查人").select_option("3")
    dialog.get_by_role("button", name="交人核查").click()
    page.get_by_text("已交 赵岚 核查").wait_for()
    sent = server.sent(f"{SITTING}/open-case")
    assert sent == [{"a": "a13", "b": "a21", "reviewer_id": "3", "reason": "相邻，同错 19 道。"}]


def test_forty_rooms_are_a_list_and_those_with_pairs_stand_beside_it(server: PretendServer) -> None:
    page_told = told.similar()
    empty = [
        dataclasses.replace(page_told.rooms[0], room_id=f"r{n}", name=f"{n} 号楼机房", seats=[]) for n in range(40)
    ]
    rooms = [*empty, *page_told.rooms]
    server.on("GET", f"{SITTING}/similarity", told.as_json(dataclasses.replace(page_told, rooms=rooms)))
    page = open_page(server, "?sitting=sit&similar=1")
    chips = page.get_by_role("group", name="考场").get_by_role("button")
    assert chips.count() == 1
    assert "第三机房" in chips.inner_text()
    page.get_by_label("选择考场").select_option("r7")
    page.get_by_text("本考场没有超过界限的答卷对").wait_for()
    assert chips.count() == 2
    assert_fit_for_everybody(page)


def test_papers_that_cannot_be_compared_say_why_and_nothing_else(server: PretendServer) -> None:
    why = {"code": "SIMILARITY_NEEDS_PAIRS", "message_zh": "至少要有两份答卷。", "message_en": "Two papers at least."}
    none = told.similar(rooms=[], pairs=[], cases=[], clusters=[], families=[], refused=why, flagged=0)
    server.on("GET", f"{SITTING}/similarity", told.as_json(none))
    page = open_page(server, "?sitting=sit&similar=1")
    page.get_by_text("答卷不能比较：至少要有两份答卷。").wait_for()
    assert page.get_by_role("table").count() == 0


def test_the_reviewer_reads_two_papers_side_by_side_and_concludes(server: PretendServer) -> None:
    server.on("POST", "/api/analysis/cases/case1/decide", told.as_json(told.case("closed", conclusion="no_finding")))
    page = open_page(server, "?case=case1", "exam_clerk")
    rows = page.locator(".papers tbody tr:not(.stem)")
    assert rows.count() == 12
    page.get_by_role("button", name=re.compile("^同错")).click()
    assert 0 < rows.count() < 12
    middles = page.locator(".papers td.middle").all_inner_texts()
    assert all("✕＝✕" in text and "同错" in text for text in middles)
    page.get_by_role("button", name="未发现问题").click()
    dialog = page.get_by_role("dialog")
    assert "数字不能判定任何一份试卷无效" in dialog.inner_text()
    dialog.get_by_label("理由").fill("两人座位不相邻，且先后不符。")
    dialog.get_by_role("button", name="记录结论").click()
    page.get_by_text("结论已记录").wait_for()
    sent = server.sent("/api/analysis/cases/case1/decide")
    assert sent == [{"conclusion": "no_finding", "reason": "两人座位不相邻，且先后不符。"}]


def test_before_results_are_public_the_two_papers_show_no_right_and_wrong(server: PretendServer) -> None:
    server.on("GET", "/api/analysis/cases/case1", told.as_json(told.case_page(key_hidden=True)))
    page = open_page(server, "?case=case1", "exam_clerk")
    page.get_by_text("这里不显示标准答案和对错").wait_for()
    words = page.locator(".papers").inner_text()
    assert "✓" not in words
    assert "答案 B" not in words
    assert page.get_by_role("button", name=re.compile("^同错")).count() == 0


def test_somebody_elses_case_stays_shut(server: PretendServer) -> None:
    words = "没有这个案件，或不由您复核。"
    server.on("GET", "/api/analysis/cases/case1", refusal("CASE_NOT_FOUND", words), 404)
    page = open_page(server, "?case=case1", "exam_clerk")
    page.get_by_role("alert").get_by_text(words).wait_for()
    assert page.locator("table").count() == 0
