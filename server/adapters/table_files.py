"""Tables people bring as files: XLSX and CSV, checked before anything is unpacked (checklist E4).

Not accepted: other formats, whatever their name says; macros; links to other workbooks; files that unpack to more than
`MAX_UNPACKED`. Cells come back as they were typed in the file, so that a number in a text column can be noticed.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import PurePath

from python_calamine import CalamineError, CalamineWorkbook

from server.core.errors import InvalidInput, TooLarge

MAX_BYTES = 10 * 2**20
MAX_UNPACKED = 200 * 2**20
MAX_MEMBERS = 200
MAX_RATIO = 100
#: Small parts compress well without being an attack.
RATIO_COUNTS_FROM = 2**20
READ_AT_A_TIME = 2**16

Cell = str | int | float | bool | date | datetime | time | timedelta


@dataclass(frozen=True, slots=True)
class TableFile:
    """The first sheet that holds something: `rows[0]` is row 1 of the file; empty cells are ""."""

    sheet: str
    rows: list[list[Cell]]


def read_table_file(file_name: str, data: bytes) -> TableFile:
    """Read an uploaded table.

    Raises:
        TooLarge: `FILE_TOO_LARGE`, `FILE_TOO_LARGE_UNPACKED`.
        InvalidInput: `FILE_TYPE_NOT_ACCEPTED`, `FILE_HAS_MACROS`, `FILE_HAS_EXTERNAL_LINKS`, `FILE_DAMAGED`, `FILE_EMPTY`,
            `FILE_ENCODING_UNKNOWN`.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge("FILE_TOO_LARGE", "文件超过 10 MB，请拆分后再上传。", "The file is larger than 10 MB. Split it.")
    if not data.strip():
        raise InvalidInput("FILE_EMPTY", "文件是空的，请检查后再上传。", "The file is empty.")
    suffix = PurePath(file_name.replace("\\", "/")).suffix.casefold()
    if suffix == ".xlsx" and data.startswith(b"PK\x03\x04"):
        _check_package(data)
        return _read_xlsx(data)
    if suffix in {".csv", ".txt"} and not data.startswith(
        (b"PK\x03\x04", b"MZ", b"\x7fELF", b"\xd0\xcf\x11\xe0", b"%PDF")
    ):
        return _read_csv(data)
    raise InvalidInput(
        "FILE_TYPE_NOT_ACCEPTED",
        "只接受 .xlsx（不含宏）和 .csv 文件，且内容必须与扩展名一致；请在表格软件中另存为 .xlsx 后再上传。",
        "Only .xlsx (without macros) and .csv are accepted, and the content must be what the name says. Save it as .xlsx.",
        file_name=file_name[:200],
    )


def _check_package(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = package.infolist()
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
                raise _too_large_unpacked()
            names = {member.filename.casefold() for member in members}
            if any(name.endswith("vbaproject.bin") for name in names):
                raise InvalidInput(
                    "FILE_HAS_MACROS", "文件含有宏，请另存为不含宏的 .xlsx。", "The file holds macros. Save it without."
                )
            if any("/externallinks/" in name for name in names):
                raise InvalidInput(
                    "FILE_HAS_EXTERNAL_LINKS",
                    "文件引用了其他工作簿，请把内容复制为数值后再上传。",
                    "The file refers to other workbooks. Paste the content as values.",
                )
            if not {"[content_types].xml", "xl/workbook.xml"} <= names:
                raise _damaged()
            for member in members:
                if member.flag_bits & 1:
                    raise _damaged()
                if member.file_size > RATIO_COUNTS_FROM and member.file_size > MAX_RATIO * max(member.compress_size, 1):
                    raise _too_large_unpacked()
                # What the directory says is not what the stream holds, when somebody wants it so: zipfile then fails here.
                with package.open(member) as stream:
                    while stream.read(READ_AT_A_TIME):
                        pass
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError):
        raise _damaged() from None


def _read_xlsx(data: bytes) -> TableFile:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for name in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            if any(cell != "" for row in rows for cell in row):
                return TableFile(name, [list(row) for row in rows])
    except (CalamineError, ValueError):
        raise _damaged() from None
    raise InvalidInput("FILE_EMPTY", "工作簿里没有内容。", "The workbook is empty.")


def _read_csv(data: bytes) -> TableFile:
    text = _decoded(data)
    head = text[:4096].splitlines()[0] if text.strip() else ""
    delimiter = max(",\t;，", key=head.count)
    try:
        rows: list[list[Cell]] = [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error:
        raise _damaged() from None
    if not any(cell.strip() for row in rows for cell in row if isinstance(cell, str)):
        raise InvalidInput("FILE_EMPTY", "文件里没有内容。", "The file is empty.")
    return TableFile("CSV", rows)


def _decoded(data: bytes) -> str:
    encodings = ["utf-16"] if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise InvalidInput(
        "FILE_ENCODING_UNKNOWN",
        "无法识别文件的文字编码；请另存为 .xlsx，或编码为 UTF-8 或 GB18030 的 .csv。",
        "The text encoding is unknown. Save as .xlsx, or as .csv in UTF-8 or GB18030.",
    )


def _too_large_unpacked() -> TooLarge:
    return TooLarge(
        "FILE_TOO_LARGE_UNPACKED",
        "文件解压后过大（上限 200 MB、200 个部分、压缩比 100），未读取；请只保留名单内容另存后再上传。",
        "The file unpacks to more than is accepted (200 MB, 200 parts, ratio 100) and was not read. Keep only the table.",
    )


def _damaged() -> InvalidInput:
    return InvalidInput(
        "FILE_DAMAGED",
        "文件已损坏、加密，或不是真正的表格文件；请在表格软件中打开并另存为 .xlsx。",
        "The file is damaged, encrypted or not really a table. Open it in a spreadsheet program and save it as .xlsx.",
    )
