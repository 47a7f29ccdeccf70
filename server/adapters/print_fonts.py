"""Fonts for printed documents: found on the machine by file name, Chinese first, with a second one for rare characters.

fonts = find_print_fonts()          # raises Unavailable when nothing on this machine can print Chinese
fonts.add_to(pdf)                   # afterwards pdf.set_font(FAMILY, "B", 12)
fonts.missing("𠮷")                 # characters that no font found can draw
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont
from fpdf import FPDF

from server.core.errors import Unavailable

FAMILY = "print"
_SECOND = "print2"

FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
    Path.home() / ".local/share/fonts",
    Path("/System/Library/Fonts"),
    Path("C:/Windows/Fonts"),
)


@dataclass(frozen=True, slots=True)
class _Known:
    """File names of one design; `face`: the Simplified Chinese one inside a collection."""

    regular: str
    bold: str
    face: int = 0


# In order of preference. Noto's collections hold JP, KR, SC, TC, HK in this order.
KNOWN = (
    _Known("NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc", 2),
    _Known("NotoSansCJKsc-Regular.otf", "NotoSansCJKsc-Bold.otf"),
    _Known("SourceHanSansSC-Regular.otf", "SourceHanSansSC-Bold.otf"),
    _Known("SourceHanSansCN-Regular.otf", "SourceHanSansCN-Bold.otf"),
    _Known("NotoSansSC-Regular.otf", "NotoSansSC-Bold.otf"),
    _Known("NotoSansSC-Regular.ttf", "NotoSansSC-Bold.ttf"),
    _Known("NotoSerifCJK-Regular.ttc", "NotoSerifCJK-Bold.ttc", 2),
    _Known("wqy-microhei.ttc", "wqy-microhei.ttc"),
    _Known("wqy-zenhei.ttc", "wqy-zenhei.ttc"),
    _Known("msyh.ttc", "msyhbd.ttc"),
    _Known("simsun.ttc", "simhei.ttf"),
)


@dataclass(frozen=True, slots=True)
class PrintFont:
    """One design found on this machine."""

    regular: Path
    bold: Path
    face: int


@dataclass(frozen=True, slots=True)
class PrintFonts:
    """The first is used; the second, when there is one, for characters the first lacks."""

    fonts: tuple[PrintFont, ...]

    def add_to(self, pdf: FPDF, text: str | None = None) -> None:
        """Make `FAMILY` (regular and bold) known to the document, with its fallback per character.

        Args:
            text: everything that will be printed, when known: the second font is read only if the first lacks a character.
        """
        fonts = self.fonts
        if text is not None and not PrintFonts(fonts[:1]).missing(text):
            fonts = fonts[:1]
        for family, font in zip((FAMILY, _SECOND), fonts, strict=False):
            pdf.add_font(family, "", font.regular, collection_font_number=font.face)
            pdf.add_font(family, "B", font.bold, collection_font_number=font.face)
        if len(fonts) > 1:
            pdf.set_fallback_fonts([_SECOND], exact_match=False)

    def missing(self, text: str) -> list[str]:
        """Characters of `text` no font found can draw, each once, in order."""
        known = [_characters(font.regular, font.face) for font in self.fonts]
        return [
            one
            for one in dict.fromkeys(text)
            if not one.isspace() and not any(ord(one) in characters for characters in known)
        ]


def find_print_fonts(folders: Sequence[Path] = FOLDERS) -> PrintFonts:
    """Up to two designs, best first.

    Raises:
        Unavailable: `PRINT_FONT_MISSING`, naming the package to install.
    """
    fonts = _find(tuple(folders))
    if not fonts:
        raise Unavailable(
            "PRINT_FONT_MISSING",
            "本机没有可打印中文的字体。请管理员安装 fonts-noto-cjk（银河麒麟/统信：软件源中的 Noto CJK 字体），再重试。",
            "This machine has no font that can print Chinese. Install the package fonts-noto-cjk, then try again.",
        )
    return PrintFonts(fonts)


@cache
def _find(folders: tuple[Path, ...]) -> tuple[PrintFont, ...]:
    wanted = {name for known in KNOWN for name in (known.regular, known.bold)}
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.rglob("*.[ot]t[fc]")):
                if path.name in wanted:
                    found.setdefault(path.name, path)
    fonts = [
        PrintFont(found[known.regular], found.get(known.bold, found[known.regular]), known.face)
        for known in KNOWN
        if known.regular in found
    ]
    return tuple(fonts[:2])


@cache
def _characters(path: Path, face: int) -> frozenset[int]:
    if path.suffix.lower() == ".ttc":
        with TTCollection(path, lazy=True) as collection:
            return frozenset(collection.fonts[face].getBestCmap())
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())
