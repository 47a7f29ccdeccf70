"""F12, F13, F14: replies that are cut off or late, requests that overtake each other."""

from __future__ import annotations

import time
from datetime import timedelta

from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import exam_scene, in_background
from tests.faults.wire_people import WirePerson, figures_of, judge_wire, wire_people, wrong

PEOPLE = 8
BEFORE = timedelta(seconds=7)
#: the server may be busy: a message again after so long
AGAIN_S = 0.05


def insist(person: WirePerson, entry: dict[str, object]) -> None:
    """As a page does: again, with the same number, until it is acknowledged."""
    for _ in range(200):
        if person.try_channel(entry) or person.try_http(entry):
            return
        time.sleep(AGAIN_S)
    raise TimeoutError("an entry was never acknowledged")


# ── F12 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def cut_replies(people: list[WirePerson], case: FaultCase, times: int) -> int:
    """Answer, lose the reply, answer again with the same number; how many replies were really taken away."""
    moments = case.random("cuts")
    for turn in range(times):
        one = people[turn % len(people)]
        entry = one.answer(moments.randrange(100), turn)
        by_channel = moments.random() < 0.5
        if by_channel and (one.channel is None or not one.channel.is_open):
            one.connect(one.relay.base_url)
        one.relay.cut_next_reply()
        heard = one.try_channel(entry) if by_channel else one.try_http(entry, by=one.relay.base_url)
        one.relay.let_through()
        if not heard:
            insist(one, entry)
        case.progress(turn + 1, times, "replies cut")
    return sum(one.relay.cuts for one in people)


@fault(
    "F12", "提交后回复被切断", "Reply cut after the commit", promises=("P1", "P8"),
    goal="0 doubled, 0 lost; acknowledged after the retry",
    repetitions=Repetitions(short=60, full=1000, fixed_s=16, each_s=0.06, short_s=25),
    control="without looking for repeats the same answer must stand twice",
)  # fmt: skip
def reply_cut(case: FaultCase) -> Measured:
    with exam_scene(case, candidates=PEOPLE, before_start=BEFORE) as scene, wire_people(scene, PEOPLE) as people:
        cuts = cut_replies(people, case, case.repetitions)
        verdict = judge_wire(scene)
    unacked = sum(not one.acked for one in scene.entries())
    return Measured(
        passed=wrong(verdict) == 0 and unacked == 0 and cuts >= 0.9 * case.repetitions,
        n=cuts,
        worst=f"{verdict.duplicated} doubled, {verdict.lost} lost, {unacked} not acknowledged in the end",
        figures={**figures_of(verdict), "cuts": cuts, "unacked": unacked},
        remark="half over the live channel, half over plain HTTP",
    )


@control_of("F12")
def take_repeats_for_new(case: FaultCase) -> ControlMeasured:
    with (
        exam_scene(case, candidates=PEOPLE, before_start=BEFORE, sabotage="no_repeat_check") as scene,
        wire_people(scene, 2) as people,
    ):
        cuts = cut_replies(people, case, 20)
        verdict = judge_wire(scene)
    return ControlMeasured(
        verdict.duplicated > 0, f"no look for repeats: {verdict.duplicated} doubled after {cuts} cuts"
    )


# ── F13 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

DELAY_S, SHORT_DELAY_S = 30.0, 3.0
AT_ONCE = 40


def delay_round(people: list[WirePerson], case: FaultCase, turn: int, delay_s: float) -> None:
    """Everybody at once: one copy of an answer is on its way for `delay_s` (the request or its reply); meanwhile the same
    is sent directly, then a newer one for the same item; then the late copy arrives."""
    choices = case.random(f"delays-{turn}")
    waiting = []
    for number, one in enumerate(people):
        item = choices.randrange(100)
        old = one.answer(item, number)
        late_request = choices.random() < 0.5
        one.relay.delay_requests_s = delay_s if late_request else 0.0
        one.relay.delay_replies_s = 0.0 if late_request else delay_s

        def send_late(one: WirePerson = one, entry: dict[str, object] = old) -> None:
            one.try_http(entry, by=one.relay.base_url, timeout=delay_s * 2 + 15)

        waiting.append(in_background(send_late))
        insist_directly(one, old)
        insist_directly(one, one.answer(item, number + 1))
    for thread in waiting:
        thread.join(timeout=delay_s * 2 + 20)
    for one in people:
        one.relay.let_through()


def insist_directly(person: WirePerson, entry: dict[str, object]) -> None:
    for _ in range(200):
        if person.try_http(entry):
            return
        time.sleep(AGAIN_S)
    raise TimeoutError("an entry was never acknowledged")


@fault(
    "F13", "回复延迟 30 秒，其间重发", "Reply delayed by 30 s, repeated meanwhile", promises=("P8",),
    goal="the newest answer stands, whatever arrives when; nothing doubled",
    repetitions=Repetitions(short=0, full=200, fixed_s=25, each_s=0.9),
    control="taking the newest arrival for the newest answer must end with old answers",
)  # fmt: skip
def reply_delayed(case: FaultCase) -> Measured:
    at_once = min(AT_ONCE, case.repetitions)
    rounds = -(-case.repetitions // at_once)
    delay_s = DELAY_S if case.repetitions >= AT_ONCE else SHORT_DELAY_S
    with exam_scene(case, candidates=at_once) as scene, wire_people(scene, at_once) as people:
        for turn in range(rounds):
            delay_round(people, case, turn, delay_s)
            case.progress((turn + 1) * at_once, rounds * at_once, "delayed")
        verdict = judge_wire(scene)
    return Measured(
        passed=wrong(verdict) == 0,
        n=rounds * at_once,
        worst=f"{verdict.wrong_final} wrong in the end, {verdict.duplicated} doubled",
        figures={**figures_of(verdict), "delay_s": delay_s},
        remark=f"{delay_s:g} s; in half of them the request was late, in half the reply",
    )


@control_of("F13")
def newest_arrival_stands(case: FaultCase) -> ControlMeasured:
    with (
        exam_scene(case, candidates=PEOPLE, before_start=BEFORE, sabotage="newest_arrival_wins") as scene,
        wire_people(scene, PEOPLE) as people,
    ):
        delay_round(people, case, 0, SHORT_DELAY_S)
        verdict = judge_wire(scene)
    return ControlMeasured(
        verdict.wrong_final > 0,
        f"newest arrival wins: {verdict.wrong_final} of {PEOPLE} items ended with the old answer",
    )


# ── F14 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def send_in_wrong_order(people: list[WirePerson], case: FaultCase, times: int) -> None:
    """Several answers to one item, sent in any order, by either way, some of them twice."""
    choices = case.random("orders")
    for turn in range(times):
        one = people[turn % len(people)]
        item = choices.randrange(100)
        entries = [one.answer(item, choices.randrange(4)) for _ in range(choices.randint(2, 4))]
        arrivals = entries + choices.sample(entries, choices.randint(0, 1))
        while [entry["seq"] for entry in arrivals] == sorted(entry["seq"] for entry in arrivals):
            choices.shuffle(arrivals)
        if choices.random() < 0.3:
            arrivals = [arrivals]  # type: ignore[list-item]
        for arrival in arrivals:
            batch = arrival if isinstance(arrival, list) else [arrival]
            sent = one.try_channel(*batch, by=one.base_url) if choices.random() < 0.5 else one.try_http(*batch)
            while not sent:
                time.sleep(AGAIN_S)
                sent = one.try_http(*batch)
        case.progress(turn + 1, times, "out of order")


@fault(
    "F14", "请求乱序到达", "Requests out of order", promises=("P1", "P8"),
    goal="every item ends with the answer of the highest number",
    repetitions=Repetitions(short=0, full=1000, fixed_s=16, each_s=0.06),
    control="taking the newest arrival for the newest answer must end with old answers",
)  # fmt: skip
def out_of_order(case: FaultCase) -> Measured:
    with exam_scene(case, candidates=PEOPLE, before_start=BEFORE) as scene, wire_people(scene, PEOPLE) as people:
        send_in_wrong_order(people, case, case.repetitions)
        verdict = judge_wire(scene)
    return Measured(
        passed=wrong(verdict) == 0,
        n=case.repetitions,
        worst=f"{verdict.wrong_final} wrong in the end, {verdict.duplicated} doubled, {verdict.lost} lost",
        figures=figures_of(verdict),
    )


@control_of("F14")
def newest_arrival_stands_again(case: FaultCase) -> ControlMeasured:
    with (
        exam_scene(case, candidates=PEOPLE, before_start=BEFORE, sabotage="newest_arrival_wins") as scene,
        wire_people(scene, 2) as people,
    ):
        send_in_wrong_order(people, case, 20)
        verdict = judge_wire(scene)
    return ControlMeasured(
        verdict.wrong_final > 0, f"newest arrival wins: {verdict.wrong_final} items ended with an old answer"
    )
