"""The exam engine under crashes, retries, reordering, clock steps, swaps, outages and decisions (fault matrix, I1–I8)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.simulation import day
from tests.simulation.day import AT_THE_END, HAPPENINGS, happen, play_day, seed_of
from tests.simulation.rules import MUTATIONS, REAL, Rules
from tests.simulation.truth import Broken
from tests.simulation.world import World

#: the short form; `python -m tests.simulation --days 2000` is the long one
DAYS = 60
#: a control must be noticed within so many days
CONTROL_DAYS = 260

numbers = st.integers(0, 999)


class ExamDay(RuleBasedStateMachine):
    """Hypothesis chooses what happens, and makes a failing day as short as it can."""

    rules_of_the_day: Rules = REAL

    @initialize(nodes=st.sampled_from([1, 2]), seed=numbers)
    def open_the_site(self, nodes: int, seed: int) -> None:
        self.world = World(self.rules_of_the_day, nodes=nodes, seed=seed)
        for number in range(len(self.world.people)):
            self.world.enter(number)
        self.world.pass_time(61)
        for number in range(len(self.world.people)):
            self.world.enter(number)

    @rule(what=st.sampled_from([name for name in HAPPENINGS if name not in AT_THE_END]), a=numbers, b=numbers)
    def something_happens(self, what: str, a: int, b: int) -> None:
        happen(self.world, what, a, b)

    @rule(a=numbers, b=numbers)
    def answers_are_made_and_sent(self, a: int, b: int) -> None:
        happen(self.world, "click", a, b)

    @precondition(lambda self: self.world.judged["counted"] > 5)
    @rule(what=st.sampled_from(AT_THE_END), a=numbers, b=numbers)
    def the_end_comes(self, what: str, a: int, b: int) -> None:
        happen(self.world, what, a, b)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()


QUICK = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    print_blob=True,
    database=None,
)


def test_every_invariant_holds_whatever_order_things_happen_in() -> None:
    run_state_machine_as_test(ExamDay, settings=QUICK)


def test_every_invariant_holds_on_many_days_that_hold_what_they_are_meant_to_test() -> None:
    reports = [play_day(seed) for seed in range(DAYS)]
    assert [(report.seed, report.broken) for report in reports if report.broken] == []
    judged: dict[str, int] = {}
    for report in reports:
        for name, count in report.judged.items():
            judged[name] = judged.get(name, 0) + count
    assert min(judged.values()) > 0, f"a run in which nothing was late or moved would prove nothing: {judged}"
    assert sum(report.rows for report in reports) > DAYS


def test_a_seed_plays_the_same_day_again() -> None:
    assert play_day(seed_of(7, 3)) == play_day(seed_of(7, 3))


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_the_control_is_caught_when_a_rule_is_taken_away(name: str) -> None:
    rules, may_notice = MUTATIONS[name]
    for number in range(CONTROL_DAYS):
        report = play_day(seed_of(7, number), rules)
        if report.broken:
            assert report.broken.split(":")[0] in may_notice, report.broken
            return
    pytest.fail(f"{name}: nothing was noticed on {CONTROL_DAYS} days")


def test_the_state_machine_too_notices_a_rule_taken_away() -> None:
    class WithoutRepeats(ExamDay):
        rules_of_the_day = MUTATIONS["no_look_for_repeats"][0]

    with pytest.raises(Broken, match="I2"):
        run_state_machine_as_test(WithoutRepeats, settings=settings(QUICK, print_blob=False, phases=[Phase.generate]))


def test_every_happening_can_happen() -> None:
    world = World()
    for name in HAPPENINGS:
        happen(world, name, 1, 1)
    assert day.WALL_STEPS[0] == 0
