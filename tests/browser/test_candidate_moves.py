"""The candidate's page goes on at another node by itself: no proxy in front, cookies stay behind, its own node is gone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.candidate_page import SAVED, CandidateAtBrowser
from tests.support.live_server import LiveServer
from tests.support.postgres import PostgresCluster
from tests.support.redis_server import RedisServer

if TYPE_CHECKING:
    from server.scheduling.services.issue_tickets import IssuedTicket

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(240)]
#: "one of three nodes lost": all clients back within this
BACK_WITHIN_S = 10


class MovingCandidate(CandidateAtBrowser):
    """May ask every node, and nobody else."""

    def __init__(self, browser: Browser, exam: LiveServer, ticket: IssuedTicket, home: str) -> None:
        self.home = home
        self.allowed = tuple(node.base_url for node in exam.nodes)
        super().__init__(browser, _Home(home, self.allowed), ticket)  # type: ignore[arg-type]


class _Home:
    """What `CandidateAtBrowser` wants to know of an exam."""

    def __init__(self, url: str, allowed: tuple[str, ...]) -> None:
        self.url = url
        self.allowed = allowed


@pytest.fixture(scope="module")
def exam(
    live_exam: Callable[..., LiveServer], postgres_cluster: PostgresCluster, redis_process: RedisServer
) -> LiveServer:
    name = postgres_cluster.create_database()
    redis_process.empty()
    running = live_exam(
        candidates=8,
        before_start=timedelta(seconds=8),
        duration=timedelta(minutes=15),
        database_url=postgres_cluster.url(name),
        environment={"MINGYUAN_REDIS_URL": redis_process.url},
        nodes=2,
        own_hosts=True,
    )
    running.pass_gates()
    return running


@pytest.fixture
def candidate(exam: LiveServer, browser: Browser) -> Iterator[Callable[[int], MovingCandidate]]:
    seated: list[MovingCandidate] = []

    def seat(home: int) -> MovingCandidate:
        one = MovingCandidate(browser, exam, exam.next_ticket(), exam.nodes[home].base_url)
        seated.append(one)
        return one

    yield seat
    faults = [fault for one in seated for fault in one.faults]
    for one in seated:
        one.close()
    foreign = [one for one in faults if not one.startswith(tuple(node.base_url for node in exam.nodes))]
    assert foreign == []


def test_only_pages_of_our_own_nodes_may_come_across_and_only_with_a_pass(exam: LiveServer) -> None:
    here, there = (node.base_url for node in exam.nodes)
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    asked = httpx.options(f"{here}/api/candidate/answers", headers={"Origin": there, **wanted})
    assert asked.headers["Access-Control-Allow-Origin"] == there
    assert "Access-Control-Allow-Credentials" not in asked.headers, "cookies never come across"
    for path, origin in (("/api/candidate/answers", "http://evil.example"), ("/api/accounts/sign-in", there)):
        refused = httpx.options(f"{here}{path}", headers={"Origin": origin, **wanted})
        assert "Access-Control-Allow-Origin" not in refused.headers
    sent = httpx.post(
        f"{here}/api/candidate/confirm", json={"step": "rules"}, headers={"Origin": "http://evil.example"}
    )
    assert sent.status_code in {401, 403}
    forged = {"Origin": there, "Authorization": f"NodePass {'0' * 64}.{'0' * 64}"}
    assert httpx.get(f"{here}/api/candidate/state", headers=forged).json()["code"] == "SESSION_ENDED"


def test_a_node_that_stops_sends_its_pages_to_the_other_one(
    exam: LiveServer, candidate: Callable[[int], MovingCandidate]
) -> None:
    me = candidate(1)
    me.begin()
    me.key("a")
    me.await_saved()
    exam.nodes[1].stop()
    try:
        me.key("Enter", "b", "Enter", "c")
        began = time.monotonic()
        expect(me.save_state).to_have_text(SAVED, timeout=BACK_WITHIN_S * 1000)
        me.page.wait_for_function("document.querySelectorAll('.cells .cell.local').length === 0")
        assert time.monotonic() - began < BACK_WITHIN_S
        assert len(exam.stored(me.ticket)) == 3
    finally:
        exam.nodes[1].start()


def test_a_page_goes_on_to_the_receipt_although_the_node_it_came_from_is_dead_for_good(
    exam: LiveServer, candidate: Callable[[int], MovingCandidate]
) -> None:
    waiting = candidate(1)
    waiting.page.route_web_socket(re.compile("socket.io"), lambda socket: socket.close())
    waiting.page.goto(f"{waiting.home}/?seat={waiting.ticket.seat_number}")
    me = candidate(1)
    me.begin()
    me.key("a", "Enter", "b")
    me.await_saved()

    exam.nodes[1].kill()
    began = time.monotonic()
    me.key("Enter", "c", "Enter", "d", "Enter", "a")
    me.page.wait_for_function("document.querySelectorAll('.cells .cell.local').length === 0")
    expect(me.save_state).to_have_text(SAVED, timeout=BACK_WITHIN_S * 1000)
    took = time.monotonic() - began
    assert took < BACK_WITHIN_S, f"{took:.1f} s"
    me.page.wait_for_timeout(300)
    assert len(exam.stored(me.ticket)) == 5
    assert {entry["standing"] for entry in me.kept_entries()} == {"counted"}

    # The live channel is up again too, and so is everything that only asks by HTTP.
    exam.press(exam.room_of(me.ticket), "send-message", {"text": "请继续答题"})
    message = me.page.locator(".message")
    expect(message).to_contain_text("请继续答题")
    me.press("我知道了")
    expect(message).to_have_count(0)
    me.page.wait_for_timeout(5500)  # a heartbeat later
    expect(message).to_have_count(0)

    # Somebody who had only opened the page signs in at the node that is left, and answers without any live channel.
    waiting.page.get_by_label("准考证号").fill(waiting.ticket.number)
    waiting.page.get_by_label("密码").fill(waiting.ticket.pin)
    waiting.press("登录")
    waiting.confirm_all()
    waiting.await_question()
    waiting.key("b")
    waiting.await_saved()
    assert len(exam.stored(waiting.ticket)) == 1
