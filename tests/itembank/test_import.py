"""Importing items: every row is taken or named, nothing is half-written."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from itembank.content import open_content
from itembank.importers.fold import fold_letters, fold_text, fold_truth, needs_figure
from itembank.importers.item_reader import ReadItem, read_items
from itembank.importers.sheets import read_source
from itembank.models import Item, ItemSignature, ItemVersion
from itembank.readiness import bank_readiness
from itembank.services.accept_items import accept_items
from itembank.services.import_items import ChaptersTable, ImportOutcome, import_items
from server.audit.models import AuditEntry
from server.core.errors import InvalidInput
from server.storage.database import Database
from tests.factories.itembank import KEEPER, VAULT, a_row, a_uow

CODE = "6-31-01-03"


def read_row(**cells: str) -> ReadItem:
    usual = {
        "kind": "单选", "stem": "导体是（　）。", "option_A": "铜", "option_B": "橡胶", "option_C": "玻璃", "option_D": "陶瓷", "answer": "A",
    }  # fmt: skip
    return read_items([a_row(**{**usual, **cells})])[0]


def codes(item: ReadItem) -> list[str]:
    return [each.code for each in item.problems]


def do_import(database: Database, rows: list[ReadItem], **options: object) -> ImportOutcome:
    return import_items(a_uow(database), VAULT, rows, CODE, 4, "test", KEEPER, **options)  # type: ignore[arg-type]


def count(database: Database, table: type = Item) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# --- One row ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "code", "cell"),
    [
        ({"kind": "填空题"}, "KIND_NOT_SUPPORTED", "A2"),
        ({"kind": "奇怪题"}, "KIND_UNKNOWN", "A2"),
        ({"stem": "  "}, "NO_STEM", "B2"),
        ({"answer": ""}, "NO_ANSWER", "G2"),
        ({"answer": "复位"}, "BAD_ANSWER_CODE", "G2"),
        ({"answer": "E"}, "ANSWER_NOT_AN_OPTION", "G2"),
        ({"answer": "AB"}, "SEVERAL_ANSWERS", "G2"),
        ({"kind": "多选", "answer": "A"}, "TOO_FEW_ANSWERS", "G2"),
        ({"option_B": ""}, "OPTION_GAP", "D2"),
        ({"option_B": "", "option_C": "", "option_D": ""}, "NO_OPTIONS", "C2"),
        ({"option_B": "铜"}, "DUPLICATE_OPTIONS", "C2"),
        ({"stem": "如图所示，电流是（　）。"}, "MISSING_FIGURE", "B2"),
        ({"kind": "判断", "answer": "大概"}, "BAD_ANSWER_CODE", "G2"),
    ],
)
def test_a_broken_row_names_its_cell_and_code(cells: dict[str, str], code: str, cell: str) -> None:
    item = read_row(**cells)
    assert item.is_rejected
    assert (code, cell) in [(each.code, each.cell) for each in item.problems]
    assert all(each.message_zh and each.message_en for each in item.problems)
    assert any(each.remedy_zh for each in item.problems)


@pytest.mark.parametrize(
    ("typed", "letters"),
    [
        ("A,B,D", "ABD"),
        ("A、B、D", "ABD"),
        ("ＡＢＤ", "ABD"),
        ("dba", "ABD"),
        ("Ｄ", "D"),
        ("复位", None),
        ("A1", None),
    ],
)
def test_answer_letters_are_folded(typed: str, letters: str | None) -> None:
    assert fold_letters(typed) == letters


@pytest.mark.parametrize(
    ("typed", "truth"),
    [("√", "T"), ("×", "F"), ("对", "T"), ("错误", "F"), ("t", "T"), ("Ｆ", "F"), ("是", "T"), ("也许", None)],
)
def test_true_and_false_have_many_spellings(typed: str, truth: str | None) -> None:
    assert fold_truth(typed) == truth


def test_what_was_folded_is_said() -> None:
    item = read_row(answer="ａ", option_A="A．铜", stem="导体&nbsp;是（　）。")
    assert not item.is_rejected
    assert set(codes(item)) == {"ANSWER_FOLDED", "OPTION_LETTER_REMOVED", "ENTITY_FOLDED"}
    assert item.content is not None
    assert item.content.options[0].text == "铜"


def test_a_title_mark_is_no_markup() -> None:
    stem = "根据<中华人民共和国劳动法>的规定，（　）。"
    assert fold_text(stem) == (stem, [])
    assert fold_text("甲<br/>乙<p>丙</p>")[1] == ["HTML_REMOVED", "LINE_BREAK_FOLDED"]


def test_wrapped_lines_are_joined_and_lists_kept() -> None:
    assert fold_text("人力资源市\n场") == ("人力资源市场", ["LINE_BREAK_FOLDED"])
    assert fold_text("下列：\n（1）甲；\n（2）乙")[0] == "下列：\n（1）甲；\n（2）乙"


def test_a_curve_tracer_is_no_figure() -> None:
    assert not needs_figure(["晶体管图示仪可以观测特性曲线。"])
    assert needs_figure(["下图中 R 的电流是"])


def test_true_false_items_answered_with_the_letter_of_their_option() -> None:
    item = read_row(kind="判断", option_A="正确", option_B="错误", option_C="", option_D="", answer="B")
    assert item.content is not None
    assert item.content.key == {"F"}


def test_repeats_and_contradictions_inside_a_file_are_found() -> None:
    base = {"kind": "单选", "option_A": "铜", "option_B": "橡胶", "option_C": "玻璃", "option_D": "陶瓷"}
    turned = {"kind": "单选", "option_A": "陶瓷", "option_B": "玻璃", "option_C": "橡胶", "option_D": "铜"}
    rows = [
        a_row(2, **base, stem="导体是（　）。", answer="A"),
        a_row(3, **turned, stem="导体是( )", answer="D"),
        a_row(4, **base, stem="绝缘体不是（　）。", answer="A"),
        a_row(5, **turned, stem="绝缘体不是（　）", answer="A"),
    ]
    first, repeat, one, other = read_items(rows)
    assert (first.is_rejected, codes(repeat)) == (False, ["DUPLICATE"])
    assert (codes(one), codes(other)) == (["CONFLICTING_ANSWER"], ["CONFLICTING_ANSWER"])
    assert "第 5 行" in one.problems[0].message_zh


@given(st.lists(st.fixed_dictionaries({
    "kind": st.sampled_from(["单选", "多选", "判断", "填空", "", "？"]), "stem": st.text(max_size=8), "answer": st.text("ABCD对错,", max_size=4),
    **{f"option_{letter}": st.text("甲乙丙 ", max_size=2) for letter in "ABCD"}}), max_size=12))  # fmt: skip
def test_every_row_is_either_an_item_or_has_a_reason(rows: list[dict[str, str]]) -> None:
    items = read_items(a_row(number, **cells) for number, cells in enumerate(rows, start=2))
    assert len(items) == len(rows)
    for item in items:
        assert item.is_rejected == any(each.severity == "error" for each in item.problems)
        assert item.is_rejected or item.content is not None


# --- Into the bank ----------------------------------------------------------------------------------------------------


def test_good_rows_are_stored_as_drafts_and_a_second_import_knows_them(database: Database) -> None:
    rows = [
        {"stem": "导体是（　）。", "answer": "A"},
        {"stem": "", "answer": "A"},
        {"stem": "半导体不是（　）。", "answer": "B"},
    ]
    usual = {"kind": "单选", "option_A": "铜", "option_B": "橡胶", "option_C": "玻璃", "option_D": "陶瓷"}
    read = lambda: read_items(a_row(n, **usual, **row) for n, row in enumerate(rows, start=2))  # noqa: E731
    first, second = do_import(database, read()), do_import(database, read())
    assert (first.read, first.accepted, first.rejected, first.stored) == (3, 2, 1, 2)
    assert (second.accepted, second.stored, second.unchanged) == (2, 0, 2)
    with database.read() as session:
        assert set(session.scalars(select(Item.state))) == {"draft"}
        version = session.scalars(select(ItemVersion)).first()
        assert version is not None
        assert "导体".encode() not in version.cipher
        assert open_content(VAULT, version).options[0].text == "铜"


def test_a_row_changed_since_its_import_and_a_contradiction_with_the_bank_are_refused(
    sqlite_database: Database,
) -> None:
    do_import(sqlite_database, [read_row(source="7")], take_over=True)
    changed = do_import(sqlite_database, [read_row(source="7", stem="改过的题（　）。")])
    contradicting = do_import(sqlite_database, [read_row(source="8", answer="B")])
    repeated = do_import(sqlite_database, [read_row(source="9")])
    found = [outcome.problems[0].code for outcome in (changed, contradicting, repeated)]
    assert found == ["CHANGED_SINCE_IMPORT", "CONFLICTS_WITH_BANK", "DUPLICATE_IN_BANK"]
    assert count(sqlite_database) == 1


def test_taking_over_an_accepted_bank_is_signed_and_on_record(sqlite_database: Database) -> None:
    do_import(sqlite_database, [read_row()], take_over=True)
    with sqlite_database.read() as session:
        assert session.scalars(select(Item.state)).one() == "accepted"
        signature = session.scalars(select(ItemSignature)).one()
        assert (signature.step, signature.by) == ("take_over", KEEPER.id)
        assert {"bank.items.imported", "bank.items.accepted"} <= set(session.scalars(select(AuditEntry.action)))


def test_strict_and_dry_run_write_nothing(database: Database) -> None:
    rows = [read_row(), read_row(stem="")]
    with pytest.raises(InvalidInput, match="ROWS_REJECTED") as refusal:
        do_import(database, rows, strict=True)
    assert refusal.value.data["report"]["rejected"] == 1
    outcome = do_import(database, [read_row()], dry_run=True, chapters_table=None)
    assert (outcome.accepted, outcome.dry_run) == (1, True)
    assert (count(database), count(database, ItemVersion), count(database, AuditEntry)) == (0, 0, 0)


def test_a_failure_in_the_middle_leaves_no_row_behind(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("itembank.services.import_items.record", fail)
    with pytest.raises(RuntimeError):
        do_import(sqlite_database, [read_row()])
    assert count(sqlite_database) == 0


def test_drafts_are_accepted_by_a_panel_of_five_others(database: Database) -> None:
    do_import(database, [read_row()])
    uow = a_uow(database)
    with database.read() as session:
        ids = list(session.scalars(select(Item.id)))
    with pytest.raises(InvalidInput, match="PANEL_TOO_SMALL"):
        accept_items(uow, ids, "甲", ("乙", "丙"), ["子", "丑", "寅", "卯", "卯"], KEEPER)
    with pytest.raises(InvalidInput, match="SIGNERS_NOT_DISTINCT"):
        accept_items(uow, ids, "甲", ("甲", "丙"), list("子丑寅卯辰"), KEEPER)
    assert accept_items(uow, ids, "甲", ("乙", "丙"), list("子丑寅卯辰"), KEEPER) == 1
    assert count(database, ItemSignature) == 8


# --- Real banks -------------------------------------------------------------------------------------------------------

#: Defects of the shared banks that keep a row out, and the codes that may say so.
REJECTING = {
    "no_answer": {"NO_ANSWER"},
    "bad_answer_code": {"BAD_ANSWER_CODE", "ANSWER_FOLDED"},
    "answer_not_an_option": {"ANSWER_NOT_AN_OPTION", "NO_OPTIONS"},
    "no_options": {"NO_OPTIONS"},
    "option_gap": {"OPTION_GAP"},
    "fewer_than_4_options": {"FEWER_THAN_4_OPTIONS", "NO_OPTIONS"},
    "duplicate_options": {"DUPLICATE_OPTIONS"},
    "duplicate": {"DUPLICATE", "CONFLICTING_ANSWER", "MISSING_FIGURE"},
    "conflicting_answer": {"CONFLICTING_ANSWER"},
    "x_replaced_by_multiplication_sign": {"BROKEN_X"},
    "needs_missing_image": {"MISSING_FIGURE"},
}


@pytest.mark.parametrize("bank", ["hr_social_security", "electrician", "ai_trainer_l3", "bank_clerk"])
def test_every_known_defect_of_a_real_bank_is_found_and_no_row_is_dropped(shared_data: Path, bank: str) -> None:
    path = shared_data / "banks" / bank / "bank.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    items = read_items(read_source(path).rows)
    assert len(items) == len(rows)
    for row, item in zip(rows, items, strict=True):
        found = {each.code for each in item.problems}
        if row["type"] in ("blank", "essay", "case"):
            assert found == {"KIND_NOT_SUPPORTED"}
            continue
        for defect in filter(None, row["defects"].split(";")):
            if defect == "needs_missing_image" and "图示仪" in row["stem"]:
                continue  # the instrument of that name, not a figure
            assert defect not in REJECTING or found & REJECTING[defect], (row["seq"], defect, found)
        if item.is_rejected:
            assert row["defects"], (row["seq"], found)


def test_the_real_bank_of_3300_comes_in_and_a_paper_can_be_made(sqlite_database: Database, shared_data: Path) -> None:
    source = read_source(shared_data / "banks" / "hr_social_security" / "bank.csv")
    uow = a_uow(sqlite_database)
    outcome = import_items(
        uow,
        VAULT,
        read_items(source.rows),
        "4-07-03-01",
        3,
        "hr",
        KEEPER,
        take_over=True,
        chapters_table=ChaptersTable("hr", "示例"),
    )
    assert outcome.read == 3300
    assert outcome.accepted + outcome.rejected == 3300
    assert outcome.rejected_by_code["KIND_NOT_SUPPORTED"] == 503 + 230 + 72
    assert {each.row for each in outcome.problems if each.severity == "error"} == {
        item.row.number for item in read_items(source.rows) if item.is_rejected
    }
    with sqlite_database.read() as session:
        found = bank_readiness(session, "4-07-03-01", 3, 1200, 4)
    assert found.accepted == outcome.accepted == sum(outcome.by_type.values())
    assert found.ready, found.lacks
    assert len(found.by_point) == 5


@pytest.mark.parametrize(("bank", "most"), [("ai_trainer_l3", 900), ("electrician", 945)])
def test_banks_below_1200_are_not_ready(sqlite_database: Database, shared_data: Path, bank: str, most: int) -> None:
    rows = read_items(read_source(shared_data / "banks" / bank / "bank.csv").rows)
    do_import(sqlite_database, rows, take_over=True)
    with sqlite_database.read() as session:
        found = bank_readiness(session, CODE, 4, 1200, 4)
    assert 0 < found.accepted <= most
    assert "TOO_FEW_ITEMS" in {lack.code for lack in found.lacks}
    assert not found.ready


def test_the_sheets_of_other_exam_systems_are_understood(shared_data: Path) -> None:
    kinds: Counter[str] = Counter()
    for path in sorted((shared_data / "banks" / "templates").glob("*.xlsx")):
        for item in read_items(read_source(path).rows):
            assert item.content is not None or "KIND_NOT_SUPPORTED" in codes(item), item.problems
            kinds.update([item.content.kind.value] if item.content else [])
    assert set(kinds) == {"single", "multiple", "true_false"}
