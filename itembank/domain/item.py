"""What an item says: stem, options, key. Pure; the encrypted form is made in `itembank/content.py`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ItemKind(StrEnum):
    """The kinds that are delivered and marked by machine (domain.md 3)."""

    SINGLE = "single"  # 单项选择题
    MULTIPLE = "multiple"  # 多项选择题
    TRUE_FALSE = "true_false"  # 判断题


KIND_NAMES_ZH = {
    ItemKind.SINGLE: "单项选择题",
    ItemKind.MULTIPLE: "多项选择题",
    ItemKind.TRUE_FALSE: "判断题",
}

#: Ids of the two options every true/false item has.
TRUE, FALSE = "T", "F"

#: Longest texts taken, in characters; a longer one is a paste gone wrong.
STEM_LIMIT, OPTION_LIMIT, EXPLANATION_LIMIT = 2000, 800, 8000
OPTION_COUNT_LIMIT = 12


@dataclass(frozen=True, slots=True)
class ItemOption:
    """One option. `id` never changes over versions; a pinned option keeps its place in every shuffle."""

    id: str
    text: str
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class ItemProblem:
    """Why a content cannot be used; `field` is stem, options, key, …"""

    code: str
    field: str
    message_zh: str
    message_en: str


@dataclass(frozen=True, slots=True)
class ItemContent:
    """The whole text of one item version, the key included. `reference` names the textbook or rule."""

    kind: ItemKind
    stem: str
    options: tuple[ItemOption, ...]
    key: frozenset[str]
    explanation: str = ""
    reference: str = ""

    def option(self, option_id: str) -> ItemOption:
        """The option of that id.

        Raises:
            KeyError: no such option.
        """
        for option in self.options:
            if option.id == option_id:
                return option
        raise KeyError(option_id)

    def key_texts(self) -> frozenset[str]:
        """Texts of the right options, for comparing keys over different option orders."""
        return frozenset(option.text for option in self.options if option.id in self.key)

    def to_document(self) -> dict[str, Any]:
        """Plain data; `from_document` is the inverse."""
        return {
            "kind": self.kind.value,
            "stem": self.stem,
            "options": [
                {"id": option.id, "text": option.text, **({"pinned": True} if option.pinned else {})}
                for option in self.options
            ],
            "key": sorted(self.key),
            "explanation": self.explanation,
            "reference": self.reference,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> ItemContent:
        """Read what `to_document` made.

        Raises:
            KeyError, ValueError: not such a document.
        """
        return cls(
            kind=ItemKind(document["kind"]),
            stem=document["stem"],
            options=tuple(
                ItemOption(id=option["id"], text=option["text"], pinned=option.get("pinned", False))
                for option in document["options"]
            ),
            key=frozenset(document["key"]),
            explanation=document.get("explanation", ""),
            reference=document.get("reference", ""),
        )

    def to_bytes(self) -> bytes:
        """Canonical JSON, UTF-8: sorted names, no spaces. Equal contents give equal bytes."""
        return json.dumps(self.to_document(), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ItemContent:
        """Read what `to_bytes` made.

        Raises:
            KeyError, ValueError: not such a document.
        """
        return cls.from_document(json.loads(data))


def true_false_options() -> tuple[ItemOption, ItemOption]:
    """The two pinned options of every true/false item: 正确 first."""
    return ItemOption(TRUE, "正确", pinned=True), ItemOption(FALSE, "错误", pinned=True)


def true_false(stem: str, *, right: bool, explanation: str = "", reference: str = "") -> ItemContent:
    """A true/false item whose statement is right or not."""
    return ItemContent(
        ItemKind.TRUE_FALSE, stem, true_false_options(), frozenset({TRUE if right else FALSE}), explanation, reference
    )


def validate(content: ItemContent) -> list[ItemProblem]:
    """Everything that keeps this content from being used; empty when it is sound."""
    problems = _stem_problems(content) + _option_problems(content) + _key_problems(content)
    if len(content.explanation) > EXPLANATION_LIMIT:
        problems.append(
            ItemProblem(
                "TEXT_TOO_LONG", "explanation", f"解析超过 {EXPLANATION_LIMIT} 字。", "The explanation is too long."
            )
        )
    return problems


def _stem_problems(content: ItemContent) -> list[ItemProblem]:
    if not content.stem.strip():
        return [ItemProblem("NO_STEM", "stem", "题干为空。", "The stem is empty.")]
    if len(content.stem) > STEM_LIMIT:
        return [ItemProblem("TEXT_TOO_LONG", "stem", f"题干超过 {STEM_LIMIT} 字。", "The stem is too long.")]
    return []


def _option_problems(content: ItemContent) -> list[ItemProblem]:
    options = content.options
    if content.kind is ItemKind.TRUE_FALSE:
        if tuple(option.id for option in options) != (TRUE, FALSE) or not all(option.pinned for option in options):
            return [
                ItemProblem("TRUE_FALSE_OPTIONS", "options", "判断题必须且只有“正确”“错误”两个固定选项。",
                            "A true/false item has exactly the two pinned options T and F.")
            ]  # fmt: skip
        return []
    found: list[ItemProblem] = []
    if not options:
        return [ItemProblem("NO_OPTIONS", "options", "没有选项。", "There are no options.")]
    if (len(options) < 3 and content.kind is ItemKind.MULTIPLE) or len(options) < 2:
        found.append(ItemProblem("TOO_FEW_OPTIONS", "options", "选项太少。", "Too few options."))
    if len(options) > OPTION_COUNT_LIMIT:
        found.append(
            ItemProblem("TOO_MANY_OPTIONS", "options", f"选项超过 {OPTION_COUNT_LIMIT} 个。", "Too many options.")
        )
    if len({option.id for option in options}) < len(options):
        found.append(ItemProblem("OPTION_ID_REPEATED", "options", "选项标识重复。", "Option ids repeat."))
    if any(not option.text.strip() for option in options):
        found.append(ItemProblem("OPTION_EMPTY", "options", "有空白选项。", "An option is empty."))
    if any(len(option.text) > OPTION_LIMIT for option in options):
        found.append(ItemProblem("TEXT_TOO_LONG", "options", f"选项超过 {OPTION_LIMIT} 字。", "An option is too long."))
    texts = [" ".join(option.text.split()) for option in options]
    if len(set(texts)) < len(texts):
        found.append(ItemProblem("DUPLICATE_OPTIONS", "options", "有内容相同的选项。", "Two options say the same."))
    return found


def _key_problems(content: ItemContent) -> list[ItemProblem]:
    if not content.key:
        return [ItemProblem("NO_ANSWER", "key", "没有答案。", "There is no key.")]
    if not content.key <= {option.id for option in content.options}:
        return [
            ItemProblem(
                "ANSWER_NOT_AN_OPTION", "key", "答案指向不存在的选项。", "The key names an option that is not there."
            )
        ]
    if content.kind is ItemKind.MULTIPLE and len(content.key) < 2:
        return [
            ItemProblem(
                "TOO_FEW_ANSWERS", "key", "多选题至少有两个答案。", "A multiple item has at least two right answers."
            )
        ]
    if content.kind is not ItemKind.MULTIPLE and len(content.key) > 1:
        return [
            ItemProblem(
                "SEVERAL_ANSWERS", "key", "单选题或判断题只能有一个答案。", "Only one right answer is possible here."
            )
        ]
    return []
