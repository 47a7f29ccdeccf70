"""What use has shown of items goes into assembly, drawn toward the expert's step, and a paper says by which figures it was made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from itembank.domain.measured_difficulty import shrunk_difficulty
from itembank.domain.proposals import LEAST_SITTINGS, LEAST_TO_ACT, ProposalKind, Use, reasons_to_suspend
from itembank.domain.targets import STEP_P, contributions, nearest_step
from itembank.models import Item, ItemStatistics, Paper
from itembank.services.assemble_paper import assemble_paper
from itembank.services.check_paper import check_paper
from server.core.actor import SYSTEM
from tests.factories.paper_rows import START, a_paper_world
from tests.factories.papers import a_bank, a_plan, a_spec

STEPS, SHARES = st.integers(1, 5), st.floats(0.0, 1.0)


@given(STEPS, SHARES, st.integers(1, 100_000))
def test_the_estimate_lies_between_the_expert_and_the_measurement(step, p, n):
    found = shrunk_difficulty(step, p, n)
    assert min(p, STEP_P[step]) - 1e-12 <= found.p <= max(p, STEP_P[step]) + 1e-12


@given(STEPS, SHARES, st.integers(1, 10_000))
def test_more_answers_weigh_more(step, p, n):
    assert shrunk_difficulty(step, p, n).weight < shrunk_difficulty(step, p, n + 1).weight < 1


def test_the_weight_is_the_one_of_the_formula():
    # k = .65 × .35 / .08² = 35.5: as many answers as that weigh as much as the expert
    found = shrunk_difficulty(3, 0.90, 36)
    assert found.weight == pytest.approx(36 / (36 + 0.65 * 0.35 / 0.08**2))
    assert found.p == pytest.approx(found.weight * 0.90 + (1 - found.weight) * 0.65)


@pytest.mark.parametrize(("p", "n"), [(None, 0), (None, 50), (0.4, 0)])
def test_without_answers_the_expert_s_step_stands(p, n):
    found = shrunk_difficulty(2, p, n)
    assert (found.p, found.weight, found.measured_p) == (STEP_P[2], 0.0, None)


def test_a_measured_item_adds_what_was_measured_and_others_what_their_step_says():
    _, points = a_spec()
    bank, plan = a_bank(points, count=3), a_plan()
    plain = contributions(bank, plan)
    changed = contributions([replace(bank[0], p=0.3), *bank[1:]], plan)
    share = changed[0, 1] / (plan.kind_points[bank[0].kind] / 100)
    assert share == pytest.approx(0.3)
    assert (changed[1:] == plain[1:]).all()
    same = replace(bank[0], p=STEP_P[bank[0].difficulty])
    assert contributions([same], plan)[0] == pytest.approx(plain[0])
    assert nearest_step(replace(bank[0], p=0.75)) == 2


USED = Use(n=LEAST_TO_ACT, sittings=1, exposed=300, candidates=300, flags=())


@pytest.mark.parametrize(
    ("use", "kinds"),
    [
        (USED, []),
        (replace(USED, flags=("WRONG_KEY_SUSPECTED",)), [ProposalKind.WRONG_KEY]),
        (replace(USED, flags=("WRONG_KEY_SUSPECTED",), n=LEAST_TO_ACT - 1), []),
        (replace(USED, flags=("NEGATIVE_DISCRIMINATION",)), [ProposalKind.FAULTY]),
        (replace(USED, flags=("TOO_EASY", "DEAD_DISTRACTOR")), []),
        (replace(USED, sittings=LEAST_SITTINGS), [ProposalKind.OVER_EXPOSED]),
        (replace(USED, sittings=LEAST_SITTINGS, candidates=1200), []),  # exactly a quarter has seen it
        (replace(USED, sittings=LEAST_SITTINGS - 1), []),
    ],
)
def test_use_gives_a_reason_only_from_enough_answers_and_sittings_on(use, kinds):
    assert [reason.kind for reason in reasons_to_suspend(use)] == kinds


def measure(world, p: float, n: int = 500) -> None:
    """Every item of the bank was used, and found equally hard."""
    with world.uow() as work:
        for version_id in work.session.scalars(select(Item.current_version_id).order_by(Item.id)).all():
            row = work.session.get(ItemStatistics, version_id) or ItemStatistics(item_version_id=version_id)
            row.exposures = row.n = n
            row.sittings, row.p, row.cipher, row.input_digest, row.made_at = 1, p, b"", "0" * 64, START
            work.session.add(row)


def test_a_paper_says_which_statistics_it_was_made_by_and_checks_the_same_later(database, tmp_path):
    world = a_paper_world(database, tmp_path)
    before = world.assemble()
    measure(world, 0.5)
    made = world.assemble()
    again = world.assemble()
    assert before.statistics_digest == ""
    assert (made.statistics_digest, made.digest, made.bank_digest) == (
        again.statistics_digest, again.digest, again.bank_digest,
    )  # fmt: skip
    assert made.digest != before.digest
    assert made.bank_digest != before.bank_digest
    expected = made.forms[0].expected_scores[1]
    assert expected / (made.forms[0].points / 100) == pytest.approx(0.5, abs=0.03)
    alone = assemble_paper(world.uow, world.vault, "small", 2, 1, 7, SYSTEM, use_statistics=False)
    assert (alone.digest, alone.statistics_digest) == (before.digest, "")
    with world.uow.read() as session:
        kept = session.get_one(Paper, made.paper_id).statistics
    assert kept["digest"] == made.statistics_digest
    assert len(kept["p"]) == len({item for form in made.forms for item in form.items})
    report = check_paper(world.uow, made.paper_id, SYSTEM)
    measure(world, 0.95)
    assert check_paper(world.uow, made.paper_id, SYSTEM).to_document() == report.to_document()
    assert world.assemble().digest != made.digest
