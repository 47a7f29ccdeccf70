"""Uploaded tables: what is accepted, and what is refused before it can do harm (checklist E4)."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile

import pytest

from server.adapters.table_files import MAX_BYTES, read_table_file
from server.core.errors import MingyuanError
from tests.factories.rosters import as_csv, as_xlsx


def refused(file_name: str, data: bytes) -> str:
    with pytest.raises(MingyuanError) as refusal:
        read_table_file(file_name, data)
    return refusal.value.code


def with_member(data: bytes, name: str, content: bytes) -> bytes:
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr(name, content)
    return buffer.getvalue()


def test_rows_keep_their_place_and_cells_their_type() -> None:
    table = read_table_file("a.xlsx", as_xlsx([[], ["x", 5, None], [None, "𠮷"]]))
    assert table.rows[1][:2] == ["x", 5]
    assert table.rows[2][1] == "𠮷"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_delimiters_are_recognised(delimiter: str) -> None:
    assert read_table_file("a.csv", f"a{delimiter}b\n1{delimiter}2\n".encode()).rows == [["a", "b"], ["1", "2"]]


def test_a_bomb_is_refused_quickly_and_without_memory() -> None:
    bomb = with_member(as_xlsx([["a"]]), "xl/media/zeros.bin", b"\x00" * (300 * 2**20))
    assert len(bomb) < 2 * 2**20
    tracemalloc.start()
    started = time.perf_counter()
    assert refused("a.xlsx", bomb) == "FILE_TOO_LARGE_UNPACKED"
    assert time.perf_counter() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    tracemalloc.stop()


def test_a_high_ratio_is_refused_below_the_size_limit_too() -> None:
    assert (
        refused("a.xlsx", with_member(as_xlsx([["a"]]), "x.bin", b"\x00" * (20 * 2**20))) == "FILE_TOO_LARGE_UNPACKED"
    )


def test_too_many_parts_are_refused() -> None:
    data = as_xlsx([["a"]])
    for number in range(200):
        data = with_member(data, f"part{number}", b"")
    assert refused("a.xlsx", data) == "FILE_TOO_LARGE_UNPACKED"


def test_a_file_above_ten_megabytes_is_refused() -> None:
    assert refused("a.csv", b"a" * (MAX_BYTES + 1)) == "FILE_TOO_LARGE"


@pytest.mark.parametrize(
    ("file_name", "data"),
    [
        ("a.xlsm", as_xlsx([["a"]])),
        ("a.xls", as_xlsx([["a"]])),
        ("a.xlsx", b"MZ\x90\x00" + b"\x00" * 100),
        ("a.csv", b"MZ\x90\x00"),
        ("a.csv", as_xlsx([["a"]])),
        ("a.xlsx", as_csv([["a"]])),
        ("a", as_csv([["a"]])),
        ("a.xlsx.exe", as_xlsx([["a"]])),
    ],
)
def test_other_formats_are_refused_whatever_they_are_called(file_name: str, data: bytes) -> None:
    assert refused(file_name, data) == "FILE_TYPE_NOT_ACCEPTED"


def test_macros_and_links_to_other_books_are_refused() -> None:
    assert refused("a.xlsx", with_member(as_xlsx([["a"]]), "xl/vbaProject.bin", b"x")) == "FILE_HAS_MACROS"
    assert (
        refused("a.xlsx", with_member(as_xlsx([["a"]]), "xl/externalLinks/externalLink1.xml", b"x"))
        == "FILE_HAS_EXTERNAL_LINKS"
    )


@pytest.mark.parametrize("keep", [10, 200, 2000])
def test_a_cut_file_is_refused(keep: int) -> None:
    assert refused("a.xlsx", as_xlsx([["a"]])[:keep]) == "FILE_DAMAGED"


def test_a_zip_that_is_no_workbook_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("readme.txt", "x")
    assert refused("a.xlsx", buffer.getvalue()) == "FILE_DAMAGED"


def test_empty_files_are_refused() -> None:
    assert refused("a.csv", b"  \n") == "FILE_EMPTY"
    assert refused("a.csv", b",,,\n,,\n") == "FILE_EMPTY"
    assert refused("a.xlsx", as_xlsx([[]])) == "FILE_EMPTY"


def test_bytes_in_no_known_encoding_are_refused() -> None:
    assert refused("a.csv", b"\xff\xff\x80,\x81\xff\n") == "FILE_ENCODING_UNKNOWN"
