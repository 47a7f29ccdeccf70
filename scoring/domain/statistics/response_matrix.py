"""Persons × items: what was chosen, what it scored, and for every empty cell why it is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.answer_text import Choice, choice_label, is_not_on_form, read_choice, read_number
from scoring.domain.statistics.arrays import Bools, Floats, Ints, SmallInts, States, Strings
from server.core.errors import InvalidInput

#: states of a cell
ANSWERED, OMITTED, NOT_REACHED, NOT_ON_FORM = 0, 1, 2, 3
NAMED_AT_MOST = 5


@dataclass(frozen=True, eq=False)
class ResponseMatrix:
    """Validated responses.

    Attributes:
        persons: N names, all different.
        items: J names, all different.
        scores: (N, J) marks obtained; 0 where nothing was answered or the item was not on the form.
        marks: (J,) full marks, all positive.
        state: (N, J) `ANSWERED`, `OMITTED`, `NOT_REACHED`, `NOT_ON_FORM`.
        chosen: (N, J) index into `choices[j]`, -1 where nothing was chosen; None when only scores are known.
        choices: for each item the different answers given (and the key), each a tuple of option labels.
        keys: for each item the right answer; None for items known by their scores alone.
        kinds: for each item its type (for stratified α); one name for all when unknown.
    """

    persons: tuple[str, ...]
    items: tuple[str, ...]
    scores: Floats
    marks: Floats
    state: States
    chosen: SmallInts | None
    choices: tuple[tuple[Choice, ...], ...]
    keys: tuple[Choice | None, ...]
    kinds: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = (len(self.persons), len(self.items))
        if 0 in shape:
            raise InvalidInput("RESPONSES_EMPTY", "没有考生或没有试题。", "There are no candidates or no items.")
        refuse_repeated(self.persons, "PERSON_REPEATED", "考生", "candidate")
        refuse_repeated(self.items, "ITEM_REPEATED", "试题", "item")
        for name, length in (("keys", len(self.keys)), ("marks", len(self.marks)), ("kinds", len(self.kinds))):
            if length != shape[1]:
                raise InvalidInput(
                    "KEY_LENGTH_WRONG",
                    f"作答有 {shape[1]} 题，{name} 却有 {length} 个。请核对答案与作答是否同一份卷。",
                    f"The responses have {shape[1]} items, but there are {length} {name}.",
                    items=shape[1],
                    given=length,
                )
        if self.scores.shape != shape or self.state.shape != shape:
            raise InvalidInput("RESPONSES_SHAPE", "各行长度不一。", "Rows differ in length.", expected=list(shape))
        if not np.all(np.isfinite(self.marks)) or np.any(self.marks <= 0):
            raise InvalidInput("MARKS_NOT_POSITIVE", "分值必须为正数。", "Marks must be positive.")
        if not np.all(np.isfinite(self.scores)) or np.any(self.scores < 0) or np.any(self.scores > self.marks + 1e-9):
            raise InvalidInput(
                "SCORE_OUT_OF_RANGE", "有得分小于 0 或超过满分。", "A score is below 0 or above the full mark."
            )

    @property
    def count(self) -> int:
        """N."""
        return len(self.persons)

    @property
    def item_count(self) -> int:
        """J."""
        return len(self.items)

    @property
    def on_form(self) -> Bools:
        """(N, J): the item was on the candidate's form."""
        return np.asarray(self.state != NOT_ON_FORM)

    @property
    def totals(self) -> Floats:
        """(N,) total marks."""
        return np.asarray(self.scores.sum(axis=1))

    @property
    def is_dichotomous(self) -> bool:
        """Whether every score is 0 or the full mark."""
        return bool(np.all((self.scores == 0) | (self.scores == self.marks)))

    @property
    def right(self) -> Bools:
        """(N, J): full marks and on the form."""
        return np.asarray((self.scores >= self.marks - 1e-9) & self.on_form)

    def forms(self) -> list[Ints]:
        """Rows of candidates with the same set of items, one array a form, in order of first appearance."""
        if bool(self.on_form.all()):
            return [np.arange(self.count)]
        packed = np.packbits(self.on_form, axis=1)
        view = np.ascontiguousarray(packed).view([("", packed.dtype)] * packed.shape[1]).ravel()
        _, first, inverse = np.unique(view, return_index=True, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
        return [groups[place] for place in np.argsort(first)]

    def take(self, rows: Ints, columns: Ints | None = None) -> ResponseMatrix:
        """The same matrix with these rows (and columns) only."""
        columns = np.arange(self.item_count) if columns is None else columns
        grid = np.ix_(rows, columns)
        return ResponseMatrix(
            persons=tuple(self.persons[row] for row in rows),
            items=tuple(self.items[column] for column in columns),
            scores=self.scores[grid],
            marks=self.marks[columns],
            state=self.state[grid],
            chosen=None if self.chosen is None else self.chosen[grid],
            choices=tuple(self.choices[column] for column in columns),
            keys=tuple(self.keys[column] for column in columns),
            kinds=tuple(self.kinds[column] for column in columns),
        )


def refuse_repeated(names: Sequence[str], code: str, word_zh: str, word_en: str) -> None:
    """Raises InvalidInput(code) naming what stands there twice."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    repeated = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    shown = list(dict.fromkeys(repeated))[:NAMED_AT_MOST]
    raise InvalidInput(
        code,
        f"{word_zh}重复：{'、'.join(shown)}（共 {len(repeated)} 处）。请先查明原因，再保留其中一行。",
        f"Repeated {word_en}: {', '.join(shown)} ({len(repeated)} in all). Find out why and keep one.",
        repeated=shown,
        count=len(repeated),
    )


def tell_not_reached(state: States) -> States:
    """Turns the empty run at the end of each candidate's form into NOT_REACHED (columns stand in paper order)."""
    behind = np.flip(np.logical_or.accumulate(np.flip(state == ANSWERED, axis=1), axis=1), axis=1)
    out = state.copy()
    out[(state == OMITTED) & ~behind] = NOT_REACHED
    return out


def matrix_of_answers(
    persons: Sequence[str],
    items: Sequence[str],
    cells: Strings,
    keys: Sequence[str],
    marks: Sequence[float] | None = None,
    option_counts: Sequence[int | None] | None = None,
    kinds: Sequence[str] | None = None,
) -> ResponseMatrix:
    """From the cells as text, (N, J). An item whose key is empty holds the marks obtained as numbers.

    Raises:
        InvalidInput: `RESPONSES_EMPTY`, `PERSON_REPEATED`, `ITEM_REPEATED`, `KEY_LENGTH_WRONG`, `RESPONSES_SHAPE`,
            `ANSWER_UNREADABLE`, `ANSWER_NOT_AN_OPTION`, `SCORE_UNREADABLE`, `SCORE_OUT_OF_RANGE`, `MARKS_NOT_POSITIVE`.
    """
    cells = np.asarray(cells)
    shape = (len(persons), len(items))
    if 0 not in shape and cells.shape != shape:
        raise InvalidInput("RESPONSES_SHAPE", "各行长度不一。", "Rows differ in length.", expected=list(shape))
    counts = list(option_counts) if option_counts is not None else [None] * len(items)
    full = np.ones(len(items)) if marks is None else np.asarray(marks, dtype=np.float64)
    if len(keys) != len(items) or len(counts) != len(items) or len(full) != len(items):
        raise InvalidInput(
            "KEY_LENGTH_WRONG",
            f"作答有 {len(items)} 题，答案却有 {len(keys)} 个。请核对答案与作答是否同一份卷。",
            f"The responses have {len(items)} items, the key has {len(keys)}.",
            items=len(items),
            given=len(keys),
        )
    scores = np.zeros(shape)
    state = np.zeros(shape, dtype=np.int8)
    chosen = np.full(shape, -1, dtype=np.int16)
    choices: list[tuple[Choice, ...]] = []
    right: list[Choice | None] = []
    for column, item in enumerate(items):
        texts, inverse = np.unique(cells[:, column], return_inverse=True)
        absent = np.array([is_not_on_form(str(text)) for text in texts], dtype=bool)
        empty = np.array([not str(text).strip() for text in texts], dtype=bool)
        state[:, column] = np.where(absent, NOT_ON_FORM, np.where(empty, OMITTED, ANSWERED))[inverse]
        if not keys[column].strip():
            values = [
                0.0 if absent[place] or empty[place] else _score(str(text), item) for place, text in enumerate(texts)
            ]
            scores[:, column] = np.asarray(values)[inverse]
            choices.append(())
            right.append(None)
            continue
        key = _choice(keys[column], item, counts[column], "答案", "key")
        given = [
            () if absent[place] else _choice(str(text), item, counts[column], "作答", "responses")
            for place, text in enumerate(texts)
        ]
        different = sorted({key, *given} - {()}, key=lambda choice: (len(choice), choice))
        places = np.array([different.index(choice) if choice else -1 for choice in given], dtype=np.int16)
        chosen[:, column] = places[inverse]
        scores[:, column] = full[column] * (chosen[:, column] == different.index(key))
        choices.append(tuple(different))
        right.append(key)
    return ResponseMatrix(
        persons=tuple(persons),
        items=tuple(items),
        scores=scores,
        marks=full,
        state=tell_not_reached(state),
        chosen=chosen if any(key is not None for key in right) else None,
        choices=tuple(choices),
        keys=tuple(right),
        kinds=tuple(kinds) if kinds is not None else ("",) * len(items),
    )


def matrix_of_codes(
    chosen: SmallInts, keys: Ints, option_count: int, items: Sequence[str] = (), persons: Sequence[str] = ()
) -> ResponseMatrix:
    """From option numbers 0…K−1 (−1: omitted, −3: not on the form) and right option numbers; one mark an item."""
    n, j = chosen.shape
    labels = tuple((chr(65 + place),) for place in range(option_count))
    state = np.where(chosen >= 0, ANSWERED, np.where(chosen == -NOT_ON_FORM, NOT_ON_FORM, OMITTED)).astype(np.int8)
    return ResponseMatrix(
        persons=tuple(persons) or tuple(f"P{row + 1:05d}" for row in range(n)),
        items=tuple(items) or tuple(f"I{column + 1:03d}" for column in range(j)),
        scores=(chosen == keys).astype(np.float64),
        marks=np.ones(j),
        state=tell_not_reached(state),
        chosen=np.maximum(chosen, -1).astype(np.int16),
        choices=(labels,) * j,
        keys=tuple(labels[key] for key in keys.tolist()),
        kinds=("",) * j,
    )


def matrix_of_scores(
    scores: Floats,
    marks: Sequence[float] | None = None,
    items: Sequence[str] = (),
    persons: Sequence[str] = (),
    state: States | None = None,
) -> ResponseMatrix:
    """From marks obtained, (N, J); `state` tells omitted cells and those not on the form (default: all answered)."""
    n, j = scores.shape
    known = np.zeros((n, j), dtype=np.int8) if state is None else tell_not_reached(state)
    return ResponseMatrix(
        persons=tuple(persons) or tuple(f"P{row + 1:05d}" for row in range(n)),
        items=tuple(items) or tuple(f"I{column + 1:03d}" for column in range(j)),
        scores=np.where(known == ANSWERED, scores, 0.0),
        marks=np.ones(j) if marks is None else np.asarray(marks, dtype=np.float64),
        state=known,
        chosen=None,
        choices=((),) * j,
        keys=(None,) * j,
        kinds=("",) * j,
    )


def label_of(matrix: ResponseMatrix, row: int, column: int) -> str:
    """What the candidate answered, as text; empty when nothing or unknown."""
    if matrix.chosen is None or matrix.chosen[row, column] < 0:
        return ""
    return choice_label(matrix.choices[column][int(matrix.chosen[row, column])])


def _choice(text: str, item: str, option_count: int | None, where_zh: str, where_en: str) -> Choice:
    try:
        return read_choice(text, option_count)
    except InvalidInput as refusal:
        raise InvalidInput(
            refusal.code,
            f"{where_zh}，试题 {item}：{refusal.message_zh}",
            f"In the {where_en}, item {item}: {refusal.message_en}",
            item=item,
            value=text,
        ) from None


def _score(text: str, item: str) -> float:
    number = read_number(text)
    if number is None:
        raise InvalidInput(
            "SCORE_UNREADABLE",
            f"试题 {item} 的“{text}”不是数字。没有答案文件时，每格应为得分（0 或 1）；选项字母请用 --key 给出答案。",
            f"Item {item}: '{text}' is no number. Without a key every cell is a score (0 or 1); for letters give --key.",
            item=item,
            value=text,
        )
    return number
