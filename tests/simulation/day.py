"""One exam day by dice: the same seed plays the same day, on any machine."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation import invariants
from tests.simulation.rules import REAL, Rules
from tests.simulation.truth import Broken
from tests.simulation.world import World

#: what may happen, and how often against the others
HAPPENINGS: dict[str, int] = {
    "click": 30, "reply_lost": 5, "lost": 3, "delayed": 6, "deliver": 6, "duplicate": 4, "flush": 6, "old_pc": 3,
    "enter": 6, "reload": 3, "swap": 2, "submit": 2, "seat_dies": 2, "seat_back": 3, "kill": 2, "stop": 1, "start": 6,
    "freeze": 1, "wake": 3, "database_down": 1, "database_up": 3, "cut_room": 1, "join_room": 3, "set_wall": 2,
    "suspend": 1, "resume": 3, "collect": 0.2, "grant": 1, "stop_room": 0.5, "start_room": 2, "confirm": 3,
    "reverse": 0.5, "extend": 1, "cancel": 0.2, "pass": 24, "pass_long": 4, "last_moment": 8, "late_return": 2,
}  # fmt: skip
AT_THE_END = ("last_moment", "late_return")
WALL_STEPS = (0, 3, 600, -600, 86_400)


@dataclass
class DayReport:
    """What a day held."""

    seed: int
    happened: dict[str, int] = field(default_factory=dict)
    judged: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    broken: str = ""
    trace: list[str] = field(default_factory=list)


def happen(world: World, what: str, a: int, b: int) -> None:
    """One happening; `a` and `b` choose whom and how."""
    doing: dict[str, Callable[[], None]] = {
        "click": lambda: world.click(a, b),
        "reply_lost": lambda: world.click(a, b, fate="reply_lost"),
        "lost": lambda: world.click(a, b, fate="lost"),
        "delayed": lambda: world.click(a, b, fate="delayed"),
        "deliver": lambda: world.deliver(a, keeps=False),
        "duplicate": lambda: world.deliver(a, keeps=True),
        "flush": lambda: world.flush(a),
        "old_pc": lambda: world.flush(a, old=True),
        "enter": lambda: world.enter(a),
        "reload": lambda: world.reload(a),
        "swap": lambda: world.swap(a),
        "submit": lambda: (world.submit(a), world.submit(a) if b % 3 == 0 else None, None)[-1],
        "last_moment": lambda: world.last_moment(a, b),
        "late_return": lambda: world.late_return(a, b),
        "seat_dies": lambda: world.seat_dies(a),
        "seat_back": lambda: world.seat_back(a),
        "kill": lambda: world.kill(a),
        "stop": lambda: world.kill(a, kindly=True),
        "start": lambda: world.start(a),
        "freeze": lambda: world.freeze(a),
        "wake": lambda: world.wake(a),
        "database_down": lambda: world.database(up=False),
        "database_up": lambda: world.database(up=True),
        "cut_room": lambda: world.cut_room(a),
        "join_room": lambda: world.join_room(a),
        "set_wall": lambda: world.set_wall(a, WALL_STEPS[b % len(WALL_STEPS)]),
        "pass": lambda: world.pass_time(b % 8 + (a % 10) / 10),
        "pass_long": lambda: world.pass_time(b % 60),
    }
    if what in doing:
        doing[what]()
    else:
        world.act(what, a, b % 90 + 1)
    invariants.check_now(world)


def play_day(seed: int, rules: Rules = REAL, *, happenings: int = 110) -> DayReport:
    """Play one day to its end; `broken` says which invariant did not hold."""
    dice = random.Random(seed)
    world = World(rules, nodes=dice.choice((1, 1, 2)), seed=seed)
    report = DayReport(seed)
    # Every day has faults of its own, so that a day of outages alone exists as well as one of swaps alone.
    names = [name for name in HAPPENINGS if dice.random() < 0.75 or name in ("click", "enter", "pass", "start")]
    weights = [HAPPENINGS[name] for name in names]
    try:
        for number in range(len(world.people)):
            if dice.random() < 0.8:
                world.enter(number)
        world.pass_time(60 + dice.random() * 20)
        for number in range(len(world.people)):
            if dice.random() < 0.9:
                world.enter(number)
        for turn in range(happenings):
            [what] = dice.choices(names, weights)
            if what in AT_THE_END and turn < happenings * 2 // 3:
                what = "click"  # else most days would be over before much has happened
            a, b = dice.randrange(1000), dice.randrange(1000)
            report.trace.append(f"{(world.now - world.exam.starts_at).total_seconds():8.1f} s  {what} {a} {b}")
            report.happened[what] = report.happened.get(what, 0) + 1
            happen(world, what, a, b)
        report.trace.append("finish")
        world.finish()
    except Broken as found:
        report.broken = str(found)
    report.judged, report.rows = world.judged, len(world.exam.ledger)
    for person in world.people:
        report.ends[person.attempt.state.value] = report.ends.get(person.attempt.state.value, 0) + 1
    return report


def seed_of(seed: int, day: int) -> int:
    """The day's own seed, printed so that it can be played again alone."""
    return seed * 1_000_003 + day
