"""Plain CSV files beside the responses for similar papers: rooms, abilities, nominal models, times, letters as displayed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from scoring.analysis_files import NAMED_AT_MOST, Sheet, number_in, person_column, read_sheet
from scoring.domain.statistics.answer_text import fold, read_choice, read_number
from scoring.domain.statistics.arrays import Floats
from scoring.domain.statistics.response_matrix import ResponseMatrix, refuse_repeated
from scoring.domain.statistics.similarity.coded_answers import CodedAnswers
from scoring.domain.statistics.similarity.displayed_letters import DisplayedLetters
from scoring.domain.statistics.similarity.option_models import OptionModel, nominal_model
from scoring.domain.statistics.similarity.seating import Seating, seating_of
from server.core.errors import InvalidInput


def _by_person(sheet: Sheet, persons: Sequence[str], required: bool) -> list[tuple[str, ...] | None]:
    place = person_column(sheet, None) or 0
    names = [row[place] for row in sheet.rows]
    refuse_repeated(names, "PERSON_REPEATED", f"{sheet.name} 中的考生", f"candidate in {sheet.name}")
    known = dict(zip(names, sheet.rows, strict=True))
    missing = [person for person in persons if person not in known]
    if missing and (required or len(missing) == len(persons)):
        raise InvalidInput(
            "PERSONS_MISSING",
            f"{sheet.name} 中缺 {len(missing)} 名考生：{'、'.join(missing[:NAMED_AT_MOST])}。",
            f"{sheet.name} lacks {len(missing)} candidates: {', '.join(missing[:NAMED_AT_MOST])}.",
            file=sheet.name,
            missing=missing[:NAMED_AT_MOST],
            count=len(missing),
        )
    return [known.get(person) for person in persons]


def read_seating(path: Path, persons: Sequence[str]) -> Seating:
    """Rooms file: `person, room`, and if known `row, column` (or `seat`), `class`, `machine`."""
    sheet = read_sheet(path)
    room_at = sheet.need("room")
    rows = _by_person(sheet, persons, required=False)

    def texts(field: str) -> list[str]:
        at = sheet.find(field)
        return [] if at is None else ["" if row is None else row[at] for row in rows]

    def numbers(field: str) -> list[float | None]:
        return [read_number(text) for text in texts(field)]

    down, across = numbers("row"), numbers("column")
    if not (down and across) and numbers("seat"):
        # seat numbers alone: those that follow each other sit side by side
        across = numbers("seat")
        down = [0.0] * len(across)
    return seating_of(
        ["" if row is None else row[room_at] for row in rows], down, across, texts("class"), texts("machine")
    )


def read_theta(path: Path, persons: Sequence[str]) -> Floats:
    """Abilities file: `person, theta`."""
    sheet = read_sheet(path)
    at = sheet.need("theta")
    rows = _by_person(sheet, persons, required=True)
    return np.array(
        [
            number_in(sheet, person, "" if row is None else row[at], "theta")
            for person, row in zip(persons, rows, strict=True)
        ]
    )


def read_nominal_model(path: Path, answers: CodedAnswers, matrix: ResponseMatrix, theta: Floats) -> OptionModel:
    """Nominal model file: `item, slope_A …, intercept_A …`, one row an item; only single options can have parameters."""
    sheet = read_sheet(path)
    item_at = sheet.need("item")
    rows = {row[item_at]: row for row in sheet.rows}
    slopes = np.full((answers.item_count, int(answers.option_counts.max())), np.nan)
    intercepts = slopes.copy()
    columns = {fold(name): at for at, name in enumerate(sheet.header)}
    for place, item in enumerate(answers.items):
        if item not in rows:
            raise InvalidInput(
                "NOMINAL_MODEL_ITEM", f"{sheet.name} 中没有试题 {item}。", f"{sheet.name} lacks item {item}.", item=item
            )
        for number, choice in enumerate(matrix.choices[matrix.items.index(item)]):
            label = "".join(choice)
            pair = columns.get(f"SLOPE_{label}"), columns.get(f"INTERCEPT_{label}")
            texts = ["" if at is None else rows[item][at] for at in pair]
            values = [read_number(text) for text in texts]
            if values[0] is None or values[1] is None:
                raise InvalidInput(
                    "NOMINAL_MODEL_OPTION",
                    f"{sheet.name} 中试题 {item} 缺少选项 {label} 的参数（slope_{label}、intercept_{label}）。",
                    f"{sheet.name}: item {item} lacks the parameters of option {label}.",
                    item=item,
                    option=label,
                )
            slopes[place, number], intercepts[place, number] = values[0], values[1]
    slopes, intercepts = _with_unchosen(slopes, intercepts, answers, rows, columns, matrix)
    return nominal_model(answers, theta, slopes, intercepts)


def _with_unchosen(
    slopes: Floats,
    intercepts: Floats,
    answers: CodedAnswers,
    rows: dict[str, tuple[str, ...]],
    columns: dict[str, int],
    matrix: ResponseMatrix,
) -> tuple[Floats, Floats]:
    """Options that the file knows and nobody chose still take their share of the probability."""
    extra: list[list[tuple[float, float]]] = []
    for item in answers.items:
        chosen = {"".join(choice) for choice in matrix.choices[matrix.items.index(item)]}
        found = []
        for name, at in columns.items():
            label = name.removeprefix("SLOPE_")
            if name.startswith("SLOPE_") and label not in chosen:
                pair = read_number(rows[item][at]), read_number(rows[item][columns.get(f"INTERCEPT_{label}", at)])
                if pair[0] is not None and pair[1] is not None:
                    found.append((pair[0], pair[1]))
        extra.append(found)
    width = slopes.shape[1] + max(len(found) for found in extra)
    wide_slopes, wide_intercepts = (np.full((len(extra), width), np.nan) for _ in range(2))
    wide_slopes[:, : slopes.shape[1]], wide_intercepts[:, : slopes.shape[1]] = slopes, intercepts
    for place, found in enumerate(extra):
        for number, (slope, intercept) in enumerate(found, start=slopes.shape[1]):
            wide_slopes[place, number], wide_intercepts[place, number] = slope, intercept
    return wide_slopes, wide_intercepts


def read_seconds(path: Path, persons: Sequence[str], items: Iterable[str]) -> Floats:
    """Seconds a candidate and item, (N, J); NaN where the file has none."""
    sheet = read_sheet(path)
    rows = _by_person(sheet, persons, required=False)
    places = [sheet.header.index(item) if item in sheet.header else None for item in items]
    values = np.full((len(persons), len(places)), np.nan)
    for number, row in enumerate(rows):
        if row is not None:
            values[number] = [
                np.nan if at is None or not row[at] else number_in(sheet, persons[number], row[at], sheet.header[at])
                for at in places
            ]
    return values


def read_displayed(path: Path, persons: Sequence[str], fixed: Sequence[str] = ()) -> DisplayedLetters:
    """Letters as they stood on the screen: `person`, then one column a position; true–false columns do not count.

    The number of options of a position is that of the highest letter anybody chose there.
    """
    sheet = read_sheet(path)
    rows = _by_person(sheet, persons, required=False)
    skip = {person_column(sheet, None) or 0, *(sheet.column(name) for name in fixed)}
    codes, letters, counts = [], [], []
    for at in range(len(sheet.header)):
        texts = ["" if row is None else row[at] for row in rows]
        if at in skip:
            continue
        choices = {text: read_choice(text) for text in set(texts)}
        labels = {label for choice in choices.values() for label in choice}
        if labels <= {"T", "F"} or not all(len(label) == 1 for label in labels):
            continue
        count = max(ord(label) for label in labels) - ord("A") + 1
        if count < 2:
            continue
        numbered = {choice: place for place, choice in enumerate(sorted(set(choices.values()) - {()}))}
        codes.append([numbered.get(choices[text], -1) if len(choices[text]) < count else -1 for text in texts])
        letters.append([len(choices[text]) for text in texts])
        counts.append(count)
    return DisplayedLetters(
        np.array(codes, dtype=np.int16).reshape(len(counts), len(persons)).T,
        np.array(letters, dtype=np.int16).reshape(len(counts), len(persons)).T,
        np.array(counts, dtype=np.int64),
    )
