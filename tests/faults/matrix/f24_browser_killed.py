"""F24: the browser dies in mid-exam and is opened again on the same PC."""

from __future__ import annotations

import shutil
import time

from playwright.sync_api import Page

from tests.faults.browser_people import (
    answer_next,
    await_question,
    await_saved,
    begin,
    browser_exam,
    newest,
    wait_for_entries,
)
from tests.faults.nemesis.browser_process import CandidatePc
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.support.processes import wait_until

GOAL_S = 3.0


def crash_and_return(
    case: FaultCase, name: str, repetitions: int, *, keeps_nothing: bool
) -> tuple[list[float], int, int]:
    """Seconds from the opened page to the question, for each crash; answers not shown again; answers not stored in the end."""
    dice = case.random("crash")
    waits: list[float] = []
    unseen = unstored = 0
    with browser_exam(case, name, 2) as (exam, playwright):
        ticket = exam.next_ticket()
        with CandidatePc(playwright, case.folder / f"{name}-pc") as pc:
            page = pc.page()
            begin(page, exam, ticket)
            answer_next(page, 2, "ab")
            await_saved(page)
            pc.wait_until_kept("127.0.0.1")
            lines = 2
            for turn in range(repetitions):
                count = dice.randint(1, 3)
                page.context.set_offline(True)
                answer_next(page, count, dice.choice(("ab", "ba", "cd")))
                lines += count
                made = newest(wait_for_entries(page, lines))
                page.wait_for_timeout(dice.uniform(0, 400))
                pc.kill()
                if keeps_nothing:
                    shutil.rmtree(pc.profile / "Default" / "IndexedDB", ignore_errors=True)
                page = pc.start()
                began = time.monotonic()
                page.goto(f"{exam.base_url}/", wait_until="commit")
                await_question(page)
                shown = answered(page)
                waits.append(time.monotonic() - began)
                unseen += max(0, len(made) - shown)
                await_saved(page)
                if not keeps_nothing:
                    wait_until(lambda wanted=made: exam.stored(ticket) == wanted, seconds=10, what="everything stored")
                stored = exam.stored(ticket)
                unstored += sum(stored.get(item) != value for item, value in made.items())
                page.locator(".cells .cell").nth(len(made)).click()
                case.progress(turn + 1, repetitions, "killed and opened again")
    return waits, unseen, unstored


def answered(page: Page) -> int:
    """How many items the answer sheet shows as answered."""
    return page.locator(".area-side .cells .cell.answered").count()


@fault(
    "F24", "浏览器崩溃，原机恢复", "Browser crash, same PC", promises=("P2",),
    goal="back at the question with every answer, unsent ones included, <= 3 s after the page was opened; 100 % stored",
    repetitions=Repetitions(short=1, full=20, fixed_s=45, each_s=5),
    control="with the PC's journal taken away the unsent answers must be missing",
)  # fmt: skip
def browser_killed(case: FaultCase) -> Measured:
    waits, unseen, unstored = crash_and_return(case, "exam", case.repetitions, keeps_nothing=False)
    return Measured(
        passed=max(waits) <= GOAL_S * case.patience and unseen == 0 and unstored == 0,
        n=len(waits),
        worst=f"{max(waits):.2f} s; {unseen} not shown, {unstored} not stored",
        figures={"wait_s_max": round(max(waits), 3), "unseen": unseen, "unstored": unstored},
        remark="real Chromium, SIGKILL to all its processes; from the opening of the page, the browser's own start not counted",
    )


@control_of("F24")
def journal_taken_away(case: FaultCase) -> ControlMeasured:
    """The same crash on a PC whose journal is gone."""
    _, unseen, unstored = crash_and_return(case, "forgetful", 1, keeps_nothing=True)
    return ControlMeasured(
        unseen > 0 and unstored > 0, f"without its journal: {unseen} answers not shown, {unstored} not stored"
    )
