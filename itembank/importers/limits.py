"""What a file from outside may be before anything reads it (security-and-reliability.md E4)."""

from __future__ import annotations

import zipfile
from pathlib import Path

from server.core.errors import InvalidInput, TooLarge

SHEET_BYTES_LIMIT = 10 * 1024 * 1024
UNPACKED_BYTES_LIMIT = 200 * 1024 * 1024
MEMBER_LIMIT = 200
RATIO_LIMIT = 100
#: Small members may compress well without being a bomb.
RATIO_FREE_BYTES = 1024 * 1024
TEXT_BYTES_LIMIT = 20 * 1024 * 1024
ROW_LIMIT = 50_000
_CHUNK = 256 * 1024
_MACRO_NAMES = ("vbaproject.bin", "vbadata.xml", "macrosheets/", "activex/")


def check_text_file(path: Path) -> None:
    """Refuse an empty or oversized text file, and one that is no text.

    Raises:
        InvalidInput: `FILE_EMPTY`, `FILE_TYPE_REFUSED`.
        TooLarge: `FILE_TOO_LARGE`.
    """
    size = _size(path)
    if size > TEXT_BYTES_LIMIT:
        raise _too_large(path, TEXT_BYTES_LIMIT)
    with path.open("rb") as file:
        head = file.read(4096)
    if b"\x00" in head or head.startswith((b"PK\x03\x04", b"MZ", b"%PDF", b"\xd0\xcf\x11\xe0")):
        raise _wrong_type(path, "文件内容不是文本", "the content is not text")


def check_workbook(path: Path) -> None:
    """Refuse whatever is not a plain, reasonable XLSX: renamed files, macros, links to elsewhere, zip bombs.

    Raises:
        InvalidInput: `FILE_EMPTY`, `FILE_TYPE_REFUSED`, `FILE_HAS_MACROS`, `FILE_HAS_EXTERNAL_LINKS`, `FILE_DAMAGED`.
        TooLarge: `FILE_TOO_LARGE`, `FILE_TOO_LARGE_UNPACKED`.
    """
    if path.suffix.lower() != ".xlsx":
        raise _wrong_type(
            path, f"不接受 {path.suffix} 文件，请另存为 .xlsx", f"{path.suffix} is not accepted, save as .xlsx"
        )
    if _size(path) > SHEET_BYTES_LIMIT:
        raise _too_large(path, SHEET_BYTES_LIMIT)
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise _wrong_type(path, "扩展名是 .xlsx，内容却不是", "named .xlsx, but the content is something else")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as problem:
        raise InvalidInput(
            "FILE_DAMAGED",
            f"文件 {path.name} 已损坏或被加密，无法读取。",
            f"{path.name} is damaged or encrypted.",
            file=path.name,
        ) from problem


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = [member.filename.lower().replace("\\", "/") for member in members]
    if "xl/workbook.xml" not in names:
        raise _wrong_type(path, "压缩包内没有工作簿", "the archive holds no workbook")
    if any(mark in name for name in names for mark in _MACRO_NAMES):
        raise InvalidInput(
            "FILE_HAS_MACROS", f"文件 {path.name} 带有宏，不接受。请另存为不含宏的 .xlsx。",
            f"{path.name} holds macros. Save it as .xlsx without macros.", file=path.name,
        )  # fmt: skip
    if any("externallinks/" in name for name in names):
        raise InvalidInput(
            "FILE_HAS_EXTERNAL_LINKS", f"文件 {path.name} 链接到其他文件，不接受。请断开链接后再导入。",
            f"{path.name} links to other files. Break the links first.", file=path.name,
        )  # fmt: skip
    if len(members) > MEMBER_LIMIT or sum(member.file_size for member in members) > UNPACKED_BYTES_LIMIT:
        raise _bomb(path)
    total = 0
    for member in members:
        # what the directory claims may be a lie: count what really comes out
        limit = max(RATIO_FREE_BYTES, member.compress_size * RATIO_LIMIT)
        unpacked = 0
        with archive.open(member) as stream:
            while chunk := stream.read(_CHUNK):
                unpacked += len(chunk)
                total += len(chunk)
                if unpacked > limit or total > UNPACKED_BYTES_LIMIT:
                    raise _bomb(path)


def _size(path: Path) -> int:
    try:
        size = path.stat().st_size
    except OSError as problem:
        raise InvalidInput(
            "FILE_NOT_FOUND", f"找不到文件 {path}。", f"There is no file {path}.", file=str(path)
        ) from problem
    if size == 0:
        raise InvalidInput("FILE_EMPTY", f"文件 {path.name} 是空的。", f"{path.name} is empty.", file=path.name)
    return size


def _too_large(path: Path, limit: int) -> TooLarge:
    megabytes = limit // (1024 * 1024)
    return TooLarge(
        "FILE_TOO_LARGE", f"文件 {path.name} 超过 {megabytes} MB，请拆分后再导入。",
        f"{path.name} is larger than {megabytes} MB. Split it.", file=path.name,
    )  # fmt: skip


def _bomb(path: Path) -> TooLarge:
    return TooLarge(
        "FILE_TOO_LARGE_UNPACKED",
        f"文件 {path.name} 解压后过大，已拒绝。",
        f"{path.name} unpacks to too much.",
        file=path.name,
    )


def _wrong_type(path: Path, zh: str, en: str) -> InvalidInput:
    return InvalidInput("FILE_TYPE_REFUSED", f"文件 {path.name}：{zh}。", f"{path.name}: {en}.", file=path.name)
