"""One cell of an answer sheet or a key, as people write it, into the options it names.

`B` · `ACD` or `A,C,D` or `a、c、d` (several) · `Ｂ` full width · `对`/`错`, `√`/`×` · `27` (numbered options) · with more than
26 options `AA`…`AF` as in a spreadsheet. Empty: no answer. `-` or `NA`: not on this candidate's form.
"""

from __future__ import annotations

import re
import unicodedata

from server.core.errors import InvalidInput

Choice = tuple[str, ...]

NOT_ON_FORM_MARKS = frozenset({"-", "--", "NA", "N/A", "#N/A", "."})
LETTERS_OF_ALPHABET = 26
#: `×` is the wrong-mark of a true–false item; a bank whose x was replaced by it is another matter
TRUE_WORDS = frozenset({"T", "TRUE", "对", "正确", "是", "√", "✓"})
FALSE_WORDS = frozenset({"F", "FALSE", "错", "错误", "否", "×", "✗"})
_SEPARATORS = re.compile(r"[\s,;|/、+&]+")
_GROUPED = re.compile(r"[+-]?\d{1,3}([,' \u00a0]\d{3})+(\.\d+)?")


def fold(text: str) -> str:
    """Full width to half width, no blanks around, capitals."""
    return unicodedata.normalize("NFKC", text).strip().upper()


def is_not_on_form(text: str) -> bool:
    """Whether the cell says that the candidate's form does not hold the item."""
    return fold(text) in NOT_ON_FORM_MARKS or text.strip() in {"—", "–"}


def option_labels(count: int) -> list[str]:
    """A…Z, AA…: the labels of `count` options."""
    labels = []
    for number in range(count):
        high, low = divmod(number, LETTERS_OF_ALPHABET)
        labels.append((chr(64 + high) if high else "") + chr(65 + low))
    return labels


def read_choice(text: str, option_count: int | None = None) -> Choice:
    """The options a cell names, in order; () for an empty cell.

    Args:
        option_count: how many options the item has, if known; then every option named must be one of them.

    Raises:
        InvalidInput: `ANSWER_UNREADABLE`, `ANSWER_NOT_AN_OPTION`.
    """
    folded = fold(text)
    if not folded:
        return ()
    if folded in TRUE_WORDS:
        return ("T",)
    if folded in FALSE_WORDS:
        return ("F",)
    many = option_count is not None and option_count > LETTERS_OF_ALPHABET
    named: list[str] = []
    for token in filter(None, _SEPARATORS.split(folded)):
        if token.isdecimal():
            named.append(str(int(token)))
        elif re.fullmatch("[A-Z]+", token):
            named.extend([token] if many else token)
        else:
            raise InvalidInput(
                "ANSWER_UNREADABLE",
                f"“{text}”不是选项字母。作答与答案应为字母（如 B、ACD），空白表示未作答，“-”表示该卷没有此题。",
                f"'{text}' is no option. Answers and keys are letters (B, ACD); empty is no answer, '-' not on the form.",
                value=text,
            )
    if len(set(named)) != len(named):
        raise InvalidInput(
            "ANSWER_UNREADABLE",
            f"“{text}”中同一选项出现了两次。选项多于 26 个时，请在答案文件中写明 options 列。",
            f"'{text}' names an option twice. With more than 26 options, state the `options` column of the key file.",
            value=text,
        )
    if option_count is not None:
        allowed = set(option_labels(option_count)) | {str(number) for number in range(1, option_count + 1)}
        if option_count == 2:
            allowed |= {"T", "F"}
        strange = [label for label in named if label not in allowed]
        if strange:
            raise InvalidInput(
                "ANSWER_NOT_AN_OPTION",
                f"“{text}”：该题只有 {option_count} 个选项，没有“{strange[0]}”。",
                f"'{text}': the item has {option_count} options and no '{strange[0]}'.",
                value=text,
            )
    return tuple(sorted(named, key=lambda label: (len(label), label)))


def choice_label(choice: Choice) -> str:
    """`ACD` for single letters, `1;12` otherwise; the empty text for no answer."""
    return ("" if all(len(label) == 1 and label.isalpha() for label in choice) else ";").join(choice)


def read_number(text: str) -> float | None:
    """A number as sheets hold it: `1`, `0.5`, `1,234.5`, full width; None when it is not one."""
    folded = unicodedata.normalize("NFKC", text).strip()
    if _GROUPED.fullmatch(folded):
        folded = re.sub(r"[,' \u00a0]", "", folded)
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", folded):
        return None
    return float(folded)
