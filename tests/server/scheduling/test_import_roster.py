"""A roster goes in whole or not at all, and every fault has a row, a cell, a reason and a remedy."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import func, select

from server.adapters.vault import Vault
from server.core.clock import ManualClock
from server.core.errors import Conflict, InvalidInput
from server.scheduling.domain.states import SittingState
from server.scheduling.id_numbers import open_id_number
from server.scheduling.models import Candidate, ImportBatch, Registration
from server.scheduling.services.import_roster import RosterReport, import_roster
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import somebody
from tests.factories.rosters import HEADER, as_csv, as_xlsx, roster_rows
from tests.factories.scheduling import DURATION, STARTS_AT, a_sitting, id_number

CLERK = somebody()


@pytest.fixture
def sitting_id(uow: UnitOfWork) -> str:
    with uow() as work:
        return a_sitting(work.session, state=SittingState.PLANNED).id


def registered(uow: UnitOfWork, sitting_id: str) -> int:
    with uow.read() as session:
        query = select(func.count()).select_from(Registration).where(Registration.sitting_id == sitting_id)
        return session.scalar(query) or 0


def codes(report: RosterReport) -> list[tuple[int, str, str]]:
    return [(problem.row, problem.cell, problem.code) for problem in report.problems]


def test_a_clean_roster_registers_everybody(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    report = import_roster(uow, vault, sitting_id, "名单.xlsx", as_xlsx(roster_rows(40)), CLERK)
    assert (report.read, report.accepted, report.rejected, report.stored) == (40, 40, 0, 40)
    assert not report.problems
    assert not report.notes
    assert registered(uow, sitting_id) == 40


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_is_read_in_every_usual_encoding(uow: UnitOfWork, vault: Vault, sitting_id: str, encoding: str) -> None:
    report = import_roster(uow, vault, sitting_id, "名单.csv", as_csv(roster_rows(3), encoding), CLERK)
    assert report.stored == 3
    with uow.read() as session:
        assert sorted(session.scalars(select(Candidate.name))) == ["考生0000", "考生0001", "考生0002"]


def test_five_thousand_rows_with_37_faults_give_37_lines(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    rows = roster_rows(5000)
    faulty = range(100, 4900, 130)
    for count, row in enumerate(faulty):
        match count % 4:
            case 0:
                rows[row - 1][0] = "  "
            case 1:
                good = rows[row - 1][2]
                rows[row - 1][2] = good[:17] + ("0" if good[17] != "0" else "1")
            case 2:
                rows[row - 1][1] = "学生证"
            case _:
                rows[row - 1][2] = rows[row - 51][2]
    data = as_xlsx(rows)
    started = time.perf_counter()
    report = import_roster(uow, vault, sitting_id, "名单.xlsx", data, CLERK)
    assert time.perf_counter() - started < 20
    assert len(faulty) == 37
    assert [problem.row for problem in report.problems] == list(faulty)
    assert (report.read, report.accepted, report.rejected, report.stored) == (5000, 4963, 37, 0)
    assert all(problem.message_zh and problem.message_en and problem.remedy for problem in report.problems)
    assert registered(uow, sitting_id) == 0


def test_good_rows_go_in_when_that_is_accepted(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    rows = roster_rows(10)
    rows[4][0] = ""
    assert import_roster(uow, vault, sitting_id, "名单.xlsx", as_xlsx(rows), CLERK).stored == 0
    report = import_roster(uow, vault, sitting_id, "名单.xlsx", as_xlsx(rows), CLERK, accept_good=True)
    assert (report.stored, codes(report)) == (9, [(5, "A5", "NAME_MISSING")])
    assert registered(uow, sitting_id) == 9
    with uow.read() as session:
        batch = session.get(ImportBatch, report.import_id)
        assert batch is not None
        assert batch.report["rejected"] == 1


def test_names_keep_their_characters(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    names = ["𠮷野", "阿卜杜拉·买买提", "O\u2019Brien ﬁ", "Ａｎｎａ"]
    rows = [list(HEADER), *[[name, "", id_number(n), "", ""] for n, name in enumerate(names)]]
    assert import_roster(uow, vault, sitting_id, "名单.xlsx", as_xlsx(rows), CLERK).stored == 4
    with uow.read() as session:
        assert set(session.scalars(select(Candidate.name))) == set(names)


def test_blanks_around_a_name_are_cut_off_with_a_note(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    rows = [list(HEADER), [" 陈小明\u3000", "", id_number(1), "", ""]]
    report = import_roster(uow, vault, sitting_id, "名单.csv", as_csv(rows), CLERK)
    assert report.stored == 1
    assert [(note.code, note.cell) for note in report.notes] == [("BLANKS_CUT_OFF", "A2")]


def test_the_id_number_is_sealed_hashed_and_masked(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    number = "11010519491231002x"
    import_roster(uow, vault, sitting_id, "a.csv", as_csv([list(HEADER), ["陈小明", "", number, "", ""]]), CLERK)
    with uow.read() as session:
        candidate = session.scalars(select(Candidate)).one()
        batch = session.scalars(select(ImportBatch)).one()
    assert candidate.id_number_masked == "1101**********002X"
    assert open_id_number(vault, candidate.id, candidate.id_number_cipher) == "11010519491231002X"
    assert number.upper().encode() not in candidate.id_number_cipher
    assert number.upper() not in str(batch.report).upper()
    assert candidate.name_pinyin == "cxm chenxiaoming"


def test_a_report_never_shows_a_whole_id_number(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    rows = [list(HEADER), ["陈小明", "", "11010519491231002X", "", ""], ["李雷", "", "110105194912310021", "", ""]]
    report = import_roster(uow, vault, sitting_id, "a.csv", as_csv(rows), CLERK)
    assert codes(report) == [(3, "C3", "ID_NUMBER_WRONG_CHECK")]
    assert report.problems[0].value == "1101**********0021"


def test_a_number_cell_that_lost_digits_is_named(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    rows = [list(HEADER), ["陈小明", "", 110105194912310021, "", ""]]
    assert codes(import_roster(uow, vault, sitting_id, "a.xlsx", as_xlsx(rows), CLERK)) == [
        (2, "C2", "ID_NUMBER_DAMAGED")
    ]


def test_other_documents_carry_no_check(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    rows = [list(HEADER), ["Anna", "护照", "e12345678", "", ""], ["陈", "港澳居民来往内地通行证", "H12345678", "", ""]]
    assert import_roster(uow, vault, sitting_id, "a.csv", as_csv(rows), CLERK).stored == 2


def test_the_header_may_stand_lower_and_look_different(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    rows = [["2026 年报名表", "", ""], [], ["序号", "姓 名*", "身份证号（必填）"], [1, "陈小明", id_number(1)]]
    report = import_roster(uow, vault, sitting_id, "a.xlsx", as_xlsx(rows), CLERK)
    assert report.stored == 1
    assert [(note.code, note.cell) for note in report.notes] == [("COLUMN_NOT_USED", "A3")]


def test_a_file_without_header_is_refused_as_a_whole(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        import_roster(uow, vault, sitting_id, "a.csv", as_csv([["陈小明", id_number(1)]]), CLERK)
    assert refused.value.code == "ROSTER_HEADER_MISSING"


def test_somebody_on_the_roster_already_is_named(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    import_roster(uow, vault, sitting_id, "a.csv", as_csv(roster_rows(2)), CLERK)
    report = import_roster(uow, vault, sitting_id, "a.csv", as_csv(roster_rows(3)), CLERK)
    assert codes(report) == [(2, "C2", "ALREADY_REGISTERED"), (3, "C3", "ALREADY_REGISTERED")]
    assert registered(uow, sitting_id) == 2


def test_the_same_number_under_another_name_is_named(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    import_roster(uow, vault, sitting_id, "a.csv", as_csv(roster_rows(1)), CLERK)
    rows = roster_rows(1)
    rows[1][0] = "别人"
    assert codes(import_roster(uow, vault, sitting_id, "a.csv", as_csv(rows), CLERK)) == [(2, "A2", "NAME_DIFFERS")]


def test_nobody_sits_two_exams_at_the_same_time(uow: UnitOfWork, vault: Vault, sitting_id: str) -> None:
    import_roster(uow, vault, sitting_id, "a.csv", as_csv(roster_rows(1)), CLERK)
    with uow() as work:
        same_time = a_sitting(work.session, state=SittingState.PLANNED, starts_at=STARTS_AT + DURATION / 2).id
        later = a_sitting(work.session, state=SittingState.PLANNED, starts_at=STARTS_AT + DURATION).id
    refused = import_roster(uow, vault, same_time, "a.csv", as_csv(roster_rows(1)), CLERK)
    assert codes(refused) == [(2, "C2", "REGISTERED_ELSEWHERE")]
    assert import_roster(uow, vault, later, "a.csv", as_csv(roster_rows(1)), CLERK).stored == 1
    with uow.read() as session:
        assert session.scalar(select(func.count()).select_from(Candidate)) == 1


def test_a_published_sitting_takes_no_roster(uow: UnitOfWork, vault: Vault, clock: ManualClock) -> None:
    with uow() as work:
        published = a_sitting(work.session, state=SittingState.PUBLISHED).id
    with pytest.raises(Conflict) as refused:
        import_roster(uow, vault, published, "a.csv", as_csv(roster_rows(1)), CLERK)
    assert refused.value.code == "SITTING_NOT_PLANNED"
