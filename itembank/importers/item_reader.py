"""One row becomes one item, or a list of reasons why not. Nothing is flattened and nothing dropped silently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from itembank.domain.duplicates import half_width, identity_text, key_text, normalise
from itembank.domain.item import (
    KIND_NAMES_ZH,
    ItemContent,
    ItemKind,
    ItemOption,
    true_false_options,
    validate,
)
from itembank.importers.columns import LETTERS, option_field
from itembank.importers.fold import (
    fold_difficulty,
    fold_kind,
    fold_letters,
    fold_text,
    fold_truth,
    has_broken_x,
    needs_figure,
    without_own_letter,
)
from itembank.importers.report import RowProblem, Severity, problem
from itembank.importers.sheets import SourceRow

DEFAULT_DIFFICULTY = 3
#: Fewer filled cells than this is no choice at all.
_FEWEST_OPTIONS = 2
_USUAL_OPTIONS = 4
#: Spellings of true and false that surprise nobody.
PLAIN_TRUTHS = frozenset(["T", "F", "√", "×", "对", "错", "是", "否", "正确", "错误"])


@dataclass(slots=True)
class ReadItem:
    """What was made of one row. `content` is None when the row is rejected."""

    row: SourceRow
    content: ItemContent | None = None
    point: str = ""
    difficulty: int = DEFAULT_DIFFICULTY
    source: str = ""
    enemy_group: str = ""
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def is_rejected(self) -> bool:
        return self.content is None or any(each.severity is Severity.ERROR for each in self.problems)

    def say(self, code: str, column: str, value: str = "", **more: object) -> None:
        """Add a finding about one cell."""
        self.problems.append(problem(code, self.row.number, self.row.address(column), value, **more))


def read_items(rows: Iterable[SourceRow]) -> list[ReadItem]:
    """Every row read, repeats and contradictions inside the file found."""
    items = [_read_item(row) for row in rows]
    _find_repeats(items)
    return items


def _read_item(row: SourceRow) -> ReadItem:
    item = ReadItem(row, source=row.text("source").strip() or f"row{row.number}")
    if row.sheet and not row.text("source").strip():
        item.source = f"{row.sheet}!{item.source}"
    item.point = row.text("point").strip()
    item.enemy_group = row.text("enemy_group").strip()[:60]
    item.difficulty = _difficulty(item)
    kind = _kind(item)
    if kind is None:
        return item
    texts = {name: _text(item, name) for name in ("stem", "explanation", "reference")}
    if not texts["stem"]:
        item.say("NO_STEM", "stem")
    options = _options(item) if kind is not ItemKind.TRUE_FALSE else {}
    key = _true_false_key(item) if kind is ItemKind.TRUE_FALSE else _choice_key(item, kind, options)
    shown = [texts["stem"], *options.values()]
    if needs_figure([texts["stem"]]):
        item.say("MISSING_FIGURE", "stem", texts["stem"])
    if has_broken_x(shown):
        item.say("BROKEN_X", "stem", next(text for text in shown if has_broken_x([text])))
    if any(each.severity is Severity.ERROR for each in item.problems):
        return item
    choices = (
        true_false_options()
        if kind is ItemKind.TRUE_FALSE
        else tuple(ItemOption(letter, text) for letter, text in options.items())
    )
    content = ItemContent(kind, texts["stem"], choices, key, texts["explanation"], texts["reference"])
    _judge(item, content)
    item.content = None if any(each.severity is Severity.ERROR for each in item.problems) else content
    return item


def _difficulty(item: ReadItem) -> int:
    text = item.row.text("difficulty")
    if not text.strip():
        return DEFAULT_DIFFICULTY
    folded = fold_difficulty(text)
    if folded is None:
        item.say("DIFFICULTY_UNKNOWN", "difficulty", text)
    return folded or DEFAULT_DIFFICULTY


def _kind(item: ReadItem) -> ItemKind | None:
    text = item.row.text("kind").strip()
    if text:
        kind = fold_kind(text)
        if isinstance(kind, ItemKind):
            return kind
        if kind is None:
            item.say("KIND_UNKNOWN", "kind", text)
        else:
            item.say("KIND_NOT_SUPPORTED", "kind", text, kind=kind)
        return None
    answer = item.row.text("answer")
    has_options = any(item.row.text(option_field(letter)).strip() for letter in LETTERS)
    letters = fold_letters(answer)
    if not has_options:
        kind = ItemKind.TRUE_FALSE
    elif letters is not None and len(letters) > 1:
        kind = ItemKind.MULTIPLE
    else:
        kind = ItemKind.SINGLE
    if "kind" in item.row.columns:
        item.say("KIND_INFERRED", "kind", KIND_NAMES_ZH[kind])
    return kind


def _text(item: ReadItem, name: str) -> str:
    text, folds = fold_text(item.row.text(name))
    for code in folds:
        item.say(code, name)
    return text


def _options(item: ReadItem) -> dict[str, str]:
    options: dict[str, str] = {}
    for letter in LETTERS:
        text = _text(item, option_field(letter))
        bare = without_own_letter(text, letter)
        if bare is not None:
            item.say("OPTION_LETTER_REMOVED", option_field(letter), letter)
            text = bare
        if text:
            options[letter] = text
    if len(options) < _FEWEST_OPTIONS:
        item.say("NO_OPTIONS", option_field("A"))
        return options
    last = max(options)
    for letter in LETTERS[: LETTERS.index(last)]:
        if letter not in options:
            item.say("OPTION_GAP", option_field(letter), letter)
    if len(options) < _USUAL_OPTIONS:
        item.say("FEWER_THAN_4_OPTIONS", option_field("A"), str(len(options)))
    return options


def _choice_key(item: ReadItem, kind: ItemKind, options: Mapping[str, str]) -> frozenset[str]:
    answer = item.row.text("answer").strip()
    if not answer:
        item.say("NO_ANSWER", "answer")
        return frozenset()
    letters = fold_letters(answer)
    if letters is None:
        item.say("BAD_ANSWER_CODE", "answer", answer)
        return frozenset()
    if letters != answer:
        item.say("ANSWER_FOLDED", "answer", answer, folded=letters)
    if not set(letters) <= set(options):
        item.say("ANSWER_NOT_AN_OPTION", "answer", answer)
    elif kind is ItemKind.SINGLE and len(letters) > 1:
        item.say("SEVERAL_ANSWERS", "answer", answer)
    elif kind is ItemKind.MULTIPLE and len(letters) == 1:
        item.say("TOO_FEW_ANSWERS", "answer", answer)
    return frozenset(letters)


def _true_false_key(item: ReadItem) -> frozenset[str]:
    answer = item.row.text("answer").strip()
    if not answer:
        item.say("NO_ANSWER", "answer")
        return frozenset()
    # some sheets give true/false items the options 正确 and 错误 and answer with their letter
    letter = half_width(answer).upper()
    chosen = item.row.text(option_field(letter)) if letter in LETTERS else ""
    truth = fold_truth(chosen) or fold_truth(answer)
    if truth is None:
        item.say("BAD_ANSWER_CODE", "answer", answer)
        return frozenset()
    if not fold_truth(chosen) and answer not in PLAIN_TRUTHS:
        item.say("ANSWER_FOLDED", "answer", answer, folded="正确" if truth == "T" else "错误")
    return frozenset(truth)


def _judge(item: ReadItem, content: ItemContent) -> None:
    """The rules every item keeps, in the importer's words."""
    for found in validate(content):
        if found.code == "DUPLICATE_OPTIONS":
            texts = [option.text for option in content.options]
            repeated = next(
                text for text in texts if [" ".join(t.split()) for t in texts].count(" ".join(text.split())) > 1
            )
            item.say(found.code, option_field("A"), repeated)
        else:
            item.say(found.code, {"key": "answer", "options": option_field("A")}.get(found.field, found.field))
    texts = [normalise(option.text) or option.text for option in content.options]
    if len(set(texts)) < len(texts) and not any(each.code == "DUPLICATE_OPTIONS" for each in item.problems):
        repeated = next(
            option.text for option, text in zip(content.options, texts, strict=True) if texts.count(text) > 1
        )
        item.say("DUPLICATE_OPTIONS", option_field("A"), repeated)


def _find_repeats(items: list[ReadItem]) -> None:
    """Inside one file the first of several same items is taken; contradicting ones all stay out."""
    groups: dict[str, list[ReadItem]] = {}
    by_stem: dict[tuple[ItemKind, str], ReadItem] = {}
    for item in items:
        if item.content is None:
            continue
        identity = identity_text(item.content)
        group = groups.setdefault(identity, [])
        group.append(item)
        if len(group) == 1 and item.content.kind is not ItemKind.TRUE_FALSE:
            stem = (item.content.kind, normalise(item.content.stem))
            first = by_stem.setdefault(stem, item)
            if first is not item:
                item.say("SAME_STEM_OTHER_OPTIONS", "stem", first=first.row.number)
    for group in groups.values():
        if len(group) == 1:
            continue
        keys = {key_text(item.content) for item in group if item.content is not None}
        if len(keys) > 1:
            for number, item in enumerate(group):
                item.say("CONFLICTING_ANSWER", "answer", first=group[1 if number == 0 else 0].row.number)
        else:
            for item in group[1:]:
                item.say("DUPLICATE", "stem", first=group[0].row.number)
