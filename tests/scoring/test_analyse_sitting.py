"""From a sitting to figures, cases and proposals, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from itembank.models import Item, ItemProposal, ItemSignature, ItemSittingStatistics, ItemStatistics
from itembank.services.decide_proposal import decide_proposal
from scoring.analysis.sealed import open_figures
from scoring.domain.canonical import canonical_json
from scoring.domain.cases import Conclusion
from scoring.mark_schemes import ensure_mark_scheme
from scoring.models import SimilarityCase, SimilarityRun, SittingAnalysis
from scoring.services.analyse_sitting import analyse_sitting, begin_analysis
from scoring.services.decide_case import decide_case
from scoring.services.open_case import open_case
from scoring.services.read_case import read_case
from scoring.services.score_sitting import score_sitting
from server.audit.models import AuditEntry
from server.core.actor import SYSTEM, Actor
from server.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from server.core.permissions import Role
from server.delivery.models import Attempt
from tests.factories.accounts import an_account, an_actor, somebody
from tests.factories.analysis import DEAD_DISTRACTOR, TOO_EASY, WRONG_KEY, SatHall, a_sat_hall


@pytest.fixture
def keeper() -> Actor:
    return somebody(Role.BANK_KEEPER, "题库管理员")


def a_scored_hall(uow, vault, **more) -> SatHall:
    with uow() as work:
        hall = a_sat_hall(work.session, vault, **more)
    with uow() as work:
        ensure_mark_scheme(work, vault, hall.paper_id, SYSTEM)
    return hall


@pytest.fixture
def hall(uow, vault) -> SatHall:
    """Two rooms of thirty: enough for pairs, too few for a calibration."""
    return a_scored_hall(uow, vault, rooms=2)


def flags_of(uow, vault, hall: SatHall, place: int) -> set[str]:
    with uow.read() as session:
        row = session.get_one(ItemStatistics, hall.bank.versions[place])
        return {flag["code"] for flag in open_figures(vault, row)["figures"]["flags"]}


def test_an_analysis_finds_what_the_simulation_hid(uow, vault, office_head):
    hall = a_scored_hall(uow, vault)
    done = analyse_sitting(uow, vault, hall.id, office_head)
    assert (done.candidates, done.items, done.flagged_pairs) == (240, 50, 1)
    assert "WRONG_KEY_SUSPECTED" in flags_of(uow, vault, hall, WRONG_KEY)
    assert "DEAD_DISTRACTOR" in flags_of(uow, vault, hall, DEAD_DISTRACTOR)
    assert "TOO_EASY" in flags_of(uow, vault, hall, TOO_EASY)
    with uow.read() as session:
        run = session.scalars(select(SimilarityRun)).one()
        flagged = [{pair["a"], pair["b"]} for pair in run.document["pairs"] if pair["flagged_by"]]
        row = session.get_one(SittingAnalysis, hall.id)
        good = session.get_one(ItemStatistics, hall.bank.versions[0])
    assert flagged == [set(hall.copied[0])]
    assert (row.state, row.digest, row.input_digest) == ("done", done.digest, done.input_digest)
    assert good.n == good.exposures == 240
    assert good.b is not None
    assert 0 < good.p < 1


def test_the_same_answers_give_the_same_digests_and_no_second_row(uow, vault, hall, office_head, clock):
    first = analyse_sitting(uow, vault, hall.id, office_head)
    clock.advance(timedelta(hours=1))
    again = analyse_sitting(uow, vault, hall.id, office_head)
    assert (again.input_digest, again.digest, again.similarity_digest) == (
        first.input_digest,
        first.digest,
        first.similarity_digest,
    )
    assert (first.is_new, again.is_new) == (True, False)
    with uow.read() as session:
        for table, rows in ((SimilarityRun, 1), (ItemSittingStatistics, 50), (ItemStatistics, 50)):
            assert session.scalar(select(func.count()).select_from(table)) == rows


def test_an_open_sitting_is_refused_and_says_how_many_have_not_ended(uow, vault, office_head):
    hall = a_scored_hall(uow, vault, rooms=1)
    with uow() as work:
        work.session.get_one(Attempt, hall.attempts[0]).state = "answering"
    with pytest.raises(Conflict) as refused:
        analyse_sitting(uow, vault, hall.id, office_head)
    assert refused.value.code == "SITTING_STILL_OPEN"
    assert refused.value.data == {"unfinished": 1}


def test_changed_answers_stop_the_analysis_and_leave_it_free_for_another_try(uow, vault, office_head):
    hall = a_scored_hall(uow, vault, rooms=1)
    with uow() as work:
        work.session.get_one(Attempt, hall.attempts[0]).answers_digest = "0" * 64
    for _ in range(2):
        with pytest.raises(Conflict, match="ANSWERS_CHANGED"):
            analyse_sitting(uow, vault, hall.id, office_head)
    with uow.read() as session:
        row = session.get_one(SittingAnalysis, hall.id)
    assert (row.state, row.refusal["code"]) == ("failed", "ANSWERS_CHANGED")


def test_two_cannot_analyse_one_sitting_at_a_time_but_a_dead_one_does_not_block(uow, vault, office_head, clock):
    hall = a_scored_hall(uow, vault, rooms=1)
    begin_analysis(uow, hall.id, office_head)
    with pytest.raises(Conflict, match="ANALYSIS_RUNNING"):
        begin_analysis(uow, hall.id, office_head)
    clock.advance(timedelta(minutes=16))
    begin_analysis(uow, hall.id, office_head)


def test_thirty_candidates_get_figures_and_an_honest_refusal_of_the_calibration(uow, vault, office_head):
    hall = a_scored_hall(uow, vault, rooms=1, copiers=0)
    analyse_sitting(uow, vault, hall.id, office_head)
    with uow.read() as session:
        document = open_figures(vault, session.get_one(SittingAnalysis, hall.id))
    assert document["calibration_refused"]["code"] == "TOO_FEW_CANDIDATES"
    assert all(line["figures"]["b"] is None for line in document["items"])
    assert document["abilities"] is None


@pytest.mark.parametrize("role", [Role.PROCTOR, Role.EXAM_CLERK, Role.SITE_HEAD, Role.SYSADMIN])
def test_others_cannot_start_an_analysis(uow, vault, role):
    with pytest.raises(Forbidden, match="FORBIDDEN"):
        analyse_sitting(uow, vault, "any", somebody(role))


def test_a_rehearsal_tells_nothing_about_items(uow, vault, office_head):
    hall = a_scored_hall(uow, vault, rooms=1)
    with uow() as work:
        work.session.merge(hall.furnished.sitting).is_rehearsal = True
    analyse_sitting(uow, vault, hall.id, office_head)
    with uow.read() as session:
        assert session.scalar(select(func.count()).select_from(ItemStatistics)) == 0


def test_sittings_add_up_in_the_bank_and_a_wrong_key_is_proposed_when_answers_are_enough(
    uow, vault, keeper, monkeypatch
):
    monkeypatch.setattr("itembank.domain.proposals.LEAST_TO_ACT", 100)
    first = a_scored_hall(uow, vault, rooms=2)
    assert analyse_sitting(uow, vault, first.id, keeper).proposals == 0
    second = a_scored_hall(uow, vault, rooms=3, seed=2, bank=first.bank, starts_later=timedelta(days=7))
    assert analyse_sitting(uow, vault, second.id, keeper).proposals == 1
    assert analyse_sitting(uow, vault, second.id, keeper).proposals == 0
    version = first.bank.versions[WRONG_KEY]
    with uow.read() as session:
        pooled = session.get_one(ItemStatistics, version)
        parts = session.scalars(
            select(ItemSittingStatistics).where(ItemSittingStatistics.item_version_id == version)
        ).all()
        proposal = session.scalars(select(ItemProposal)).one()
    assert (pooled.n, pooled.sittings) == (150, 2)
    assert pooled.p == pytest.approx(sum(part.n * part.p for part in parts) / 150)
    assert (proposal.kind, proposal.state, proposal.item_version_id) == ("wrong_key", "open", version)
    decide_proposal(uow, proposal.id, True, "答案确有错误", keeper)
    with uow.read() as session:
        assert session.get_one(Item, proposal.item_id).state == "suspended"
        signature = session.scalars(select(ItemSignature).where(ItemSignature.item_id == proposal.item_id)).one()
    assert (signature.step, signature.by) == ("suspend", keeper.id)
    with pytest.raises(Conflict, match="TRANSITION_REFUSED"):
        decide_proposal(uow, proposal.id, False, "再想想", keeper)


def test_a_rejected_proposal_leaves_the_item_and_is_not_made_again_from_the_same_sitting(
    uow, vault, keeper, monkeypatch
):
    monkeypatch.setattr("itembank.domain.proposals.LEAST_TO_ACT", 90)
    hall = a_scored_hall(uow, vault, rooms=4)
    assert analyse_sitting(uow, vault, hall.id, keeper).proposals == 1
    with uow.read() as session:
        proposal = session.scalars(select(ItemProposal)).one()
    with pytest.raises(InvalidInput, match="REASON_REQUIRED"):
        decide_proposal(uow, proposal.id, False, " ", keeper)
    with pytest.raises(Forbidden):
        decide_proposal(uow, proposal.id, True, "好", somebody(Role.OFFICE_HEAD))
    decide_proposal(uow, proposal.id, False, "答案经专家核对无误", keeper)
    assert analyse_sitting(uow, vault, hall.id, keeper).proposals == 0
    with uow.read() as session:
        assert session.get_one(Item, proposal.item_id).state == "live"


class Staff:
    """An office head who opens cases, and two who may review."""

    def __init__(self, uow) -> None:
        with uow() as work:
            self.head, self.clerk, self.other, self.proctor = (
                an_actor(an_account(work.session, [role], display_name=role.value))
                for role in (Role.OFFICE_HEAD, Role.EXAM_CLERK, Role.SITE_HEAD, Role.PROCTOR)
            )


def test_a_case_goes_from_one_person_to_another_and_every_step_is_on_record(uow, vault, hall, office_head):
    score_sitting(uow, vault, hall.id)
    analyse_sitting(uow, vault, hall.id, office_head)
    staff, (a, b) = Staff(uow), hall.copied[0]
    with pytest.raises(Forbidden, match="SECOND_PERSON_REQUIRED"):
        open_case(uow, hall.id, a, b, staff.head.id, "相邻且同错 16 题", staff.head)
    with pytest.raises(InvalidInput, match="REVIEWER_NOT_POSSIBLE"):
        open_case(uow, hall.id, a, b, staff.proctor.id, "相邻", staff.head)
    with pytest.raises(NotFound, match="PAIR_NOT_FOUND"):
        open_case(uow, hall.id, a, a, staff.clerk.id, "相邻", staff.head)
    case = open_case(uow, hall.id, b, a, staff.clerk.id, "相邻且同错 16 题", staff.head)
    with pytest.raises(Conflict, match="CASE_EXISTS"):
        open_case(uow, hall.id, a, b, staff.clerk.id, "相邻", staff.head)
    for stranger in (staff.other, staff.head):
        with pytest.raises(NotFound, match="CASE_NOT_FOUND"):
            read_case(uow, vault, case.id, stranger)
    with pytest.raises(Conflict, match="TRANSITION_REFUSED"):  # nobody closes what he has not looked at
        decide_case(uow, case.id, Conclusion.NO_FINDING, "没看", staff.clerk)
    page = read_case(uow, vault, case.id, staff.clerk)
    assert (page.case.state, page.key_hidden, len(page.items)) == ("under_review", False, 50)
    assert sum(item.same for item in page.items) == page.pair.identical
    assert sum(bool(item.same_wrong) for item in page.items) == page.pair.identical_wrong
    read_case(uow, vault, case.id, staff.clerk)
    closed = decide_case(uow, case.id, Conclusion.REFERRED, "转质量督导处理", staff.clerk)
    assert (closed.state, closed.conclusion) == ("closed", "referred")
    with uow.read() as session:
        steps = session.scalars(
            select(AuditEntry.action).where(AuditEntry.subject == f"case:{case.id}").order_by(AuditEntry.seq)
        ).all()
        states = set(session.scalars(select(Attempt.state).where(Attempt.id.in_([a, b]))))
    assert steps == ["analysis.case.opened", "analysis.case.begun", "analysis.case.read", "analysis.case.closed"]
    assert states == {"submitted"}  # no number and no case voids a paper


def test_a_reviewer_who_may_not_see_scores_yet_gets_the_papers_without_keys(uow, vault, hall, office_head):
    score_sitting(uow, vault, hall.id)
    analyse_sitting(uow, vault, hall.id, office_head)
    staff, (a, b) = Staff(uow), hall.copied[0]
    case = open_case(uow, hall.id, a, b, staff.other.id, "相邻", staff.head)
    page = read_case(uow, vault, case.id, staff.other)  # scored, not confirmed: not for the site head
    assert page.key_hidden
    assert not any(option.is_key for item in page.items for option in item.options)
    assert all(item.a.is_right is None and item.same_wrong is None for item in page.items)
    with uow.read() as session:
        assert session.get_one(SimilarityCase, case.id).state == "under_review"


def test_no_figure_that_tells_a_key_lies_open_in_the_database(uow, vault, hall, office_head):
    analyse_sitting(uow, vault, hall.id, office_head)
    with uow.read() as session:
        rows = [
            *session.scalars(select(ItemStatistics)),
            *session.scalars(select(ItemSittingStatistics)),
            session.get_one(SittingAnalysis, hall.id),
        ]
        for row in rows:
            assert b"is_key" in canonical_json(open_figures(vault, row))
            stored = {column.name: getattr(row, column.name) for column in row.__table__.columns}
            assert "is_key" not in repr(stored)
            assert "WRONG_KEY" not in repr(stored)
        first, second = rows[0], rows[1]
        first.cipher = second.cipher
        with pytest.raises(Forbidden, match="CIPHERTEXT_REJECTED"):
            open_figures(vault, first)
