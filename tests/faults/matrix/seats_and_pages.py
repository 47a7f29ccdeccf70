"""F25, F26: one candidate at many places at once, and an old PC that wakes up after the move. On the wire, without browsers."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import func, select

from server.delivery.models import CandidateSession, JournalEntry
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Scene, exam_scene
from tests.faults.wire_people import WirePerson, figures_of, judge_wire, wire_people
from tests.support.processes import wait_until
from tests.support.raw_candidate import RawCandidate

AT_ONCE = 50
CLEAR_CODES = frozenset({"SEAT_IN_USE", "TOO_MANY_ATTEMPTS"})
BEFORE = timedelta(seconds=8)


def storm_one_ticket(scene: Scene, ticket: Any) -> Counter[str]:
    """Fifty devices sign in with one ticket in the same moment; what each was told."""
    barrier, told = threading.Barrier(AT_ONCE), Counter[str]()

    def sign_in() -> None:
        body = {"ticket_number": ticket.number, "pin": ticket.pin, "device_secret": secrets.token_hex(32)}
        barrier.wait()
        try:
            response = httpx.post(
                f"{scene.base_url}/api/candidate/sign-in", json=body, headers={"Origin": scene.base_url}, timeout=30
            )
            said = "in" if response.status_code < 300 else str(response.json().get("code"))
        except httpx.HTTPError as error:
            said = type(error).__name__
        told[said] += 1

    threads = [threading.Thread(target=sign_in, daemon=True) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return told


@fault(
    "F25", "50 处同时登录", "50 log-ins at once", promises=("P7",), goal="one seat; everybody else gets a clear code",
    repetitions=Repetitions(short=0, full=100, fixed_s=16, each_s=0.7),
    control="without the look at the seat in use more than one must get in",
)  # fmt: skip
def many_log_ins(case: FaultCase) -> Measured:
    most, least, codes = 0, AT_ONCE, Counter[str]()
    with exam_scene(case, candidates=max(2, case.repetitions), before_start=BEFORE) as scene:
        scene.open_doors()
        for turn in range(case.repetitions):
            ticket = scene.next_ticket()
            told = storm_one_ticket(scene, ticket)
            attempt = scene.attempt(ticket)
            sessions = scene.read(
                lambda session, attempt=attempt: session.scalar(
                    select(func.count()).select_from(CandidateSession).where(CandidateSession.attempt_id == attempt.id)
                )
            )
            seats = max(told["in"], sessions or 0, attempt.epoch)
            most, least = max(most, seats), min(least, seats)
            codes += told
            case.progress(turn + 1, case.repetitions, "tickets")
    unclear = sum(count for code, count in codes.items() if code not in CLEAR_CODES | {"in"})
    return Measured(
        passed=most == least == 1 and unclear == 0,
        n=case.repetitions,
        worst=f"{most} seats; {unclear} of {AT_ONCE * case.repetitions} without a clear answer",
        figures={"seats_max": most, "seats_min": least, **{f"said {code}": count for code, count in codes.items()}},
    )


@control_of("F25")
def nobody_looks_at_the_seat(case: FaultCase) -> ControlMeasured:
    with exam_scene(case, candidates=2, before_start=BEFORE, sabotage="no_seat_check") as scene:
        scene.open_doors()
        told = storm_one_ticket(scene, scene.next_ticket())
    return ControlMeasured(told["in"] > 1, f"no look at the seat in use: {told['in']} of {AT_ONCE} got in")


# ── F26 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


class NewPc(RawCandidate):
    """The same candidate at another PC, after the proctor released the seat."""

    def __init__(self, scene: Scene, old: WirePerson) -> None:
        super().__init__(scene.base_url, old.ticket)


def swap(scene: Scene, old: WirePerson) -> NewPc:
    room = scene.room_of(old.ticket)
    scene.press(room, "release-seat", {"attempt_id": old.attempt_id, "reason": "考生机损坏，换机"})
    new = NewPc(scene, old)
    new.enter()
    scene.press(room, "resume", {"attempt_id": old.attempt_id, "reason": "已就座"})
    new.begin()
    return new


def wake_up_after_swap(scene: Scene, people: list[WirePerson], case: FaultCase) -> dict[str, int]:
    """Each has three unsent answers, is moved, the new PC answers, then the old one wakes up and sends what it has."""
    seen = Counter[str]()
    dice = case.random("swaps")
    for turn, old in enumerate(people):
        item = dice.randrange(100)
        old.try_channel(old.answer(item, 0), by=old.base_url)
        unsent = [old.entry(item + number, 1) for number in range(3)]
        new = swap(scene, old)
        last = new.entry(item, 2)
        seen["new_accepted"] += new.send_by_http(last).json()["acks"][0]["standing"] == "counted"
        by_channel = dice.random() < 0.5 and old.channel is not None and old.channel.is_open
        reply = old.send(*unsent) if by_channel else old.send_by_http(*unsent).json()
        told = [(ack["standing"], ack["code"]) for ack in reply.get("acks", ())] or [("", reply.get("code"))]
        seen["by_channel"] += bool(by_channel)
        seen["old_refused"] += all(code == "SESSION_MOVED" for _, code in told)
        seen["old_counted"] += sum(standing == "counted" for standing, _ in told)
        stored = scene.stored(old.ticket)
        seen["final_right"] += stored[last["item"]] == tuple(last["value"])
        kept = scene.read(
            lambda session, old=old: session.scalar(
                select(func.count()).where(
                    JournalEntry.attempt_id == old.attempt_id, JournalEntry.standing == "superseded"
                )
            )
        )
        # over a channel that is still open its answers arrive and are kept; by HTTP its ended session gets nothing in
        seen["kept_as_evidence"] += kept == (3 if by_channel else 0)
        seen["proctor_told"] += by_channel and proctor_is_told(scene, old)
        new.close()
        case.progress(turn + 1, len(people), "swapped")
    return dict(seen)


def proctor_is_told(scene: Scene, person: WirePerson) -> bool:
    """The board offers the old PC's answers, within seconds."""

    def told() -> bool:
        return "superseded_answers" in str(scene.board(scene.room_of(person.ticket)))

    try:
        wait_until(told, seconds=5, what="the board shows it", every=0.2)
    except TimeoutError:
        return False
    return True


@fault(
    "F26", "换机后旧机醒来", "The old PC wakes up after a swap", promises=("P7",),
    goal="old writes get SESSION_MOVED and are never merged; what still arrives is kept and shown to the proctor",
    repetitions=Repetitions(short=3, full=20, fixed_s=18, each_s=0.8, short_s=30),
    control="without fencing by epoch the old PC's answers must count",
)  # fmt: skip
def old_pc_wakes_up(case: FaultCase) -> Measured:
    count = case.repetitions
    with exam_scene(case, candidates=count, before_start=BEFORE) as scene, wire_people(scene, count) as people:
        seen = wake_up_after_swap(scene, people, case)
        time.sleep(0.1)
        verdict = judge_wire(scene)
    right = all(
        seen.get(name, 0) == count for name in ("new_accepted", "old_refused", "final_right", "kept_as_evidence")
    )
    right = right and seen.get("proctor_told", 0) == seen.get("by_channel", 0)
    return Measured(
        passed=right and seen.get("old_counted", 0) == 0 and verdict.lost == 0,
        n=count,
        worst=f"{seen.get('old_counted', 0)} old answers merged; {seen.get('old_refused', 0)} of {count} old PCs told SESSION_MOVED",
        figures={**seen, "acked": figures_of(verdict)["acked"], "lost": verdict.lost},
        remark="on the wire, half over a channel still open, half by HTTP; the page itself is looked at in tests/browser",
    )


@control_of("F26")
def no_fencing(case: FaultCase) -> ControlMeasured:
    with (
        exam_scene(case, candidates=3, before_start=BEFORE, sabotage="no_epoch_check") as scene,
        wire_people(scene, 3) as people,
    ):
        seen = wake_up_after_swap(scene, people, case)
    merged = seen.get("old_counted", 0)
    return ControlMeasured(merged > 0, f"no fencing: {merged} answers of the old PCs were merged silently")
