"""F23: a PC dies offline with unsent answers; the candidate goes on at another, and the old disk gives them back."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Playwright, expect

from server.core.permissions import Role
from server.rehearsal.demo_site import DemoAccount
from server.rehearsal.staff import StaffMember
from server.scheduling.services.issue_tickets import IssuedTicket
from tests.factories.accounts import PASSWORD, an_account
from tests.faults.browser_people import (
    another_device,
    answer_next,
    await_question,
    await_saved,
    begin,
    browser_exam,
    newest,
    sign_in,
    wait_for_entries,
)
from tests.faults.nemesis.browser_process import CandidatePc
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.support.live_server import LiveServer

UNSENT = 3
Responses = dict[str, tuple[str, ...]]


def die_offline(playwright: Playwright, exam: LiveServer, ticket: IssuedTicket, profile: Path, acked: int) -> Responses:
    """Answer, lose the network, answer three more, die. What the PC's disk held then, as the candidate saw it."""
    with CandidatePc(playwright, profile) as pc:
        page = pc.page()
        begin(page, exam, ticket)
        answer_next(page, acked, "abdc")
        await_saved(page)
        page.context.set_offline(True)
        answer_next(page, UNSENT, "cab")
        made = newest(wait_for_entries(page, acked + UNSENT))
        pc.kill()
    return made


def go_on_elsewhere(playwright: Playwright, exam: LiveServer, ticket: IssuedTicket) -> Page:
    """The proctor releases the seat, the candidate signs in at a fresh PC, the proctor resumes him."""
    room, attempt = exam.room_of(ticket), exam.attempt(ticket)
    exam.press(room, "release-seat", {"attempt_id": attempt.id, "to_seat_id": None, "reason": "考试机故障"})
    page = another_device(playwright).new_page()
    sign_in(page, exam, ticket)
    exam.press(room, "resume", {"attempt_id": attempt.id, "reason": "已就座"})
    await_question(page)
    return page


def carry_over(
    playwright: Playwright, exam: LiveServer, ticket: IssuedTicket, profile: Path, inspector: StaffMember
) -> int:
    """The old disk in a PC that runs again: export, import under two roles. How many entries were new; 0: nothing found."""
    room, attempt = exam.room_of(ticket), exam.attempt(ticket)
    with CandidatePc(playwright, profile) as pc:
        page = pc.page()
        page.goto(f"{exam.base_url}/")
        expect(page.get_by_role("heading", name="考生登录")).to_be_visible()
        offer = page.get_by_role("button", name="监考员：导出本机作答")
        page.wait_for_timeout(500)
        if not offer.count():
            return 0
        offer.click()
        # The file is caught where it is made: a browser driven from outside writes its downloads where it likes.
        page.evaluate(
            """() => { URL.createObjectURL = (blob) => { blob.text().then((text) => (window.__file = text)); return 'blob:caught'; } }"""
        )
        page.get_by_role("button", name="保存文件").first.click()
        page.wait_for_function("window.__file")
        file = page.evaluate("window.__file")
    shown = exam.press(room, "show-journal", {"attempt_id": attempt.id, "file": file})["journal"]
    exam.press(room, "import-journal", {"import_id": shown["import_id"]})
    inspector.command(exam.sitting_id, room.room_id, "import-journal", {"import_id": shown["import_id"]})
    return int(shown["counted"])


def an_inspector(exam: LiveServer) -> StaffMember:
    """Somebody of the other role, signed in over HTTP."""
    with exam.platform.uow() as work:
        account = an_account(work.session, [Role.INSPECTOR], login_name="inspector-f23", display_name="巡考")
        made = DemoAccount(account.login_name, account.display_name, PASSWORD, account.id, "inspector")
    return exam.person(made)


@fault(
    "F23", "考生机损坏、有未上传答案、换机", "PC dies with unsent answers, swap", promises=("P3",),
    goal="100 % of the acknowledged answers at the new PC; all unsent ones recovered from the old disk by export and import",
    repetitions=Repetitions(short=1, full=20, fixed_s=14, each_s=14),
    control="with the old disk wiped the unsent answers must be missing",
)  # fmt: skip
def pc_dies(case: FaultCase) -> Measured:
    dice = case.random("answers")
    lost = unrecovered = unsent = acked = 0
    with browser_exam(case, "exam", case.repetitions) as (exam, playwright):
        inspector = an_inspector(exam)
        for turn in range(case.repetitions):
            ticket, profile = exam.next_ticket(), case.folder / f"pc-{turn}"
            count = dice.randint(1, 6)
            made = die_offline(playwright, exam, ticket, profile, count)
            before = exam.stored(ticket)
            page = go_on_elsewhere(playwright, exam, ticket)
            expect(page.get_by_text(f"已答 {len(before)}").first).to_be_visible()
            lost += sum(made[item] != value for item, value in before.items()) + (count - len(before))
            new = carry_over(playwright, exam, ticket, profile, inspector)
            after = exam.stored(ticket)
            unrecovered += sum(after.get(item) != value for item, value in made.items())
            unsent, acked = unsent + new, acked + count
            expect(page.get_by_text(f"已答 {len(made)}").first).to_be_visible()
            browser = page.context.browser
            assert browser is not None
            browser.close()
            case.progress(turn + 1, case.repetitions, "died and swapped")
    return Measured(
        passed=lost == 0 and unrecovered == 0 and unsent == UNSENT * case.repetitions,
        n=case.repetitions,
        worst=f"{lost} of {acked} acknowledged missing; {unrecovered} of {UNSENT * case.repetitions} unsent not recovered",
        figures={"acked": acked, "lost": lost, "unsent": UNSENT * case.repetitions, "recovered": unsent},
        remark="real Chromium with its profile on disk, killed with SIGKILL while offline",
    )


@control_of("F23")
def old_disk_wiped(case: FaultCase) -> ControlMeasured:
    """The same, but the old PC comes back with an empty profile."""
    with browser_exam(case, "wiped", 1) as (exam, playwright):
        inspector = an_inspector(exam)
        ticket = exam.next_ticket()
        made = die_offline(playwright, exam, ticket, case.folder / "pc-before", 2)
        go_on_elsewhere(playwright, exam, ticket)
        new = carry_over(playwright, exam, ticket, case.folder / "pc-wiped", inspector)
        missing = sum(exam.stored(ticket).get(item) != value for item, value in made.items())
    return ControlMeasured(
        missing > 0 and new == 0, f"with an empty disk {missing} of {UNSENT} unsent answers are missing"
    )
