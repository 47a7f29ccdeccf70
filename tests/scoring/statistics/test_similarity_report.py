"""The report: copiers are found, honest sittings are left alone, the fast screen misses nothing, the same twice."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from scoring.domain.statistics.response_matrix import NOT_ON_FORM, matrix_of_codes, matrix_of_scores
from scoring.domain.statistics.similarity.budgets import Budgets, share_out
from scoring.domain.statistics.similarity.clusters import find_clusters
from scoring.domain.statistics.similarity.corroboration import Evidence
from scoring.domain.statistics.similarity.displayed_letters import DisplayedLetters, letter_matches
from scoring.domain.statistics.similarity.report import find_similar_papers
from scoring.domain.statistics.similarity.seating import Family, seating_of
from server.cli.analysis_words import similarity_document
from server.core.errors import InvalidInput
from tests.scoring.statistics.simulated_hall import OPTIONS, make_hall, shuffled_letters


def flagged(report: object) -> set[tuple[str, str]]:
    return {(pair.a, pair.b) for pair in report.pairs if pair.flagged_by}  # type: ignore[attr-defined]


def planted(hall: object) -> set[tuple[str, str]]:
    names = hall.matrix.persons  # type: ignore[attr-defined]
    return {(names[a], names[b]) for a, b in hall.copied}  # type: ignore[attr-defined]


def test_heavy_copying_is_found_and_others_are_left_alone() -> None:
    hall = make_hall(900, 100, 1, copiers=30, share=0.8)
    report = find_similar_papers(hall.matrix, hall.seating, every_pair_up_to=0)
    found = flagged(report)
    assert len(found & planted(hall)) >= 15
    assert len(found - planted(hall)) <= 1
    best = report.pairs[0]
    assert (best.family, best.seat_distance, best.same_class) == ("neighbour", 1.0, True)
    assert best.p < 1e-6
    assert best.gbt_p < 1e-4
    assert best.m4_p is not None
    assert 0.6 < report.null.sd < 1.1
    assert report.null.kind == "pairs in different rooms"


def test_honest_sittings_are_left_alone() -> None:
    flags = 0
    for seed in range(3):
        hall = make_hall(600, 80, 20 + seed)
        shown = shuffled_letters(hall, seed)
        flags += find_similar_papers(hall.matrix, hall.seating, shown=shown, every_pair_up_to=0).flagged
    assert flags <= 1


def test_the_fast_screen_flags_what_looking_at_every_pair_flags() -> None:
    hall = make_hall(240, 100, 3, copiers=25, share=0.9)
    every = find_similar_papers(hall.matrix, None, every_pair_up_to=10**6, listed=50)
    fast = find_similar_papers(hall.matrix, None, every_pair_up_to=0, listed=50)
    assert flagged(every) == flagged(fast)
    assert len(flagged(fast)) >= 8
    ours = {(pair.a, pair.b): pair for pair in every.pairs}
    for pair in fast.pairs:
        assert ours[pair.a, pair.b].p == pytest.approx(pair.p, rel=1e-9)


def test_the_same_answers_give_the_same_report() -> None:
    hall = make_hall(200, 60, 4, copiers=5, share=0.9)
    shown = shuffled_letters(hall, 1)
    one, other = (
        similarity_document(
            find_similar_papers(hall.matrix, hall.seating, shown=shown, every_pair_up_to=0),
            np.array(hall.matrix.persons),
            0.0,
        )
        for _ in range(2)
    )
    assert json.dumps(one, allow_nan=False) == json.dumps(other)


def test_classmates_are_judged_against_classmates_in_other_rooms() -> None:
    hall = make_hall(1200, 100, 5, class_effect=0.8)
    with_classes = find_similar_papers(hall.matrix, hall.seating, every_pair_up_to=0)
    assert with_classes.null_same_class is not None
    assert with_classes.null_same_class.mean > with_classes.null.mean + 0.3
    blind = dataclasses.replace(hall.seating, school_class=np.full(1200, -1))
    without = find_similar_papers(hall.matrix, blind, every_pair_up_to=0)
    assert with_classes.flagged <= without.flagged
    assert with_classes.flagged <= 1


def test_perfect_papers_are_identical_and_innocent() -> None:
    hall = make_hall(160, 60, 6)
    codes = hall.codes.copy()
    codes[:40] = hall.key
    report = find_similar_papers(matrix_of_codes(codes, hall.key, OPTIONS), hall.seating, every_pair_up_to=10**6)
    innocent = {f"P{row + 1:05d}" for row in range(40)}
    among = [pair for pair in report.pairs if {pair.a, pair.b} <= innocent]
    assert len(among) == 40 * 39 // 2
    assert not any(pair.judged or pair.flagged_by for pair in among)


def test_too_few_common_items_are_listed_and_not_judged() -> None:
    hall = make_hall(100, 20, 7)
    report = find_similar_papers(hall.matrix)
    assert len(report.pairs) == 100 * 99 // 2
    assert not any(pair.judged for pair in report.pairs)
    assert (report.flagged, report.pairs_judged) == (0, 0)
    assert report.notices


def test_two_forms_are_compared_on_their_common_items() -> None:
    hall = make_hall(600, 100, 8, copiers=20, share=0.95)
    codes = hall.codes.copy()
    # odd seats lack the first ten items, even seats the last ten: each copier has another form than the source
    codes[0::2, :10] = -NOT_ON_FORM
    codes[1::2, -10:] = -NOT_ON_FORM
    matrix = matrix_of_codes(codes, hall.key, OPTIONS)
    report = find_similar_papers(matrix, hall.seating, every_pair_up_to=0)
    found = [pair for pair in report.pairs if (pair.a, pair.b) in planted(hall) and pair.flagged_by]
    assert len(found) >= 8
    assert {pair.common for pair in found} <= {80, 90}


def test_blind_copying_of_letters_is_found_by_the_displayed_letters_alone() -> None:
    hall = make_hall(900, 80, 9, copiers=30, share=0.0)
    shown = shuffled_letters(hall, 2, blind=0.6)
    report = find_similar_papers(hall.matrix, hall.seating, shown=shown, every_pair_up_to=0)
    hits = [pair for pair in report.pairs if "letters" in pair.flagged_by]
    assert len({(pair.a, pair.b) for pair in hits} & planted(hall)) >= 28
    assert len({(pair.a, pair.b) for pair in hits} - planted(hall)) <= 1


def test_displayed_letters_of_honest_candidates_agree_as_often_as_chance_says() -> None:
    hall = make_hall(400, 80, 10)
    shown = shuffled_letters(hall, 3)
    pairs = np.stack(np.triu_indices(400, 1), axis=1)
    found = letter_matches(shown, pairs)
    assert found.same.mean() == pytest.approx(20, abs=0.1)
    assert found.same.var() == pytest.approx(15, abs=0.3)
    for level in (0.1, 0.01, 0.001):
        assert (found.p <= level).mean() < level * 1.1
    np.testing.assert_allclose(found.p, stats.binom.sf(found.same - 1, 80, 0.25), rtol=1e-9)


def test_letters_of_several_options_agree_less_easily() -> None:
    random = np.random.default_rng(11)
    codes = random.integers(0, 6, (2, 40)).astype(np.int16)
    codes[1, :20] = codes[0, :20]
    letters = np.full((2, 40), 2, dtype=np.int16)
    shown = DisplayedLetters(codes, letters, np.full(40, 4))
    found = letter_matches(shown, np.array([[0, 1]]))
    assert found.p[0] == pytest.approx(stats.binom.sf(int((codes[0] == codes[1]).sum()) - 1, 40, 1 / 6))
    letters[1, :20] = 1
    fewer = letter_matches(DisplayedLetters(codes, letters, np.full(40, 4)), np.array([[0, 1]]))
    same = int((codes[0] == codes[1]).sum())
    assert fewer.p[0] == pytest.approx(stats.binom.sf(same - 1, 20, 1 / 6), abs=1e-12)


def test_columns_beside_a_pair_tell_who_was_ahead_and_who_changed() -> None:
    hall = make_hall(120, 60, 12, copiers=1, share=1.0)
    source, copier = hall.copied[0]
    random = np.random.default_rng(1)
    at = np.cumsum(random.gamma(2, 20, hall.codes.shape), axis=1)
    spent = random.lognormal(3, 0.5, hall.codes.shape)
    at[copier] = at[source] + 15
    spent[copier] = spent[source] * 1.1
    first = hall.codes.copy()
    first[copier, :7] = (first[copier, :7] + 1) % OPTIONS
    report = find_similar_papers(hall.matrix, hall.seating, evidence=Evidence(at, spent, first))
    pair = next(
        each for each in report.pairs if {each.a, each.b} == {hall.matrix.persons[source], hall.matrix.persons[copier]}
    )
    assert pair.corroboration is not None
    beside = pair.corroboration
    assert (beside.a_first, beside.b_first) == (beside.shared, 0)
    assert (beside.a_changed_to_b, beside.b_changed_to_a) == (0, 7)
    assert beside.pace_r == pytest.approx(1)
    others = [each.corroboration.pace_r for each in report.pairs if each.corroboration and each is not pair]
    assert abs(float(np.mean([r for r in others if r is not None]))) < 0.05


def test_pairs_that_hang_together_become_one_group() -> None:
    rooms = {1: "R1", 2: "R1", 3: "R1", 8: "R2", 9: "R3"}
    groups = find_clusters([(1, 2), (2, 3), (8, 9)], rooms)
    assert [(group.members, group.is_incident) for group in groups] == [((1, 2, 3), True), ((8, 9), False)]


def test_budgets_are_shared_out_by_family() -> None:
    shared = share_out({Family.NEIGHBOUR: 1000, Family.SAME_ROOM: 0, Family.OTHER: 10**7}, Budgets(), True, 1 / 3)
    assert shared[Family.NEIGHBOUR].threshold == pytest.approx(0.02 / 1000)
    assert shared[Family.SAME_ROOM].threshold == 0
    assert shared[Family.OTHER].threshold == pytest.approx(0.01 / 10**7 / 3)


def test_seats_make_families() -> None:
    seating = seating_of(["R1", "R1", "R1", "R2", ""], [0, 1, 2, 0, None], [0, 1, 0, 0, None])
    pairs = np.array([[0, 1], [0, 2], [0, 3], [0, 4]])
    assert seating.families(pairs).tolist() == [Family.NEIGHBOUR, Family.SAME_ROOM, Family.OTHER, Family.OTHER]
    straight = dataclasses.replace(seating, diagonal=False)
    assert straight.families(pairs).tolist()[0] == Family.SAME_ROOM
    assert seating.room_pairs().tolist() == [[0, 1], [0, 2], [1, 2]]
    assert seating.room_pair_count() == 3
    assert (seating.distance(0, 2), seating.distance(0, 3)) == (2.0, None)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        find_similar_papers(matrix_of_scores(np.ones((3, 3))))
    assert refusal.value.code == "SIMILARITY_NEEDS_OPTIONS"
    with pytest.raises(InvalidInput) as refusal:
        find_similar_papers(matrix_of_codes(np.zeros((1, 40), dtype=np.int16), np.zeros(40, dtype=np.int64), 4))
    assert refusal.value.code == "SIMILARITY_NEEDS_PAIRS"
    with pytest.raises(InvalidInput) as refusal:
        DisplayedLetters(np.zeros((2, 3), dtype=np.int16), np.ones((2, 3), dtype=np.int16), np.full(3, 4))
    assert refusal.value.code == "TOO_FEW_SHUFFLED_POSITIONS"
