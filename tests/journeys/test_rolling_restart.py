"""Nodes are equal: behind the nginx we ship, restarted one after the other in mid-exam by the script we ship."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from server.rehearsal import server_process
from tests.support import shipped_nginx
from tests.support.live_server import LiveServer
from tests.support.paths import ROOT
from tests.support.processes import wait_until
from tests.support.raw_candidate import RawCandidate
from tests.support.shipped_nginx import ShippedNginx

pytestmark = [pytest.mark.live, pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(600)]
PEOPLE = 12
#: `ping` of the live channel, sign-in and the like aside: what a person would call "it hangs"
NOTICED_S = 5.0
#: `ServerProcess.stop` insists after so long
KILLED_AFTER_S = 10.0
SCRIPT = ROOT / "deploy" / "one-server" / "rolling-restart"


@pytest.fixture(scope="module")
def exam(live_exam: Callable[..., LiveServer], postgres_cluster: object, redis_process: object) -> LiveServer:
    name = postgres_cluster.create_database()  # type: ignore[attr-defined]
    exam = live_exam(
        candidates=PEOPLE + 4,
        before_start=timedelta(seconds=10),
        duration=timedelta(minutes=20),
        environment={"MINGYUAN_REDIS_URL": redis_process.url, "MINGYUAN_TRUSTED_PROXIES": "1"},  # type: ignore[attr-defined]
        database_url=postgres_cluster.url(name),  # type: ignore[attr-defined]
        nodes=3,
    )
    exam.pass_gates()
    return exam


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at is whether anybody notices, not how long a process takes to start on a busy machine."""
    monkeypatch.setattr(server_process, "START_TIMEOUT_S", 120.0)


def ports(exam: LiveServer) -> list[int]:
    return [urlsplit(node.base_url).port or 0 for node in exam.nodes]


@pytest.fixture(scope="module")
def nginx(exam: LiveServer, server_folder: Path) -> Iterator[ShippedNginx]:
    reason = shipped_nginx.why_not()
    if reason:
        pytest.skip(reason)
    front = ShippedNginx(server_folder / "front", ports(exam), papers=exam.platform.paper_store)
    front.start()
    yield front
    front.stop()


@pytest.fixture(scope="module")
def newcomer(exam: LiveServer, nginx: ShippedNginx) -> Iterator[RawCandidate]:
    one = RawCandidate(nginx.base_url, exam.next_ticket())
    one.enter()
    one.begin()
    yield one
    one.close()


def test_a_candidate_works_through_nginx_by_both_ways(exam: LiveServer, newcomer: RawCandidate) -> None:
    assert newcomer.send(newcomer.entry(0))["ok"], "the live channel is upgraded"
    assert newcomer.send_by_http(newcomer.entry(1)).json()["ok"]
    assert len(exam.stored(newcomer.ticket)) == 2


def test_sealed_papers_are_files_of_nginx_that_never_change(nginx: ShippedNginx, newcomer: RawCandidate) -> None:
    url = newcomer.state()["paper"]["url"]
    sealed = httpx.get(nginx.base_url + url)
    assert sealed.status_code == 200
    assert sealed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert sealed.headers["ETag"].startswith('"'), "sent by nginx itself"
    assert sealed.headers["Content-Type"] == "application/octet-stream"
    kept = httpx.get(nginx.base_url + url, headers={"If-None-Match": sealed.headers["ETag"]})
    assert kept.status_code == 304
    for outside in ("/papers/../settings.toml", "/papers/..%2Fkeys%2Fmaster.key", "/papers/none.bin"):
        assert httpx.get(nginx.base_url + outside).status_code == 404


# --- Restarted one after the other, as the last: the exam runs through it --------------------------------------------


class Supervisor:
    """What systemd is on a real host: restarts the process whose port is written to a pipe, and says when it is ready."""

    def __init__(self, exam: LiveServer, folder: Path) -> None:
        self._exam = exam
        self.asked, self.done = folder / "asked", folder / "done"
        os.mkfifo(self.asked)
        os.mkfifo(self.done)
        self.stopped_s: list[float] = []
        self.started_s: list[float] = []
        self.refused: list[int] = []
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def command(self) -> str:
        return f"echo {{}} > {self.asked} && read reply < {self.done}"

    def _run(self) -> None:
        for _ in self._exam.nodes:
            port = int(self.asked.read_text())
            node = next(one for one in self._exam.nodes if one.base_url.endswith(f":{port}"))
            began = time.monotonic()
            node.stop()
            self.stopped_s.append(time.monotonic() - began)
            self.started_s.append(node.start())
            self.done.write_text("ready\n")


def test_three_nodes_are_restarted_in_mid_exam_and_no_candidate_notices(
    exam: LiveServer, nginx: ShippedNginx, tmp_path: Path
) -> None:
    exam.seat(PEOPLE // 2, pace_s=0.5)
    exam.seat(PEOPLE // 2, pace_s=0.5, addresses=[nginx.base_url])
    exam.wait_for_acks(PEOPLE * 3)
    supervisor = Supervisor(exam, tmp_path)
    restarted = subprocess.run(
        [SCRIPT, *(str(port) for port in ports(exam))],
        env={**os.environ, "RESTART": supervisor.command, "SETTLE_S": "2", "READY_S": "130"},
        capture_output=True, text=True, timeout=420,
    )  # fmt: skip
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    assert len(supervisor.stopped_s) == 3
    assert max(supervisor.stopped_s) < KILLED_AFTER_S, "it ended by itself, nobody had to kill it"
    exam.wait_for_acks(exam.acked() + PEOPLE * 2)

    verdict = exam.verdict()
    assert (verdict.lost, verdict.duplicated, verdict.foreign, verdict.wrong_final) == (0, 0, 0, 0)
    assert [one.seen.refusals for one in exam.candidates] == [[]] * PEOPLE, "nobody was shown an error"
    assert max(exam.history.reconnect_s, default=0.0) < NOTICED_S
    assert max(one.seen.given_back_s for one in exam.candidates) == 0, "somebody could always write: no outage"
    assert sum(one.nodes.moves for one in exam.candidates) >= PEOPLE // 2


def test_the_script_touches_nothing_while_a_node_is_not_well(exam: LiveServer) -> None:
    exam.nodes[1].kill()
    wait_until(lambda: exam.nodes[1].pid is None, seconds=5, what="one node is dead")
    done = subprocess.run(
        [SCRIPT, *(str(port) for port in ports(exam))],
        env={**os.environ, "RESTART": "false", "READY_S": "2"}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert "is not healthy now" in done.stderr
    one = subprocess.run([SCRIPT, "8601"], capture_output=True, text=True, timeout=30)
    assert "at least two nodes" in one.stderr
