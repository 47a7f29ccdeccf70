"""Answers as option numbers, ready for comparing everybody with everybody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.domain.statistics.arrays import Bools, Floats, Ints, Singles, SmallInts
from scoring.domain.statistics.response_matrix import ResponseMatrix
from server.core.errors import InvalidInput

EMPTY = -1


@dataclass(frozen=True, eq=False)
class CodedAnswers:
    """codes (N, J): option number of the answer given, -1 for none; key (J,); option_counts (J,) different answers."""

    persons: tuple[str, ...]
    items: tuple[str, ...]
    codes: SmallInts
    key: SmallInts
    option_counts: Ints

    @property
    def count(self) -> int:
        return len(self.codes)

    @property
    def item_count(self) -> int:
        return len(self.key)

    @property
    def right(self) -> Bools:
        return np.asarray(self.codes == self.key)

    @property
    def answered(self) -> Bools:
        return np.asarray(self.codes >= 0)

    @property
    def wrong(self) -> Bools:
        return np.asarray((self.codes >= 0) & (self.codes != self.key))

    def columns(self, keep: Ints) -> CodedAnswers:
        """The same candidates with these items only."""
        return CodedAnswers(
            self.persons,
            tuple(self.items[place] for place in keep),
            np.ascontiguousarray(self.codes[:, keep]),
            self.key[keep],
            self.option_counts[keep],
        )


def coded_answers(matrix: ResponseMatrix) -> CodedAnswers:
    """The items of the matrix whose options are known.

    Raises:
        InvalidInput: `SIMILARITY_NEEDS_OPTIONS` when only scores are known, `SIMILARITY_NEEDS_PAIRS` for one candidate.
    """
    columns = np.array([place for place, key in enumerate(matrix.keys) if key is not None], dtype=np.int64)
    if matrix.chosen is None or len(columns) == 0:
        raise InvalidInput(
            "SIMILARITY_NEEDS_OPTIONS",
            "雷同分析需要考生所选的选项和答案；这里只有得分。请用 --key 给出答案。",
            "Comparing papers needs the options chosen and a key; here are scores only. Give --key.",
        )
    if matrix.count < 2:
        raise InvalidInput(
            "SIMILARITY_NEEDS_PAIRS", "只有一名考生，没有可比较的试卷。", "One candidate: nothing to compare."
        )
    key = [matrix.choices[place].index(matrix.keys[place] or ()) for place in columns]
    return CodedAnswers(
        matrix.persons,
        tuple(matrix.items[place] for place in columns),
        np.ascontiguousarray(matrix.chosen[:, columns]),
        np.array(key, dtype=np.int16),
        np.array([len(matrix.choices[place]) for place in columns], dtype=np.int64),
    )


def one_hot(answers: CodedAnswers, wrong_only: bool = False) -> Singles:
    """(N, options of all items) 0/1 in single precision; options that fewer than two chose cannot match and are left out."""
    parts: list[np.ndarray] = []
    for item in range(answers.item_count):
        column = answers.codes[:, item]
        for option in range(int(answers.option_counts[item])):
            if wrong_only and option == answers.key[item]:
                continue
            chosen = column == option
            if np.count_nonzero(chosen) > 1:
                parts.append(chosen)
    out = np.zeros((answers.count, max(len(parts), 1)), dtype=np.float32)
    for place, chosen in enumerate(parts):
        out[:, place] = chosen
    return out


def rank_normal(score: Floats) -> Floats:
    """Standard normal scores of the ranks, ties averaged."""
    from scoring.domain.statistics.tails import normal_quantile

    values, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    z = np.array([-normal_quantile(float((rank - 0.5) / len(score))) for rank in middle])
    return np.asarray(z[inverse]) if len(values) > 1 else np.zeros(len(score))
