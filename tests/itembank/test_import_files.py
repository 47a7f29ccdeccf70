"""Files from outside: encodings, headers, and what is refused before it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from itembank.importers.item_reader import read_items
from itembank.importers.sheets import read_source
from itembank.importers.template_sheet import write_template_sheet
from server.core.errors import InvalidInput, MingyuanError, TooLarge


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_both_encodings(tmp_path: Path, encoding: str) -> None:
    text = (
        "题型,题干,选项A,选项B,选项C,选项D,答案\n单选,“导体”是（　）。,铜,橡胶,玻璃,陶瓷,A\n\n判断,铜是导体。,,,,,对\n"
    )
    source = read_source(write(tmp_path / "items.csv", text, encoding))
    assert [row.number for row in source.rows] == [2, 4]
    assert [item.is_rejected for item in read_items(source.rows)] == [False, False]


def test_a_file_without_header_is_read_by_its_shape(tmp_path: Path) -> None:
    text = "".join(f"{n},第{n}题（　）。,甲{n},乙,丙,丁,{'ABCD'[n % 4]}\r\n" for n in range(1, 9))
    source = read_source(write(tmp_path / "choose.csv", text, "gb18030"))
    assert {note.code for note in source.notes} == {"ENCODING_GB18030", "HEADER_GUESSED"}
    assert len(read_items(source.rows)) == 8


def test_our_own_sheet_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    write_template_sheet(path)
    items = read_items(read_source(path).rows)
    assert [item.content.kind.value for item in items if item.content] == ["single", "multiple", "true_false"]
    assert [item.point for item in items] == ["A/B/A/002", "A/B/E/001", "A/B/E/008"]


def refused(path: Path) -> MingyuanError:
    with pytest.raises((InvalidInput, TooLarge)) as found:
        read_source(path)
    return found.value


def test_what_is_not_a_plain_workbook_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path / "a.xlsx", "MZ\x90 not a workbook")).code == "FILE_TYPE_REFUSED"
    assert refused(write(tmp_path / "a.xlsm", "x")).code == "FILE_TYPE_REFUSED"
    assert refused(write(tmp_path / "a.csv", "")).code == "FILE_EMPTY"
    assert refused(write(tmp_path / "b.csv", "PK\x03\x04")).code == "FILE_TYPE_REFUSED"
    assert refused(write(tmp_path / "c.csv", "甲,乙,丙\n1,2,3\n")).code == "HEADER_UNKNOWN"
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\xfa,\x81")
    assert refused(tmp_path / "d.csv").code == "ENCODING_UNKNOWN"
    assert refused(tmp_path / "missing.csv").code == "FILE_NOT_FOUND"
    assert refused(write(tmp_path / "e.xlsx", "PK\x03\x04 broken")).code == "FILE_DAMAGED"


def workbook_with(path: Path, member: str, content: bytes = b"x") -> Path:
    write_template_sheet(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return path


def test_macros_links_and_bombs_are_refused(tmp_path: Path) -> None:
    assert refused(workbook_with(tmp_path / "m.xlsx", "xl/vbaProject.bin")).code == "FILE_HAS_MACROS"
    assert (
        refused(workbook_with(tmp_path / "l.xlsx", "xl/externalLinks/externalLink1.xml")).code
        == "FILE_HAS_EXTERNAL_LINKS"
    )
    bomb = workbook_with(tmp_path / "b.xlsx", "xl/worksheets/sheet9.xml", b"0" * 30_000_000)
    assert bomb.stat().st_size < 100_000
    assert refused(bomb).code == "FILE_TOO_LARGE_UNPACKED"


def test_numbers_in_cells_stay_what_was_typed(tmp_path: Path) -> None:
    path = tmp_path / "numbers.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["题型", "题干", "A", "B", "C", "D", "正确答案(填字母)"])
        sheet.write_row(1, 0, ["单选题", "1 + 1 = （　）", 2, 2.5, 3, 4, "A"])
    item = read_items(read_source(path).rows)[0]
    assert item.content is not None
    assert [option.text for option in item.content.options] == ["2", "2.5", "3", "4"]
