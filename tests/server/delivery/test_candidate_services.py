"""A candidate's way through the services, at the named moments: doors, start, earliest submission, end."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from itembank.queries import script_layout
from itembank.services.unlock_package import unlock_package
from server.adapters.throttle import InMemoryThrottle
from server.core.actor import SYSTEM
from server.core.clock import ManualClock
from server.core.errors import Conflict
from server.delivery.models import Attempt
from server.delivery.services.begin_attempt import BegunAttempt, begin_attempt
from server.delivery.services.close_overdue import SETTLING, close_overdue
from server.delivery.services.confirm_step import confirm_step
from server.delivery.services.prepare_attempts import prepare_attempts
from server.delivery.services.sign_in_candidate import SignedIn, SignInRequest, sign_in_candidate
from server.delivery.services.submit_attempt import submit_attempt
from server.scheduling.domain.rule_profile import load_profile
from server.scheduling.models import AdmissionTicket
from server.storage.database import Database
from server.webkit.platform import Platform
from tests.factories.proctor import ExamRoom, T, a_platform, exam_rooms, set_gates
from tests.factories.scheduling import DURATION, PIN

RULES = load_profile("default")
SECOND = timedelta(seconds=1)
DOORS = T - RULES.admission_opens_before
PAGE = "ab" * 16


class Exam:
    """One room of one candidate and its sealed bag, on a clock moved by hand."""

    def __init__(self, database: Database, clock: ManualClock, folder: Path) -> None:
        self.clock = clock
        self.platform: Platform = a_platform(database, clock, folder)
        self.room: ExamRoom = exam_rooms(self.platform, rooms=1, candidates=1, with_packages=True)[0]
        with self.platform.uow() as work:
            # the seat's form is the bag's one form
            work.session.scalars(select(AdmissionTicket)).one().form_label = "A"
        prepare_attempts(self.platform.uow, self.room.sitting_id, SYSTEM)
        self.throttle = InMemoryThrottle(clock)
        with self.platform.uow.read() as session:
            self.ticket_number = session.scalars(select(AdmissionTicket.number)).one()

    def at(self, moment: datetime) -> Exam:
        self.clock.jump(moment - self.clock.now())
        return self

    def open_doors(self) -> None:
        set_gates(self.platform.uow, self.room, admission_opened_at=DOORS)

    def open_paper(self) -> None:
        package = self.room.package
        assert package is not None
        with self.platform.uow() as work:
            unlock_package(work, self.platform.vault, package.package_id, *package.opening_secrets, SYSTEM)

    def sign_in(self, device: str = "d" * 64, pin: str = PIN) -> SignedIn:
        request = SignInRequest(self.ticket_number, pin, device, None, "10.0.0.21")
        return sign_in_candidate(self.platform.uow, self.platform.vault, self.throttle, request)

    def ready(self) -> Exam:
        """Signed in and both steps confirmed, at the doors."""
        self.at(DOORS).open_doors()
        self.sign_in()
        for step in ("identity", "rules"):
            confirm_step(self.platform.uow, self.attempt.id, step)
        return self

    def begin(self, epoch: int = 1) -> BegunAttempt:
        return begin_attempt(self.platform.uow, self.platform.vault, self.attempt.id, PAGE, epoch, SYSTEM)

    def submit(self) -> bool:
        return submit_attempt(self.platform.uow, self.attempt.id, self.attempt.epoch, SYSTEM)

    @property
    def attempt(self) -> Attempt:
        with self.platform.uow.read() as session:
            return session.scalars(select(Attempt)).one()


@pytest.fixture
def exam(database: Database, clock: ManualClock, tmp_path: Path) -> Exam:
    return Exam(database, clock, tmp_path)


def refused(code: str) -> pytest.RaisesExc[Conflict]:
    return pytest.raises(Conflict, match=code)


def test_preparing_gives_every_ticket_one_attempt_and_one_script_however_often(exam: Exam) -> None:
    assert prepare_attempts(exam.platform.uow, exam.room.sitting_id, SYSTEM) == 0

    script_id = exam.attempt.script_id
    assert script_id is not None
    with exam.platform.uow.read() as session:
        assert len(script_layout(session, script_id).items) == 10


def test_a_rehearsal_program_is_refused_at_a_real_sitting_and_changes_nothing(exam: Exam) -> None:
    exam.at(DOORS).open_doors()
    request = SignInRequest(exam.ticket_number, PIN, "d" * 64, None, "10.0.0.21", rehearsal=True)
    with pytest.raises(Conflict) as refusal:
        sign_in_candidate(exam.platform.uow, exam.platform.vault, exam.throttle, request)
    assert refusal.value.code == "NOT_A_REHEARSAL"
    assert exam.attempt.device_hash is None
    assert exam.attempt.state == "expected"


def test_nobody_signs_in_before_a_proctor_opened_the_doors(exam: Exam) -> None:
    with refused("ADMISSION_NOT_OPEN"):
        exam.at(DOORS).sign_in()


def test_the_doors_open_for_nobody_before_their_time(exam: Exam) -> None:
    exam.open_doors()

    with refused("ADMISSION_NOT_OPEN"):
        exam.at(DOORS - SECOND).sign_in()


def test_thirty_minutes_after_the_start_one_still_enters_and_a_second_later_not(exam: Exam) -> None:
    exam.open_doors()
    limit = T + RULES.late_entry_within

    with refused("LATE_ENTRY_REFUSED"):
        exam.at(limit + SECOND).sign_in()
    exam.at(limit).sign_in()

    assert exam.attempt.state == "admitted"


def test_the_paper_is_not_handed_out_before_the_start_nor_sealed(exam: Exam) -> None:
    exam.ready()

    with refused("NOT_STARTED"):
        exam.at(T - SECOND).begin()
    with refused("SEALED"):
        exam.at(T).begin()
    assert exam.attempt.state == "admitted"


def test_from_the_start_on_the_key_is_given_and_given_again(exam: Exam) -> None:
    exam.ready().open_paper()
    first = exam.at(T).begin()
    again = exam.at(T + 5 * SECOND).begin()

    assert first.key == again.key
    assert (exam.attempt.state, exam.attempt.started_at) == ("answering", T)


def test_a_page_of_an_older_epoch_is_not_given_the_key(exam: Exam) -> None:
    exam.ready().open_paper()

    with refused("SESSION_MOVED"):
        exam.at(T).begin(epoch=0)


def test_at_thirty_minutes_one_may_hand_in_and_a_second_before_not(exam: Exam) -> None:
    exam.ready().open_paper()
    exam.at(T).begin()
    opens = T + RULES.earliest_submission_after

    with refused("TOO_EARLY_TO_LEAVE") as refusal:
        exam.at(opens - SECOND).submit()
    assert refusal.value.data["opens_at"] == opens.isoformat()
    assert exam.at(opens).submit() is True
    assert exam.submit() is False

    attempt = exam.attempt
    assert (attempt.state, attempt.end_how, attempt.ended_at) == ("submitted", "submit", opens)
    assert attempt.receipt_code is not None


def test_time_out_hands_in_after_the_grace_and_not_a_moment_before(exam: Exam) -> None:
    exam.ready().open_paper()
    exam.at(T).begin()
    over = T + DURATION + RULES.network_grace + SETTLING

    exam.at(over - timedelta(milliseconds=1))
    assert close_overdue(exam.platform.uow) == 0
    exam.at(over)
    assert close_overdue(exam.platform.uow) == 1
    assert close_overdue(exam.platform.uow) == 0

    assert (exam.attempt.state, exam.attempt.end_how) == ("submitted", "timeout")


def test_whoever_signed_in_and_never_began_is_collected_at_the_end(exam: Exam) -> None:
    exam.ready()
    exam.at(T + DURATION + RULES.network_grace + SETTLING)

    assert close_overdue(exam.platform.uow) == 1
    assert (exam.attempt.state, exam.attempt.started_at) == ("collected", None)


def test_another_device_is_refused_until_a_proctor_releases_the_seat(exam: Exam) -> None:
    exam.ready()

    with refused("SEAT_IN_USE"):
        exam.sign_in(device="e" * 64)
    with exam.platform.uow() as work:
        work.session.get_one(Attempt, exam.attempt.id).released_at = exam.clock.now()
    exam.sign_in(device="e" * 64)

    assert (exam.attempt.epoch, exam.attempt.released_at) == (2, None)


def test_the_same_device_comes_back_without_anybodys_help_and_keeps_its_epoch(exam: Exam) -> None:
    exam.ready().open_paper()
    exam.at(T).begin()
    exam.at(T + 40 * 60 * SECOND).sign_in()

    assert (exam.attempt.epoch, exam.attempt.state) == (1, "answering")
