"""F15, F16, F17, F18: rooms as network namespaces, with lines that lose, narrow, cut or deafen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from server.delivery.models import TimeEntry
from server.rehearsal.history import Sent, Verdict
from tests.faults.nemesis.namespaces import Lan, lan
from tests.faults.nemesis.slow_line import SlowLine
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Around, Scene, exam_scene
from tests.faults.wire_people import figures_of, wrong
from tests.support.processes import wait_until

CANDIDATES, PACE_S = 40, 2.0
#: bad lines last: what is repeated is so long a span
SPAN_S = 30.0
HOSTS = ("office", "server", "room1", "room2")


@dataclass
class Site:
    """An exam whose rooms hang on lines of their own."""

    scene: Scene
    hosts: Lan

    def people_of(self, room: int) -> list[Any]:
        room_id = self.scene.rooms[room - 1].room_id
        pairs = zip(self.scene.candidates, self.scene.tickets, strict=False)
        return [one for one, ticket in pairs if ticket.room_id == room_id]

    def entries_of(self, room: int) -> list[Sent]:
        mine = {one._attempt_id for one in self.people_of(room)}
        return [one for one in self.scene.entries() if one.attempt_id in mine]

    def save_ms(self, room: int, since: float, until: float) -> list[float]:
        """Click to acknowledgement, of everything clicked in the span; what still waits counts with its waiting so far."""
        now = time.monotonic()
        return sorted(
            one.save_ms if one.save_ms is not None else (now - one.clicked_at) * 1000
            for one in self.entries_of(room) if since <= one.clicked_at < until
        )  # fmt: skip


@contextmanager
def site(case: FaultCase, *, candidates: int = CANDIDATES, pace_s: float = PACE_S, **more: Any) -> Iterator[Site]:
    """Office, server and two rooms as hosts; this thread stands in the office."""
    with ExitStack() as stack:
        hosts = stack.enter_context(lan(*HOSTS))
        stack.enter_context(hosts.standing_in("office"))
        scene = stack.enter_context(
            exam_scene(
                case, candidates=candidates, pace_s=pace_s, hosts=[hosts["server"].address],
                prefixes=[hosts.prefix("server")], **more,
            )
        )  # fmt: skip
        yield Site(scene, hosts)


def in_own_room(made: Site) -> Around:
    rooms = {room.room_id: f"room{number}" for number, room in enumerate(made.scene.rooms, start=1)}

    def around(ticket: Any, run: Callable[[], None]) -> Callable[[], None]:
        return made.hosts.living_in(rooms[ticket.room_id], run)

    return around


def p95(values: list[float]) -> float:
    return values[int(len(values) * 0.95)] if values else 0.0


# ── F15 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

#: percent of packets lost each way → goal for the p95 of a save, s
LOSS_GOALS = {5: 1.0, 20: 2.0, 40: 6.0}
#: lines lost, for each candidate and minute: more would be a storm
STORM_PER_MINUTE = 4.0


@fault(
    "F15", "丢包 5/20/40 %", "Packet loss of 5, 20 and 40 %", promises=("P2",),
    goal="p95 of a save <= 1 / 2 / 6 s, no storm of reconnections (<= 4 a candidate and minute), 0 lost",
    repetitions=Repetitions(short=0, full=10, fixed_s=40, each_s=95),
    control="with 90 % loss the goal must be missed",
)  # fmt: skip
def packet_loss(case: FaultCase) -> Measured:
    spans = case.repetitions
    found: dict[int, float] = {}
    reconnects: dict[int, float] = {}
    with site(case) as made:
        made.scene.begin(around=in_own_room(made))
        for turn, percent in enumerate(LOSS_GOALS):
            found[percent], reconnects[percent] = lose_for(made, percent, spans * SPAN_S)
            case.progress((turn + 1) * spans, len(LOSS_GOALS) * spans, f"{percent} % lost")
        verdict = made.scene.verdict()
    storms = max(reconnects.values())
    return Measured(
        passed=wrong(verdict) == 0
        and all(found[percent] <= goal * case.patience for percent, goal in LOSS_GOALS.items())
        and storms <= STORM_PER_MINUTE,
        n=spans * len(LOSS_GOALS),
        worst=f"p95 of a save {' / '.join(f'{found[percent]:.2f}' for percent in LOSS_GOALS)} s; {verdict.lost} lost of {verdict.acked:,}",
        figures={
            **figures_of(verdict), **{f"p95_s at {percent} %": round(value, 3) for percent, value in found.items()},
            **{f"reconnects a minute at {percent} %": round(value, 2) for percent, value in reconnects.items()},
        },
        remark=f"N in spans of {SPAN_S:g} s; {CANDIDATES} candidates in two rooms, one answer each {PACE_S:g} s; packets dropped both ways at the rooms' lines",
    )  # fmt: skip


def lose_for(made: Site, percent: int, seconds: float) -> tuple[float, float]:
    """p95 of a save in seconds, and reconnections for each candidate and minute."""
    rooms = [made.hosts[name] for name in ("room1", "room2")]
    before = len(made.scene.history.reconnect_s)
    began = time.monotonic()
    try:
        for room in rooms:
            room.lose(percent)
        with made.scene.log.span(f"loss {percent} %"):
            time.sleep(seconds)
        ended = time.monotonic()
        times = sorted(made.save_ms(1, began, ended) + made.save_ms(2, began, ended))
    finally:
        for room in rooms:
            room.clear()
    made.scene.settle()
    people = len(made.scene.candidates)
    return p95(times) / 1000, (len(made.scene.history.reconnect_s) - before) / people / (seconds / 60)


@control_of("F15")
def hardly_any_line(case: FaultCase) -> ControlMeasured:
    with site(case, candidates=8) as made:
        made.scene.begin(around=in_own_room(made))
        value, _ = lose_for(made, 90, 20.0)
    return ControlMeasured(value > max(LOSS_GOALS.values()), f"90 % lost: p95 of a save {value:.1f} s")


# ── F16 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

DELAY_S, JITTER_S, KBIT = 0.15, 0.10, 1000
GOAL_SAVE_S, GOAL_FIRST_S = 1.5, 10.0


def on_a_slow_line(
    case: FaultCase, candidates: int, seconds: float, delay_s: float, kbit: int
) -> tuple[float, float, Verdict]:
    """p95 of a save and the time to the first question, s, in a room of `candidates` behind such a line."""
    with ExitStack() as stack:
        made = stack.enter_context(site(case, candidates=candidates))
        scene = made.scene
        server = urlsplit(scene.base_url)
        made.hosts.narrow_both_ways("room1", kbit)
        with made.hosts.standing_in("room1"):
            line = SlowLine(server.hostname or "", server.port or 0, delay_s, delay_s * JITTER_S / DELAY_S, case.seed)
        stack.callback(line.close)
        # everybody behind the one line, whatever room the plan has them in
        scene.seat_endless(
            candidates, addresses=[line.base_url], around=lambda _, run: made.hosts.living_in("room1", run)
        )
        scene.open_doors()
        scene.open_paper()
        scene.wait_for_start()
        started = time.monotonic()
        people: list[Any] = list(scene.candidates)
        wait_until(lambda: all(one.began_at for one in people), seconds=60, what="everybody reads")
        first_s = max(one.began_at for one in people) - started
        began = time.monotonic()
        time.sleep(seconds)
        ended = time.monotonic()
        times = sorted(made.save_ms(1, began, ended) + made.save_ms(2, began, ended))
        return p95(times) / 1000, first_s, scene.verdict()


@fault(
    "F16", "延迟 300 毫秒、每机房 1 Mbit/s", "Delay of 300 ms, 1 Mbit/s for a room", promises=("P2",),
    goal="p95 of a save <= 1.5 s, first question <= 10 s after the start",
    repetitions=Repetitions(short=0, full=10, fixed_s=50, each_s=30),
    control="with a delay ten times as long the goal must be missed",
)  # fmt: skip
def slow_line(case: FaultCase) -> Measured:
    save_s, first_s, verdict = on_a_slow_line(case, CANDIDATES, case.repetitions * SPAN_S, DELAY_S, KBIT)
    return Measured(
        passed=wrong(verdict) == 0
        and save_s <= GOAL_SAVE_S * case.patience
        and first_s <= GOAL_FIRST_S * case.patience,
        n=case.repetitions,
        worst=f"p95 of a save {save_s:.2f} s; first question after {first_s:.1f} s; {verdict.lost} lost of {verdict.acked:,}",
        figures={**figures_of(verdict), "p95_s": round(save_s, 3), "first_question_s": round(first_s, 2)},
        remark=f"N in spans of {SPAN_S:g} s; {CANDIDATES} candidates behind one line, one answer each {PACE_S:g} s; the delay is there and back, 150 +- 100 ms each way",
    )


@control_of("F16")
def far_too_slow(case: FaultCase) -> ControlMeasured:
    save_s, _, _ = on_a_slow_line(case, 4, 20.0, DELAY_S * 10, KBIT)
    return ControlMeasured(save_s > GOAL_SAVE_S, f"ten times the delay: p95 of a save {save_s:.1f} s")


# ── F17 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

CUT_S = (22.0, 40.0)
GOAL_ERROR_S = 1.0


def cut_a_room(made: Site, seconds: float) -> tuple[float, float]:
    """Cut room 1; what its people lost (to the first answer accepted again) and what the ledger gave back for it, s."""
    rows = len(room_rows(made, 1))
    began = time.monotonic()
    with made.scene.log.span("room cut"):
        made.hosts["room1"].cut()
        try:
            time.sleep(seconds)
        finally:
            made.hosts["room1"].clear()
    made.scene.settle()
    back = min(
        one.acked_at for one in made.entries_of(1) if one.acked_at is not None and one.acked_at > began + seconds
    )
    try:
        wait_until(lambda: len([r for r in room_rows(made, 1) if r.to_at]) > rows, seconds=20, what="the cut is a row")
    except TimeoutError:
        return back - began, 0.0
    row = room_rows(made, 1)[-1]
    assert row.from_at is not None
    assert row.to_at is not None
    return back - began, (row.to_at - row.from_at).total_seconds()


def room_rows(made: Site, room: int) -> list[TimeEntry]:
    query = (
        select(TimeEntry)
        .where(
            TimeEntry.room_id == made.scene.rooms[room - 1].room_id,
            TimeEntry.kind == "interruption",
            TimeEntry.scope == "room",
        )
        .order_by(TimeEntry.from_at)
    )
    return made.scene.read(lambda session: list(session.scalars(query)))


@fault(
    "F17", "一个机房断网 7 分钟", "A room cut off for 7 min", promises=("P2", "P4"),
    goal="0 lost; the room's time given back with an error <= 1 s; nothing for the other room",
    repetitions=Repetitions(short=0, full=12, fixed_s=35, each_s=42),
    control="without looking for cut rooms nothing must come back",
)  # fmt: skip
def room_cut(case: FaultCase) -> Measured:
    dice, errors = case.random("cuts"), []
    with site(case, pace_s=1.0) as made:
        made.scene.begin(around=in_own_room(made))
        for turn in range(case.repetitions):
            lost, given = cut_a_room(made, dice.uniform(*CUT_S))
            errors.append(abs(lost - given))
            case.progress(turn + 1, case.repetitions, "rooms cut")
        others = len(room_rows(made, 2))
        away = sum(one.seen.answered_while_away for one in made.people_of(1))
        verdict = made.scene.verdict()
    return Measured(
        passed=wrong(verdict) == 0 and max(errors) <= GOAL_ERROR_S * case.patience and others == 0,
        n=case.repetitions,
        worst=f"{verdict.lost} lost of {verdict.acked:,}; time error {max(errors):.2f} s; the other room got {others} rows",
        figures={**figures_of(verdict), "error_s_max": round(max(errors), 2), "answered_while_away": away, "other_room_rows": others},
        remark=f"compressed: {CUT_S[0]:g} to {CUT_S[1]:g} s instead of 7 min (a room counts as cut after 15 s of silence); {CANDIDATES // 2} candidates in the room",
    )  # fmt: skip


@control_of("F17")
def nobody_looks_at_rooms(case: FaultCase) -> ControlMeasured:
    with site(case, candidates=10, pace_s=1.0, sabotage="no_room_cuts") as made:
        made.scene.begin(around=in_own_room(made))
        lost, given = cut_a_room(made, CUT_S[0])
    return ControlMeasured(
        lost - given > GOAL_ERROR_S, f"no look for cut rooms: {given:.1f} s given back of {lost:.1f} s lost"
    )


# ── F18 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

DEAF_S = (16.0, 20.0)
GOAL_KNOWN_S = 15.0


def deafen(made: Site, seconds: float) -> float:
    """Room 1 is heard and hears nothing; how long until every PC there knows, s."""
    people = made.people_of(1)
    known: dict[str, float] = {}
    began = time.monotonic()
    with made.scene.log.span("deaf"):
        made.hosts["room1"].go_deaf()
        try:
            while time.monotonic() < began + seconds:
                for one in people:
                    if one._attempt_id not in known and (one._channel is None or not one._channel.is_open):
                        known[one._attempt_id] = time.monotonic() - began
                time.sleep(0.1)
        finally:
            made.hosts["room1"].clear()
    made.scene.settle()
    return max(known.values()) if len(known) == len(people) else seconds * 2


@fault(
    "F18", "单向断网（服务器听得见，考生听不见）", "One-way partition: the server hears, the candidate does not", promises=("P7",),
    goal="every PC knows within 15 s; 0 doubled, 0 lost",
    repetitions=Repetitions(short=0, full=20, fixed_s=35, each_s=24),
    control="without looking for repeats the answers sent again must stand twice",
)  # fmt: skip
def one_way(case: FaultCase) -> Measured:
    dice, known = case.random("deaf"), []
    with site(case, pace_s=1.0) as made:
        made.scene.begin(around=in_own_room(made))
        for turn in range(case.repetitions):
            known.append(deafen(made, dice.uniform(*DEAF_S)))
            case.progress(turn + 1, case.repetitions, "deaf")
        verdict = made.scene.verdict()
    return Measured(
        passed=wrong(verdict) == 0 and max(known) <= GOAL_KNOWN_S * case.patience,
        n=case.repetitions,
        worst=f"{verdict.duplicated} doubled, {verdict.lost} lost of {verdict.acked:,}; known after {max(known):.1f} s",
        figures={**figures_of(verdict), "known_s_max": round(max(known), 2)},
        remark=f"{CANDIDATES // 2} simulated PCs behind the deaf line; the page's own texts are looked at in tests/browser",
    )


@control_of("F18", tries=2)
def repeats_are_new(case: FaultCase) -> ControlMeasured:
    with site(case, candidates=10, pace_s=0.5, sabotage="no_repeat_check") as made:
        made.scene.begin(around=in_own_room(made))
        deafen(made, 9.0)
        verdict = made.scene.verdict()
    return ControlMeasured(verdict.duplicated > 0, f"no look for repeats: {verdict.duplicated} doubled")
