"""The door: a bound on log-ins at once, seated candidates first, a refusal that says how long the line is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.core.clock import SystemClock
from server.core.errors import Unavailable
from server.delivery import sign_in_door
from server.delivery.sign_in_door import SignInDoor
from tests.support.processes import wait_until


def test_no_more_than_the_places_are_inside_at_once_and_everybody_gets_in() -> None:
    door, inside, most, lock = SignInDoor(3, SystemClock()), [0], [0], threading.Lock()

    def sign_in() -> None:
        with door.turn(seated=False):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.005)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(40) as pool:
        for done in [pool.submit(sign_in) for _ in range(120)]:
            done.result(timeout=20)
    assert most[0] == 3


def test_seated_candidates_go_before_those_who_wait_longer() -> None:
    door, order, leave = SignInDoor(1, SystemClock()), list[str](), threading.Event()

    def hold() -> None:
        with door.turn(seated=False):
            leave.wait(10)

    def come(name: str, *, seated: bool) -> None:
        with door.turn(seated=seated):
            order.append(name)

    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(hold)
        wait_until(lambda: door._inside == 1, seconds=5, what="somebody is inside")
        waiting = [pool.submit(come, f"newcomer {number}", seated=False) for number in range(2)]
        wait_until(lambda: door._waiting[False] == 2, seconds=5, what="newcomers wait")
        waiting.append(pool.submit(come, "seated", seated=True))
        wait_until(lambda: door._waiting[True] == 1, seconds=5, what="a seated one waits")
        leave.set()
        for one in (first, *waiting):
            one.result(timeout=10)
    assert order[0] == "seated"


def test_whoever_waits_in_vain_is_told_how_many_are_before_him_and_when_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sign_in_door, "WAIT_S", 0.1)
    door = SignInDoor(1, SystemClock())
    with door.turn(seated=False), pytest.raises(Unavailable) as refusal, door.turn(seated=False):
        pytest.fail("there was no place")
    assert refusal.value.code == "SIGN_IN_BUSY"
    assert refusal.value.data == {"ahead": 2, "retry_after": 2}
    with door.turn(seated=False):
        pass  # the place was given back, and the line is empty
    assert door._waiting == {True: 0, False: 0}


def test_a_line_that_cannot_be_served_in_time_is_turned_away_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_door, "LONGEST_LINE", 1)
    door = SignInDoor(1, SystemClock())
    with door.turn(seated=False):
        began = time.monotonic()
        with pytest.raises(Unavailable, match="SIGN_IN_BUSY"), door.turn(seated=False):
            pytest.fail("there was no place")
    assert time.monotonic() - began < 1


def test_a_log_in_that_fails_gives_its_place_back() -> None:
    door = SignInDoor(1, SystemClock())
    with pytest.raises(ValueError, match="wrong"), door.turn(seated=False):
        raise ValueError("wrong PIN")
    with door.turn(seated=False):
        assert door._inside == 1
