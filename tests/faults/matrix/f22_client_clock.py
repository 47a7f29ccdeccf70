"""F22: the candidate's PC has a wrong date, and somebody or something sets it during the exam."""

from __future__ import annotations

from datetime import datetime

from playwright.sync_api import Page, expect

from server.scheduling.services.issue_tickets import IssuedTicket
from tests.faults.browser_people import another_device, await_saved, begin, browser_exam
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.support.live_server import LiveServer

GOAL_S = 1.0
DAY_MS = 86_400_000
#: the PC's date as everything in the page sees it; `window.__set(ms)` is somebody setting it
SHIM = """(() => {
  const Real = Date, mono = performance.now.bind(performance);
  let offset = %d;
  window.__set = (ms) => { offset = ms; };
  class Wrong extends Real {
    constructor(...given) { given.length ? super(...given) : super(Real.now() + offset); }
    static now() { return Real.now() + offset; }
  }
  window.Date = Wrong;
  if (%s) performance.now = () => Wrong.now() - Real.now() + mono();
})()"""


def shown_s(page: Page) -> float:
    """The remaining time on the screen, in seconds."""
    text = page.locator("[data-testid=clock] b").inner_text()
    seconds = 0
    for part in text.split(":"):
        seconds = seconds * 60 + int(part)
    return float(seconds)


def error_s(page: Page, exam: LiveServer, ticket: IssuedTicket) -> float:
    """How far the screen is from the truth; a started second is shown whole."""
    deadline = exam.attempt(ticket).deadline_at
    assert deadline is not None
    before: datetime = exam.platform.clock.now()
    shown = shown_s(page)
    after = exam.platform.clock.now()
    least, most = ((deadline - moment).total_seconds() for moment in (after, before))
    # Right is any whole second that was true while it was read: [least, most + 1).
    return max(0.0, least - shown, shown - (most + 1))


def live_with_wrong_clock(case: FaultCase, *, trusts_clock: bool) -> tuple[list[float], int]:
    """The worst error of each repetition, s; and how many answers were counted of those made."""
    dice = case.random("clock")
    errors: list[float] = []
    missing = 0
    with browser_exam(case, "trusting" if trusts_clock else "exam", case.repetitions) as (exam, playwright):
        for turn in range(case.repetitions):
            ticket = exam.next_ticket()
            context = another_device(playwright)
            page = context.new_page()
            wrong = dice.choice((-1, 1)) * dice.uniform(1, 30) * DAY_MS
            page.add_init_script(SHIM % (wrong, "true" if trusts_clock else "false"))
            begin(page, exam, ticket)
            worst = error_s(page, exam, ticket)
            for step in range(4):
                page.evaluate(f"window.__set({dice.choice((-1, 1)) * dice.uniform(0.01, 30) * DAY_MS})")
                page.keyboard.press("abcd"[step % 2])
                page.keyboard.press("ArrowRight")
                page.wait_for_timeout(dice.uniform(300, 1_200))
                if page.locator("[data-testid=clock] b").count() == 0:
                    worst = float("inf")  # the page believes that the time is over
                    break
                worst = max(worst, error_s(page, exam, ticket))
            if not trusts_clock:
                await_saved(page)
                expect(page.locator(".cells .cell.local")).to_have_count(0)
                missing += 4 - len(exam.stored(ticket))
            errors.append(worst)
            browser = context.browser
            assert browser is not None
            browser.close()
            case.progress(turn + 1, case.repetitions, "lived with a wrong clock")
    return errors, missing


@fault(
    "F22", "考生机时钟错误", "The candidate's clock is wrong by days", promises=("P6",),
    goal="remaining time on the screen wrong by <= 1 s, whatever the PC's date says and becomes; every answer counted",
    repetitions=Repetitions(short=1, full=10, fixed_s=14, each_s=8),
    control="a page that counts with the PC's date must show a wrong time",
)  # fmt: skip
def client_clock_wrong(case: FaultCase) -> Measured:
    errors, missing = live_with_wrong_clock(case, trusts_clock=False)
    worst = max(errors)
    return Measured(
        passed=worst <= GOAL_S * case.patience and missing == 0,
        n=len(errors),
        worst=f"{worst:.2f} s; {missing} answers not counted",
        figures={"error_s_max": round(worst, 3), "missing": missing},
        remark="real Chromium; the page's Date is moved by 1 to 30 days before the start and four times during the exam",
    )


@control_of("F22")
def trusts_its_clock(case: FaultCase) -> ControlMeasured:
    """The same page, whose monotonic clock is the PC's date."""
    one = FaultCase(case.folder, case.seed, 1, case.progress, case.patience)
    errors, _ = live_with_wrong_clock(one, trusts_clock=True)
    return ControlMeasured(max(errors) > 60, f"counting with the PC's date: wrong by {max(errors):,.0f} s")
