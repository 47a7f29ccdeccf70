"""A real server and raw clients on the real wire: the rush at T, answers by the live channel and by plain HTTP, boards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from server.rehearsal.board_watcher import BoardWatcher
from tests.bench.measures import cpu_seconds, percentiles
from tests.support.live_server import LiveServer, live_server
from tests.support.raw_candidate import RawCandidate

PEOPLE = 60
RATE_PER_PERSON = 2.0
SECONDS = 8.0
BOARDS = 4
BEFORE_START = timedelta(seconds=20)
DURATION = timedelta(minutes=15)


def all_at_once(people: Sequence[RawCandidate], act: Callable[[RawCandidate], object]) -> list[float]:
    """Everybody does it in the same moment; the waits in ms."""
    waits: list[float] = []
    gate = threading.Barrier(len(people))

    def run(person: RawCandidate) -> None:
        gate.wait()
        began = time.monotonic()
        act(person)
        waits.append((time.monotonic() - began) * 1000)

    threads = [threading.Thread(target=run, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


def steadily(exam: LiveServer, people: Sequence[RawCandidate], send: Callable[[RawCandidate], bool]) -> dict[str, Any]:
    """Everybody answers `RATE_PER_PERSON` a second for `SECONDS`; the server's processor time beside it."""
    waits: list[float] = []
    refused: list[bool] = []
    pid = exam.server.pid
    assert pid is not None

    def run(person: RawCandidate, first: float) -> None:
        turn, due = 0, first
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.monotonic()
            ok = send(person)
            waits.append((time.monotonic() - began) * 1000)
            if not ok:
                refused.append(True)
            turn += 1
            due = first + turn / RATE_PER_PERSON

    before, began = cpu_seconds(pid), time.monotonic()
    end = began + SECONDS
    gap = 1 / RATE_PER_PERSON / len(people)
    threads = [threading.Thread(target=run, args=(person, began + place * gap)) for place, person in enumerate(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lasted, used = time.monotonic() - began, cpu_seconds(pid) - before
    return {
        "acked": len(waits) - len(refused),
        "refused": len(refused),
        "acked_per_s": round((len(waits) - len(refused)) / lasted, 1),
        "server_cpu_s": round(used, 2),
        "server_cpu_s_per_1000": round(used / max(1, len(waits)) * 1000, 2),
        "save_ms": percentiles(waits),
    }


def by_socket(person: RawCandidate) -> bool:
    return bool(person.send(person.entry(person.seq, person.seq))["ok"])


def by_http(person: RawCandidate) -> bool:
    return person.send_by_http(person.entry(person.seq, person.seq)).status_code == 200


def idle_cpu(exam: LiveServer, seconds: float = 4.0) -> float:
    """Processor share of the server while nobody does anything."""
    pid = exam.server.pid
    assert pid is not None
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return round((cpu_seconds(pid) - before) / seconds, 3)


def measure(folder: Path) -> dict[str, Any]:
    """The figures of one exam on SQLite."""
    with live_server(folder, candidates=PEOPLE, before_start=BEFORE_START, duration=DURATION) as exam:
        pid = exam.server.pid
        assert pid is not None
        people = [RawCandidate(exam.base_url, ticket) for ticket in exam.tickets]
        exam.open_doors()
        enter_ms = all_at_once(people, RawCandidate.enter)
        exam.open_paper()
        exam.wait_for_start()
        before = cpu_seconds(pid)
        begin_ms = all_at_once(people, RawCandidate.begin)
        begin_cpu = cpu_seconds(pid) - before
        all_at_once(people, RawCandidate.connect)
        idle = idle_cpu(exam)
        socket = steadily(exam, people, by_socket)
        http = steadily(exam, people, by_http)
        watchers = [BoardWatcher(exam.base_url, exam.sitting_id, exam.rooms[turn % 2]) for turn in range(BOARDS)]
        with_boards = steadily(exam, people, by_socket)
        snapshots = []
        for _ in range(10):
            began = time.monotonic()
            exam.board(exam.rooms[0])
            snapshots.append((time.monotonic() - began) * 1000)
        deltas = sum(watcher.deltas_since(0.0) for watcher in watchers)
        for watcher in watchers:
            watcher.close()
        for person in people:
            person.close()
    return {
        "people": PEOPLE,
        "sign_in_ms": percentiles(enter_ms),
        "begin_ms": percentiles(begin_ms),
        "begin_server_cpu_ms_each": round(begin_cpu / PEOPLE * 1000, 1),
        "idle_cpu_share": idle,
        "socket": socket,
        "http": http,
        "http_to_socket_cpu": round(http["server_cpu_s_per_1000"] / max(0.01, socket["server_cpu_s_per_1000"]), 1),
        "socket_with_boards": with_boards,
        "boards": BOARDS,
        "board_deltas": deltas,
        "board_snapshot_ms": percentiles(snapshots),
    }
