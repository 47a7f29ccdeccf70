"""Equal to what independent programs found in published data (LSAT 6 and 7, SAT 12)."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.analysis_files import read_responses
from scoring.domain.statistics.classical import analyse_classically
from scoring.domain.statistics.irt_2pl import calibrate_2pl
from scoring.domain.statistics.irt_model import estimate_abilities
from scoring.domain.statistics.response_matrix import ResponseMatrix
from scoring.domain.statistics.similarity.coded_answers import coded_answers
from scoring.domain.statistics.similarity.indices import pair_indices
from scoring.similarity_files import read_nominal_model, read_theta
from tests.scoring.statistics.reference_data import References

LOG_LIKELIHOOD = {"lsat6": -2466.653, "lsat7": -2658.805, "sat12": -9488.955}


def matrix_of(data_set: References) -> ResponseMatrix:
    key = data_set.path("key.csv")
    return read_responses(data_set.path("responses.csv"), key if key.is_file() else None).matrix


def test_item_statistics_are_those_of_the_reference(data_set: References) -> None:
    report = analyse_classically(matrix_of(data_set))
    names = {
        "p": "p",
        "sd": "sd",
        "item_total_r": "item_total_r",
        "item_rest_r": "item_rest_r",
        "alpha_if_deleted": "alpha_if_deleted",
        "d27": "D_27",
    }
    rows = data_set.table("reference_items.csv")
    assert [item.item for item in report.items] == [row["item"] for row in rows]
    for item, row in zip(report.items, rows, strict=True):
        for ours, theirs in names.items():
            assert getattr(item, ours) == pytest.approx(float(row[theirs]), abs=1e-6), (item.item, ours)


def test_test_statistics_are_those_of_the_reference(data_set: References) -> None:
    test = analyse_classically(matrix_of(data_set)).test
    reference = data_set.document("reference_test.json")
    names = {
        "n": "n",
        "k": "k",
        "mean": "mean",
        "sd": "sd_n1",
        "minimum": "min",
        "maximum": "max",
        "median": "median",
        "skew": "skew_g1",
        "kurtosis": "kurt_g2",
        "alpha": "cronbach_alpha",
        "kr20": "kr20",
        "kr21": "kr21",
        "split_half_r": "split_half_odd_even_r",
        "spearman_brown": "spearman_brown",
        "sem": "sem",
    }
    for ours, theirs in names.items():
        assert getattr(test, ours) == pytest.approx(reference[theirs], abs=1e-6), ours


def test_options_are_those_of_the_reference(sat12: References) -> None:
    report = analyse_classically(matrix_of(sat12))
    ours = [(item.item, option) for item in report.items for option in item.options]
    rows = sat12.table("reference_distractors.csv")
    assert len(ours) == len(rows)
    for (item, option), row in zip(ours, rows, strict=True):
        assert (item, option.option, int(option.is_key)) == (row["item"], row["option"], int(row["is_key"]))
        assert (option.n, option.upper27, option.lower27) == (int(row["n"]), int(row["upper27"]), int(row["lower27"]))
        for name in ("prop", "mean_total", "point_biserial_total", "point_biserial_rest"):
            assert getattr(option, name) == pytest.approx(float(row[name]), abs=1e-6)


@pytest.mark.parametrize(("model", "file"), [("2PL", "reference_irt_2PL.csv"), ("Rasch", "reference_irt_Rasch.csv")])
def test_calibration_is_that_of_the_reference(data_set: References, model: str, file: str) -> None:
    calibration = calibrate_2pl(matrix_of(data_set), common_slope=model == "Rasch")
    fit = data_set.document("reference_irt_fit.json")[model]
    assert calibration.converged
    assert calibration.loglik == pytest.approx(fit["logLik"], abs=1e-3)
    assert calibration.latent_sd**2 == pytest.approx(fit["latent_var"], abs=0.01)
    for place, row in enumerate(data_set.table(file)):
        for name in ("a", "b", "se_a", "se_b"):
            if row[name]:
                assert getattr(calibration, name)[place] == pytest.approx(float(row[name]), abs=0.01), (
                    row["item"],
                    name,
                )


def test_log_likelihoods_are_the_published_ones(data_set: References) -> None:
    calibration = calibrate_2pl(matrix_of(data_set))
    assert round(calibration.loglik, 3) == LOG_LIKELIHOOD[data_set.folder.name]


def test_abilities_are_those_of_the_reference(data_set: References) -> None:
    matrix = matrix_of(data_set)
    known = estimate_abilities(matrix, calibrate_2pl(matrix))
    for row in data_set.table("reference_irt_2PL_eap_by_first_pattern.csv"):
        place = int(row["person"]) - 1
        assert known.eap[place] == pytest.approx(float(row["eap"]), abs=0.01)
        assert known.se[place] == pytest.approx(float(row["se"]), abs=0.01)


def test_indices_of_the_forty_pairs_are_those_of_the_reference(sat12: References) -> None:
    folder = sat12.folder / "similarity"
    matrix = read_responses(folder / "complete_cases.csv", folder / "nominal_model.csv").matrix
    answers = coded_answers(matrix)
    theta = read_theta(folder / "theta.csv", matrix.persons)
    model = read_nominal_model(folder / "nominal_model.csv", answers, matrix, theta)
    rows = References(folder).table("pairs_reference.csv")
    place = {person: row for row, person in enumerate(matrix.persons)}
    pairs = np.array([[place[row["id_1"]], place[row["id_2"]]] for row in rows])
    found = pair_indices(answers, model, pairs)
    names = {
        "common": "items",
        "identical": "identical",
        "identical_right": "identical_correct",
        "identical_wrong": "identical_wrong",
        "both_wrong": "both_wrong",
        "gbt_p": "gbt_p",
        "omega_a_copies_b": "omega_1copies2",
        "omega_a_copies_b_p": "omega_1copies2_p",
        "omega_b_copies_a": "omega_2copies1",
        "omega_b_copies_a_p": "omega_2copies1_p",
        "k_a_copies_b_p": "K_1copies2",
        "k_b_copies_a_p": "K_2copies1",
    }
    for number, row in enumerate(rows):
        for ours, theirs in names.items():
            value = getattr(found, ours)[number]
            if row[theirs]:
                assert value == pytest.approx(float(row[theirs]), abs=1e-6), (row["id_1"], row["id_2"], ours)
            else:
                assert np.isnan(value)
