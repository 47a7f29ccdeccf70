"""Made-up sittings: candidates with abilities, items whose wrong options attract by ability, rooms of 30, some who copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.response_matrix import ResponseMatrix, matrix_of_codes
from scoring.domain.statistics.similarity.displayed_letters import DisplayedLetters
from scoring.domain.statistics.similarity.seating import Seating, seating_of

ROOM, ROWS, COLUMNS = 30, 6, 5
OPTIONS = 4
GUESSING = 0.22


@dataclass(frozen=True, eq=False)
class Hall:
    """One sitting. `copied`: (source, copier) rows; the copier sits right of the source."""

    codes: np.ndarray
    key: np.ndarray
    abilities: np.ndarray
    seating: Seating
    copied: list[tuple[int, int]]

    @property
    def matrix(self) -> ResponseMatrix:
        return matrix_of_codes(self.codes, self.key, OPTIONS)


def make_hall(
    candidates: int,
    items: int,
    seed: int,
    copiers: int = 0,
    share: float = 0.0,
    diagonal: bool = True,
    class_effect: float = 0.0,
) -> Hall:
    """Honest 3PL answers to an easy paper (mean p 0.8, score SD 14), then `copiers` take `share` of the items from the left.

    Wrong options attract very differently, as real ones do.

    Args:
        class_effect: standard deviation in logits of a class's shared beliefs about each item; classes of 60 fill two rooms.
    """
    random = np.random.default_rng(seed)
    abilities = random.normal(size=candidates)
    slope = 1.9 * random.lognormal(0.0, 0.3, items)
    difficulty = random.normal(-1.0, 1.0, items)
    attraction = random.normal(0.0, 2.0, (items, OPTIONS - 1))
    key = random.integers(0, OPTIONS, items)
    place = np.arange(candidates)
    classes = place // (2 * ROOM)
    z = slope * (abilities[:, None] - difficulty)
    pull = np.broadcast_to(attraction, (candidates, items, OPTIONS - 1))
    if class_effect:
        z = z + random.normal(0.0, class_effect, (classes.max() + 1, items))[classes]
        pull = pull + random.normal(0.0, class_effect, (classes.max() + 1, items, OPTIONS - 1))[classes]
    right = random.random((candidates, items)) < GUESSING + (1 - GUESSING) / (1 + np.exp(-z))
    weight = np.exp(pull)
    weight /= weight.sum(axis=2, keepdims=True)
    wrong = (random.random((candidates, items, 1)) > np.cumsum(weight, axis=2)[:, :, :-1]).sum(axis=2)
    codes = np.where(right, key, (key + 1 + wrong) % OPTIONS).astype(np.int16)
    seat = place % ROOM
    copied = []
    if copiers:
        left = place[(seat % COLUMNS) % 2 == 0]
        left = left[(left % ROOM) % COLUMNS < COLUMNS - 1]
        left = left[left + 1 < candidates]
        for source in random.choice(left, copiers, replace=False).tolist():
            taken = random.random(items) < share
            codes[source + 1, taken] = codes[source, taken]
            copied.append((source, source + 1))
    # two rooms hold one class, mixed, so that classmates sit in different rooms as well
    rooms = place // ROOM
    seating = seating_of(
        [f"R{room:03d}" for room in rooms.tolist()],
        [float(each) for each in seat // COLUMNS],
        [float(each) for each in seat % COLUMNS],
        [f"K{each:03d}" for each in classes.tolist()],
        diagonal=diagonal,
    )
    return Hall(codes, key, abilities, seating, copied)


def shuffled_letters(hall: Hall, seed: int, blind: float = 0.0, positions: int | None = None) -> DisplayedLetters:
    """Every candidate sees the options in an own order; copiers take the letters of `blind` of the positions as they look."""
    random = np.random.default_rng(seed)
    n, items = hall.codes.shape
    order = random.random((n, items, OPTIONS)).argsort(axis=2)
    letters = np.take_along_axis(order, hall.codes[:, :, None].astype(np.int64), axis=2)[:, :, 0].astype(np.int16)
    for source, copier in hall.copied:
        taken = random.random(items) < blind
        letters[copier, taken] = letters[source, taken]
    letters = letters[:, : positions or items]
    return DisplayedLetters(letters, np.ones_like(letters), np.full(letters.shape[1], OPTIONS))
