"""Collected answers as the arrays that the statistics take: options by canonical letters, letters as displayed, seats, times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scoring.analysis.attempt_answers import Options
from scoring.analysis.collect import Collected, CollectedItem
from scoring.domain.statistics.answer_text import Choice
from scoring.domain.statistics.arrays import Floats, SmallInts
from scoring.domain.statistics.behaviour import Change
from scoring.domain.statistics.response_matrix import ANSWERED, NOT_ON_FORM, NOT_REACHED, OMITTED, ResponseMatrix
from scoring.domain.statistics.similarity.displayed_letters import LEAST_POSITIONS, DisplayedLetters
from scoring.domain.statistics.similarity.seating import Seating, seating_of
from server.core.errors import Conflict


@dataclass(frozen=True, eq=False)
class Sheets:
    """The arrays of one analysis; persons and columns in the order of `collected`.

    Attributes:
        matrix: persons are attempt ids, items are version ids, marks in points.
        seconds, answered_at: (N, J) seconds, NaN where unknown.
        first_codes: (N, J) option number of the first answer, -1 where unknown.
        shown: letters by place on the screen; None when too few places are shuffled.
    """

    items: tuple[CollectedItem, ...]
    matrix: ResponseMatrix
    seconds: Floats
    answered_at: Floats
    first_codes: SmallInts
    changes: tuple[Change, ...]
    seating: Seating
    shown: DisplayedLetters | None


def choice_of(item: CollectedItem, options: Options) -> Choice:
    """Option identities as canonical letters in order."""
    return tuple(sorted((item.letters[option] for option in options), key=lambda each: (len(each), each)))


def make_sheets(collected: Collected) -> Sheets:
    """Raises Conflict: `NOTHING_TO_ANALYSE` when every item was taken out of the score after the sitting."""
    items = tuple(item for item in collected.items if not item.left_out)
    if not items:
        raise Conflict("NOTHING_TO_ANALYSE", "没有计分的试题可分析。", "No item that counts is left to analyse.")
    persons = collected.persons
    shape = (len(persons), len(items))
    scores, seconds, answered_at = np.zeros(shape), np.full(shape, np.nan), np.full(shape, np.nan)
    state = np.full(shape, NOT_ON_FORM, dtype=np.int8)
    chosen, first = np.full(shape, -1, dtype=np.int16), np.full(shape, -1, dtype=np.int16)
    choices: list[tuple[Choice, ...]] = []
    changes: list[Change] = []
    for column, item in enumerate(items):
        different = _choices(item, collected)
        number = {choice: place for place, choice in enumerate(different)}
        choices.append(different)
        for row, person in enumerate(persons):
            given = person.answers.get(item.version_id)
            if given is None:
                continue
            if given.chosen:
                state[row, column] = ANSWERED
                chosen[row, column] = number[choice_of(item, given.chosen)]
                # penalties and other point values of the same item in another paper: a share of this item's mark
                scores[row, column] = max(given.mark, 0) / given.full * item.points / 100
            else:
                state[row, column] = OMITTED if given.is_reached else NOT_REACHED
            seconds[row, column] = np.nan if given.spent_s is None else given.spent_s
            answered_at[row, column] = np.nan if given.answered_s is None else given.answered_s
            steps = [step for step in (*given.before, *([given.chosen] if given.chosen is not None else [])) if step]
            codes = [number[choice_of(item, step)] for step in steps]
            if codes:
                first[row, column] = codes[0]
            changes += [Change(row, column, before, after) for before, after in pairwise(codes)]
    matrix = ResponseMatrix(
        persons=tuple(person.attempt_id for person in persons),
        items=tuple(item.version_id for item in items),
        scores=scores,
        marks=np.array([item.points / 100 for item in items]),
        state=state,
        chosen=chosen,
        choices=tuple(choices),
        keys=tuple(choice_of(item, item.key) for item in items),
        kinds=tuple(item.kind for item in items),
    )
    return Sheets(items, matrix, seconds, answered_at, first, tuple(changes), _seating(collected), _shown(collected))


def _choices(item: CollectedItem, collected: Collected) -> tuple[Choice, ...]:
    """The key, every answer anybody gave or took back, and for single options those nobody chose: they are dead distractors."""
    found = {choice_of(item, item.key)}
    if item.kind != "multiple":
        found |= {(letter,) for letter in item.letters.values()}
    for person in collected.persons:
        given = person.answers.get(item.version_id)
        if given is not None:
            found |= {choice_of(item, step) for step in (*given.before, given.chosen or frozenset()) if step}
    return tuple(sorted(found, key=lambda choice: (len(choice), choice)))


def _seating(collected: Collected) -> Seating:
    persons = collected.persons
    return seating_of(
        [f"{person.sitting_id}/{person.room_id}" for person in persons],
        [float(person.row) for person in persons],
        [float(person.column) for person in persons],
        [person.school_class for person in persons],
        [person.machine for person in persons],
    )


def _shown(collected: Collected) -> DisplayedLetters | None:
    """By place on the candidate's own paper: neighbours copy "17: C", whatever item stands there on the other screen.

    A place counts where everybody has the same number of shuffled options.
    """
    persons = collected.persons
    by_place = [{given.n: given for given in person.answers.values()} for person in persons]
    codes, letters, counts = [], [], []
    for place in range(1, max((max(places, default=0) for places in by_place), default=0) + 1):
        here = [places.get(place) for places in by_place]
        sizes = {given.option_count for given in here if given is not None}
        if len(sizes) != 1 or min(sizes) < 2:
            continue
        size = sizes.pop()
        texts = [given.displayed if given is not None else "" for given in here]
        number = {text: code for code, text in enumerate(sorted(set(texts) - {""}))}
        codes.append([number[text] if text and len(text) < size else -1 for text in texts])
        letters.append([len(text) for text in texts])
        counts.append(size)
    if len(counts) < LEAST_POSITIONS:
        return None
    return DisplayedLetters(_columns(codes), _columns(letters), np.array(counts, dtype=np.int64))


def _columns(rows: Sequence[Sequence[int]]) -> SmallInts:
    return np.ascontiguousarray(np.array(rows, dtype=np.int16).T)
