"""The runs: what is done to a stand, and which figures come of it. Ratios of one run; seconds are of this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from server.rehearsal.staff import StaffMember
from tests.bench.hall import PER_ROOM, Hall
from tests.bench.import_many import start_import, wait_for, write_file
from tests.bench.load import LOAD_CORE, Stand
from tests.bench.measures import median

Facts = dict[str, Any]
SATURATING = 100
HEARTBEATS_IN_AN_EXAM = 90 * 60 // 5
SAVES_IN_AN_EXAM = 100


def _metered(stand: Stand, do: str, **arguments: Any) -> Facts:
    found: Facts = {}
    with stand.metered(found):
        reply = stand.pump.ask(do, **arguments)
    return {**reply, **found, "cpu_s": found["server_cpu_s"] + found["database_cpu_s"]}


def start_stampede(stand: Stand, first: int, last: int) -> Facts:
    """Everybody has the encrypted paper and presses at one moment; the last one's first question ends it."""
    papers = stand.pump.ask("papers_early", first=first, last=last)
    begun = _metered(stand, "begin", first=first, last=last)
    if begun["failed"]:
        raise RuntimeError(f"{begun['failed']} could not begin: {begun['refused']}")
    people = last - first
    return {
        "people": people,
        "last_one_s": round(begun["ms"]["max"] / 1000, 2),
        "p50_s": round(begun["ms"]["p50"] / 1000, 2),
        "cpu_ms_each": round(1000 * begun["cpu_s"] / people, 2),
        "paper_bytes": round(papers["bytes_each"]),
    }


def saturation(stand: Stand, rounds: int, seconds: float) -> Facts:
    """Saves and the message that does nothing in turns, so that both meet the same machine."""
    stand.pump.ask("connect", people=SATURATING)
    stand.pump.ask("saturate", event="record_answers", people=SATURATING, seconds=1)  # everybody's paper is known now
    saves, nothings = [], []
    for _ in range(rounds):
        nothings.append(_metered(stand, "saturate", event="bench_nothing", people=SATURATING, seconds=seconds))
        saves.append(_metered(stand, "saturate", event="record_answers", people=SATURATING, seconds=seconds))
        if saves[-1]["bad"]:
            raise RuntimeError(f"a save was refused: {saves[-1]['bad']}")
    pairs = list(zip(saves, nothings, strict=True))
    return {
        "saves_per_cpu_s": round(median(one["acked"] / one["cpu_s"] for one in saves)),
        "server_cpu_us_a_save": round(1e6 * median(one["server_cpu_s"] / one["acked"] for one in saves), 1),
        "database_cpu_us_a_save": round(1e6 * median(one["database_cpu_s"] / one["acked"] for one in saves), 1),
        "saves_per_s": round(median(one["per_s"] for one in saves)),
        "nothings_per_s": round(median(one["per_s"] for one in nothings)),
        "ratio_to_nothing": round(median(one["per_s"] / other["per_s"] for one, other in pairs), 2),
        "ratio_to_nothing_by_cpu": round(
            median((one["acked"] / one["cpu_s"]) / (other["acked"] / other["cpu_s"]) for one, other in pairs), 2
        ),
        "rows_per_flush": round(median(one["lines"] / one["flushes"] for one in saves), 1),
        "flushes_per_s": round(median(one["flushes"] / one["s"] for one in saves)),
        "bytes_a_save": round(median(one["bytes_each"] for one in saves)),
        "ms": saves[-1]["ms"],
    }


def by_http(stand: Stand, seconds: float) -> Facts:
    """The same by POST, keep-alive, as many at once."""
    stand.pump.ask("saturate_http", people=SATURATING, seconds=0.5)
    one = _metered(stand, "saturate_http", people=SATURATING, seconds=seconds)
    if one["bad"]:
        raise RuntimeError(f"a save was refused: {one['bad']}")
    return {
        "saves_per_cpu_s": round(one["acked"] / one["cpu_s"]),
        "saves_per_s": round(one["per_s"]),
        "rows_per_flush": round(one["lines"] / one["flushes"], 1),
        "bytes_a_save": round(one["bytes_each"]),
        "ms": one["ms"],
    }


def usual_rate(stand: Stand, seconds: float, people: int = 100, period: float = 2.0) -> Facts:
    """So many candidates, one answer each `period`."""
    stand.pump.ask("connect", people=people)
    one = _metered(stand, "pace", people=people, period=period, seconds=seconds)
    if one["bad"]:
        raise RuntimeError(f"{one['bad']} saves were refused")
    return {
        "ms": one["ms"],
        "saves_per_s": round(one["acked"] / one["s"], 1),
        "saves_per_cpu_s": round(one["acked"] / one["cpu_s"]),
    }


def slow_flushes(stand: Stand, unslowed_per_s: float, seconds: float) -> Facts:
    """The stand's server makes every flush 5 ms longer."""
    stand.pump.ask("connect", people=SATURATING)
    stand.pump.ask("saturate", event="record_answers", people=SATURATING, seconds=1)
    one = _metered(stand, "saturate", event="record_answers", people=SATURATING, seconds=seconds)
    return {
        "saves_per_s": round(one["per_s"]),
        "ratio_to_unslowed": round(one["per_s"] / unslowed_per_s, 2),
        "saves_per_flush": round(one["lines"] / one["flushes"], 1),
    }


def memory(stand: Stand, first: int, last: int) -> Facts:
    """What a connected page keeps on the server, kB."""
    stand.pump.ask("connect", people=first)
    time.sleep(0.5)
    before = stand.memory_kb()
    stand.pump.ask("connect", people=last)
    time.sleep(0.5)
    after = stand.memory_kb()
    return {"connections": last - first, "kb_each": round((after - before) / (last - first), 1), "server_kb": after}


def statements(stand: Stand, first: int, last: int) -> Facts:
    """SQL statements of starts and of the answer writer, counted in the server."""
    people = last - first
    begun = _metered(stand, "begin", first=first, last=last)
    stand.pump.ask("connect", people=SATURATING)
    stand.pump.ask("saturate", event="record_answers", people=SATURATING, seconds=0.5)
    lone = _metered(stand, "pace", people=10, period=0.5, seconds=2)
    busy = _metered(stand, "saturate", event="record_answers", people=SATURATING, seconds=1)
    return {
        "of_a_start": round(begun["statements"] / people, 1),
        "of_a_lone_save": round(lone["statements"] / max(1, lone["flushes"]), 1),
        "of_a_save_at_saturation": round(busy["statements"] / busy["acked"], 2),
    }


def whole_exam(stand: Stand, first: int, last: int) -> Facts:
    """Sign-in, state, paper, begin, 100 saves, submission, of people who have not begun; heartbeats measured beside it."""
    people = last - first
    cost: Facts = {}
    for name, do, arguments in (
        ("sign_in_and_states", "sign_in", {"at_once": 4}),
        ("paper", "papers_early", {}),
        ("begin", "begin", {}),
        ("connect", "connect_some", {}),
        ("saves", "answer_all", {"count": SAVES_IN_AN_EXAM}),
        ("submit", "submit_all", {}),
    ):
        used = _metered(stand, do, first=first, last=last, **arguments)
        cost[f"{name}_ms"] = round(1000 * used["cpu_s"] / people, 1)
    beats = _metered(stand, "saturate", event="heartbeat", people=SATURATING, seconds=1)
    return {
        "people": people,
        **cost,
        "whole_ms": round(sum(cost.values()), 1),
        "heartbeats_ms": round(1000 * beats["cpu_s"] / beats["acked"] * HEARTBEATS_IN_AN_EXAM, 1),
    }


def dashboards(stand: Stand, hall: Hall, rounds: int, seconds: float, people: int, boards: int = 20) -> Facts:
    """The usual rate, without and with so many boards open, in turns."""
    person = StaffMember(stand.server.base_url, *hall.inspector)
    rooms = hall.room_ids[: max(1, -(-people // PER_ROOM))]
    open_boards = [
        {"cookie": person.cookie, "sitting_id": hall.sitting_id, "room_id": rooms[number % len(rooms)]}
        for number in range(boards)
    ]
    stand.pump.ask("connect", people=people)
    without, beside, deltas = list[Facts](), list[Facts](), 0
    cpu: dict[str, list[float]] = {"without": [], "beside": []}
    period = people / 50
    for _ in range(rounds):
        one = _metered(stand, "pace", people=people, period=period, seconds=seconds)
        without.append(one["ms"])
        cpu["without"].append(one["cpu_s"] / one["s"])
        stand.pump.ask("watch", boards=open_boards)
        one = _metered(stand, "pace", people=people, period=period, seconds=seconds)
        beside.append(one["ms"])
        cpu["beside"].append(one["cpu_s"] / one["s"])
        deltas += stand.pump.ask("look_away")["deltas"]
    person.close()
    return {
        "boards": boards,
        "seats": people,
        "deltas": deltas,
        "cpu_share_without": round(median(cpu["without"]), 3),
        "cpu_share": round(median(cpu["beside"]), 3),
        "p95_without_ms": round(median(one["p95"] for one in without), 2),
        "p95_ms": round(median(one["p95"] for one in beside), 2),
        "p95_ratio": round(median(one["p95"] for one in beside) / median(one["p95"] for one in without), 2),
    }


def large_import(stand: Stand, hall: Hall, seconds: float) -> Facts:
    """A file of 1,200 items is imported in mid-exam, by the command, on the load generator's core."""
    data = hall.file.parent
    file = data / "many.csv"
    write_file(file)
    url = hall.platform.database.url.render_as_string(hide_password=False)
    environment = {**os.environ, "MINGYUAN_DATABASE_URL": url} if stand.postmaster else dict(os.environ)
    stand.pump.ask("connect", people=100)
    without = stand.pump.ask("pace", people=100, period=2, seconds=seconds)["ms"]
    stand.pump.begin_asking("pace", people=100, period=2, seconds=seconds)
    began = time.monotonic()
    process = start_import(data, Path(file), environment)
    os.sched_setaffinity(process.pid, {LOAD_CORE})
    wait_for(process)
    took = time.monotonic() - began
    beside = stand.pump.answer()["ms"]
    return {
        "import_s": round(took, 1), "of_s": seconds, "p95_without_ms": without["p95"], "p95_ms": beside["p95"],
        "longest_ms": beside["max"], "p95_ratio": round(beside["p95"] / without["p95"], 2),
    }  # fmt: skip
