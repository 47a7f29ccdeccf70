"""A bank nobody of us wrote: imported row by row, a paper assembled from it, an exam sat on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from itembank.importers.item_reader import read_items
from itembank.importers.report import Severity
from itembank.importers.sheets import read_source
from itembank.models import SpecTable
from itembank.services.import_items import ChaptersTable, ImportOutcome, import_items
from itembank.services.load_demo_bank import DemoBank
from scoring.services.score_sitting import score_sitting
from scoring.services.verify_scores import verify_scores
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.delivery.models import Attempt
from server.rehearsal.demo_site import DemoDay, DemoSite, prepare_demo
from server.storage.unit_of_work import UnitOfWork
from server.webkit.platform import Platform
from tests.support.live_server import LiveServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]
OCCUPATION, LEVEL, TABLE = "4-07-03-04", 3, "人社窗口业务"
PEOPLE = 6
ITEMS = 90


class RealBank:
    """Imports the bank as `mingyuan bank import … --accept --spec-from-chapters` does, and keeps the report."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "banks" / "hr_social_security" / "bank.csv"
        self.outcome: ImportOutcome | None = None

    def load(self, uow: UnitOfWork, vault: Vault, actor: Actor) -> DemoBank:
        read = read_source(self._file)
        self.outcome = import_items(
            uow, vault, read_items(read.rows), OCCUPATION, LEVEL, "hr_social_security", actor,
            notes=read.notes, take_over=True, chapters_table=ChaptersTable(TABLE, "人社窗口业务员"),
        )  # fmt: skip
        with uow.read() as session:
            table = session.scalars(select(SpecTable).where(SpecTable.name == TABLE)).one()
        return DemoBank(items=self.outcome.accepted, points=0, spec_table_id=table.id)


@pytest.fixture(scope="module")
def bank(shared_data: Path) -> RealBank:
    return RealBank(shared_data)


@pytest.fixture(scope="module")
def exam(bank: RealBank, live_exam: Callable[..., LiveServer]) -> LiveServer:
    def prepare(platform: Platform, day: Callable[[], DemoDay]) -> DemoSite:
        return prepare_demo(platform, PEOPLE, day, load_bank=bank.load)

    return live_exam(prepare=prepare, before_start=timedelta(seconds=8), duration=timedelta(seconds=24))


def test_every_row_is_taken_or_named(exam: LiveServer, bank: RealBank) -> None:
    report = bank.outcome
    assert report is not None
    assert report.read == 3_300
    assert report.accepted + report.rejected == report.read
    assert report.accepted >= 2_400, "of 2,495 objective items nearly all"
    errors = [problem for problem in report.problems if problem.severity is Severity.ERROR]
    assert len({problem.row for problem in errors}) == report.rejected, "each rejected row is named"
    for problem in errors:
        assert problem.cell
        assert problem.message_zh
        assert problem.message_en
        assert problem.remedy_zh


def test_people_sit_an_exam_on_it_and_are_scored(exam: LiveServer) -> None:
    exam.keep_gates()
    exam.seat(PEOPLE, pace_s=0.2)
    exam.wait_until_done(seconds=150)

    verdict = exam.verdict()
    assert verdict.acked >= PEOPLE * 50
    assert (verdict.lost, verdict.duplicated, verdict.foreign, verdict.wrong_final) == (0, 0, 0, 0)
    receipts = [one.seen.receipt for one in exam.candidates]
    assert all(receipt is not None and receipt["total"] == ITEMS for receipt in receipts)

    score_sitting(exam.platform.uow, exam.platform.vault, exam.sitting_id)
    with exam.platform.uow.read() as session:
        scored = verify_scores(session, exam.platform.vault, exam.sitting_id)
        attempts = session.scalars(select(Attempt).where(Attempt.sitting_id == exam.sitting_id)).all()
    assert len(attempts) == PEOPLE
    assert (scored.attempts, scored.equal, scored.different) == (PEOPLE, PEOPLE, 0)
