"""Same letters on the screen, although every candidate saw the options in another order: copying letters blindly.

With option orders drawn independently for each candidate, honest displayed letters agree with probability exactly 1/K at each
position (1/C(K, s) for answers of s letters each, 0 for different numbers of letters): a randomisation test that needs no model.
Positions of fixed order (true–false, "all of the above") and answers of all letters do not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints, SmallInts
from scoring.domain.statistics.similarity.content_match import Progress, pairs_beyond
from scoring.domain.statistics.tails import binomial_upper_table, poisson_binomial_mass, upper_from_mass
from server.core.errors import InvalidInput

LEAST_POSITIONS = 10
CHUNK_CELLS = 4_000_000
SLACK = 10.0


@dataclass(frozen=True, eq=False)
class DisplayedLetters:
    """Shuffled positions only.

    Attributes:
        codes: (N, n) number of the displayed answer (a set of letters), -1 for none or for all letters.
        letters: (N, n) how many letters the answer has.
        option_counts: (n,) K of each position, the same for all candidates.
    """

    codes: SmallInts
    letters: SmallInts
    option_counts: Ints

    def __post_init__(self) -> None:
        if self.codes.shape[1] < LEAST_POSITIONS:
            raise InvalidInput(
                "TOO_FEW_SHUFFLED_POSITIONS",
                f"选项乱序的题位只有 {self.codes.shape[1]} 个，至少需要 {LEAST_POSITIONS} 个。",
                f"{self.codes.shape[1]} shuffled positions; at least {LEAST_POSITIONS} are needed.",
            )
        if np.any(self.option_counts < 2):
            raise InvalidInput("OPTION_COUNT_WRONG", "选项数至少为 2。", "A position needs at least two options.")


@dataclass(frozen=True, eq=False)
class LetterMatches:
    """For P pairs: positions compared, same letters, exact p."""

    positions: Ints
    same: Ints
    p: Floats


def letter_matches(shown: DisplayedLetters, pairs: Ints) -> LetterMatches:
    """Exact upper tails of the pairs, given which positions both answered and with how many letters."""
    size = max(1, CHUNK_CELLS // shown.codes.shape[1])
    parts = [_chunk(shown, pairs[start : start + size]) for start in range(0, len(pairs), size)]
    if not parts:
        return LetterMatches(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    return LetterMatches(*(np.concatenate([part[place] for part in parts]) for place in range(3)))


def _chunk(shown: DisplayedLetters, pairs: Ints) -> tuple[Ints, Ints, Floats]:
    a, b = pairs[:, 0], pairs[:, 1]
    x, y = shown.codes[a], shown.codes[b]
    both = (x >= 0) & (y >= 0)
    same = ((x == y) & both).sum(axis=1)
    positions = both.sum(axis=1)
    counts = shown.option_counts
    simple = bool(np.all(counts == counts[0])) and int(shown.letters.max(initial=0)) <= 1
    if simple:
        p = np.empty(len(pairs))
        for n in np.unique(positions).tolist():
            here = positions == n
            p[here] = binomial_upper_table(n, 1 / int(counts[0]))[same[here]]
        return positions, same, p
    chance = _chances(shown)
    equal = both & (shown.letters[a] == shown.letters[b])
    hit = np.where(equal, np.take_along_axis(chance, shown.letters[a].T.astype(np.int64), axis=1).T, 0.0)
    tails = upper_from_mass(poisson_binomial_mass(hit))
    return positions, same, np.take_along_axis(tails, same[:, None], axis=1)[:, 0]


def _chances(shown: DisplayedLetters) -> Floats:
    """(n, S + 1): chance that two sets of s letters agree at each position."""
    most = int(shown.letters.max(initial=1))
    return np.array(
        [[1 / math.comb(k, s) if 0 < s <= k else 0.0 for s in range(most + 1)] for k in shown.option_counts.tolist()]
    )


def screen_letters(
    shown: DisplayedLetters, threshold: float, eligible: Bools, progress: Progress | None = None
) -> Ints:
    """Pairs (P, 2) that may reach the threshold, with tenfold slack; the exact tail decides afterwards.

    Judged here: each position's share of pairs that agree by chance, and the positions that all but 1 % answered.
    """
    rows = np.flatnonzero(eligible)
    if len(rows) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    chance = _chances(shown)
    p = np.empty(shown.codes.shape[1])
    for position in range(shown.codes.shape[1]):
        given = shown.letters[rows, position][shown.codes[rows, position] >= 0]
        share = np.bincount(given, minlength=chance.shape[1]) / max(len(given), 1)
        p[position] = float(share**2 @ chance[position])
    answered = np.sort((shown.codes[rows] >= 0).sum(axis=1))
    least = max(int(answered[len(answered) // 100]), LEAST_POSITIONS)
    tail = upper_from_mass(poisson_binomial_mass(np.sort(p)[:least])) <= threshold * SLACK
    fewest = int(np.argmax(tail)) if bool(tail.any()) else least + 1
    hot = _one_hot(shown, rows)
    found = [
        np.stack([rows[first], rows[second]], axis=1)
        for first, second in pairs_beyond(
            hot, np.zeros(len(rows), dtype=np.int64), np.array([[fewest]], float), progress
        )
        if len(first)
    ]
    pairs = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    return np.asarray(np.sort(pairs, axis=1))


def _one_hot(shown: DisplayedLetters, rows: Ints) -> np.ndarray:
    parts = []
    for position in range(shown.codes.shape[1]):
        column = shown.codes[rows, position]
        parts += [column == code for code in range(int(column.max(initial=-1)) + 1) if (column == code).sum() > 1]
    out = np.zeros((len(rows), max(len(parts), 1)), dtype=np.float32)
    for place, chosen in enumerate(parts):
        out[:, place] = chosen
    return out
