"""A load run: the simulated people in a process of their own, the nemesis here, the checker afterwards.

    site = prepare_site(data, candidates=100)
    report = run_load(site, ["http://127.0.0.1:8600"], LoadPlan(100, rate_per_s=50, seconds=30), nemesis=[…])

Client (`load_process`), nemesis (`nemesis/`), history (`history_file`) and checker (`history.check`) know nothing of each
other (Jepsen); what joins them is `time.monotonic()`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Protocol, Self

from server.rehearsal.history import History, Verdict, check
from server.rehearsal.history_file import read_history
from server.rehearsal.load_plan import CandidateEnd, LoadPlan, LoadReport, NemesisEvent, OnProgress, Progress, spread
from server.rehearsal.lost_time import lost_time_of, time_errors
from server.rehearsal.process_cpu import SAMPLE_S, CpuMeter
from server.rehearsal.site import RehearsalSite

#: candidates come within this share of the time between doors and start
ARRIVAL_SHARE = 0.5
#: a run may take so much longer than the plan says before it is given up
PATIENCE_S = 180.0
#: `room id → addresses`, or the same addresses for everybody
Addresses = Sequence[str] | Mapping[str, Sequence[str]]


class LoadFailed(Exception):
    """The load process ended without a report; `args[0]` holds what it said last."""


class Nemesis(Protocol):
    """Something that breaks things once a run is under way."""

    @property
    def name(self) -> str:
        """As `--fault` spells it."""
        ...

    def strike(self, run: RunningLoad) -> None:
        """Called once, when the answering begins: wait for the moment, break, mend, and write it down with `run.note`.

        All nemeses of a run are called one after the other in the thread that called `run_load`.
        """
        ...


class RunningLoad:
    """What a nemesis sees of a run."""

    def __init__(self, site: RehearsalSite | None, plan: LoadPlan, send: Callable[[dict[str, Any]], None]) -> None:
        self.site = site
        self.plan = plan
        #: moments and choices of the nemesis come from here, so that a seed replays them
        self.random = random.Random(f"{plan.seed}:nemesis")  # noqa: S311 - behaviour, not a secret
        self.window = (0.0, 0.0)
        self.progress = Progress("preparing")
        self.log: list[NemesisEvent] = []
        self.over = threading.Event()
        self.fault = ""
        #: the moment is chosen by somebody else (a mix): strike when called
        self.at_once = False
        self.seats: list[dict[str, Any]] = []
        self._send = send

    def sleep(self, seconds: float) -> None:
        """Wait; returns earlier when the run is over."""
        self.over.wait(seconds)

    def sleep_until_share(self, share: float) -> None:
        """Until so much of the answering window has passed."""
        begin, end = self.window
        self.sleep(max(0.0, begin + share * (end - begin) - time.monotonic()))

    def say(self, what: str) -> None:
        """What is broken right now, for people who watch; empty: nothing."""
        self.fault = what

    def note(
        self, fault: str, what: str, began_at: float, ended_at: float, *, cut_off: str | tuple[str, ...] = "all",
        gives_back: bool = True, **figures: Any,
    ) -> None:  # fmt: skip
        """Write into the nemesis log."""
        self.log.append(NemesisEvent(fault, what, began_at, ended_at, cut_off, gives_back, figures))

    def swap(self, ticket_number: str) -> None:
        """This candidate's PC dies; the candidate goes on at another one once the seat is released."""
        self._send({"do": "swap", "ticket": ticket_number})


def run_load(
    site: RehearsalSite | None,
    addresses: Addresses,
    plan: LoadPlan,
    *,
    nemesis: Sequence[Nemesis] = (),
    on_progress: OnProgress = lambda _: None,
    server_pids: Callable[[], Iterable[int]] | None = None,
    database_pids: Callable[[], Iterable[int]] | None = None,
    folder: Path | None = None,
    tickets: Sequence[tuple[str, str]] = (),
    stop: threading.Event | None = None,
) -> LoadReport:
    """Play one run and judge it.

    Args:
        site: prepared by `prepare_site`, its start still ahead. None: somebody else's server; then `tickets` (number, PIN)
            say who comes, people keep the gates, and the judge is what the server itself says it counts.
        addresses: of the nodes, in the order in which clients try them; by room id where rooms come by different ways.
        server_pids, database_pids: asked four times a second; their CPU is counted over the answering window.
        folder: for the history and what the load process says; default: the site's data folder.

    Raises:
        InvalidInput: `LOAD_OUT_OF_BOUNDS`.
        LoadFailed.
    """
    plan.check()
    folder = folder or (site.data if site is not None else Path.cwd())
    folder.mkdir(parents=True, exist_ok=True)
    history_path = folder / f"history-{time.strftime('%Y%m%d-%H%M%S')}-{plan.seed}.jsonl"
    began = time.monotonic()
    job = _job(site, addresses, plan, history_path, tickets)
    with _LoadProcess(job, folder / "load.log") as process:
        run = RunningLoad(site, plan, process.send)
        run.seats = job["seats"]
        outcome = _follow(process, run, nemesis, on_progress, server_pids, database_pids, stop)
    history = read_history(history_path)
    return _report(site, plan, run, outcome, history, time.monotonic() - began)


@dataclass
class _Outcome:
    done: dict[str, Any]
    server_cpu_s: float | None
    database_cpu_s: float | None
    load_average: tuple[float, float, float]


def _follow(
    process: _LoadProcess, run: RunningLoad, nemesis: Sequence[Nemesis], on_progress: OnProgress,
    server_pids: Callable[[], Iterable[int]] | None, database_pids: Callable[[], Iterable[int]] | None,
    stop: threading.Event | None,
) -> _Outcome:  # fmt: skip
    """Read what the load process says until it is done; strike meanwhile."""
    opened = threading.Event()
    done: dict[str, Any] = {}

    def listen() -> None:
        for fact in process.facts():
            if fact["event"] == "window":
                run.window = (fact["begin"], fact["end"])
                opened.set()
            elif fact["event"] == "done":
                done.update(fact)
            else:
                fact.pop("event")
                run.progress = replace(Progress(**{**fact, "away": tuple(fact["away"])}), fault=run.fault)
                on_progress(run.progress)
            if stop is not None and stop.is_set():
                process.send({"do": "stop"})
        run.over.set()
        opened.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    meters = [CpuMeter(pids) if pids is not None else None for pids in (server_pids, database_pids)]
    measured = threading.Event()
    measuring = threading.Thread(target=_measure, args=(meters, opened, run, measured), daemon=True)
    measuring.start()
    opened.wait()
    for one in nemesis:
        if not run.over.is_set():
            run.at_once = False
            one.strike(run)
            run.say("")
    given_up_at = time.monotonic() + run.plan.seconds + run.plan.drain_s + PATIENCE_S
    listener.join(max(1.0, given_up_at - time.monotonic()))
    measured.set()
    measuring.join()
    if not done:
        raise LoadFailed(process.last_words())
    used = [None if meter is None else round(meter.seconds, 3) for meter in meters]
    return _Outcome(done, used[0], used[1], os.getloadavg())


def _measure(meters: list[CpuMeter | None], opened: threading.Event, run: RunningLoad, over: threading.Event) -> None:
    """CPU over the answering window and the draining after it."""
    opened.wait()
    while not over.is_set() and not run.over.is_set():
        for meter in meters:
            if meter is not None:
                meter.sample()
        if time.monotonic() > run.window[1] and not run.progress.unsent:
            return
        over.wait(SAMPLE_S)


def _job(
    site: RehearsalSite | None, addresses: Addresses, plan: LoadPlan, history: Path, tickets: Sequence[tuple[str, str]]
) -> dict[str, Any]:  # fmt: skip
    cores = sorted(os.sched_getaffinity(0))
    job: dict[str, Any] = {
        "plan": {name: getattr(plan, name) for name in plan.__dataclass_fields__},
        "history": str(history),
        "core": cores[-1] if len(cores) > 1 else None,
        "rooms": [],
        "doors_in_s": 0.0,
        "arrive_within_s": min(10.0, plan.candidates * 0.03),
    }

    def ways(room_id: str) -> list[str]:
        return list(addresses[room_id] if isinstance(addresses, Mapping) else addresses)

    if site is None:
        job["seats"] = [
            {"ticket": number, "pin": pin, "room": "", "seat": None, "addresses": ways("")}
            for number, pin in tickets[: plan.candidates]
        ]
        return job
    demo, day = site.demo, site.day
    doors_in = (day.starts_at - day.profile.admission_opens_before - site.platform.clock.now()).total_seconds()
    left = (day.starts_at - site.platform.clock.now()).total_seconds() - max(0.0, doors_in)
    job |= {"doors_in_s": doors_in, "arrive_within_s": max(0.5, ARRIVAL_SHARE * left)}
    job["seats"] = [
        {
            "ticket": one.number,
            "pin": one.pin,
            "room": one.room_id,
            "seat": one.seat_number,
            "addresses": ways(one.room_id),
        }
        for one in demo.tickets[: plan.candidates]
    ]
    job["rooms"] = [
        {
            "room_id": room.room_id,
            "name": room.name,
            "chief": _account(room.chief),
            "deputy": _account(room.deputy),
            "opening_secrets": list(room.opening_secrets),
            "sitting_id": demo.sitting_id,
            "starts_at": day.starts_at.isoformat(),
            "duration_s": day.duration.total_seconds(),
            "profile": day.profile.to_document(),
            "addresses": ways(room.room_id),
        }
        for room in demo.rooms
    ]
    return job


def _account(account: Any) -> dict[str, str]:
    return {name: getattr(account, name) for name in account.__dataclass_fields__}


def _report(
    site: RehearsalSite | None, plan: LoadPlan, run: RunningLoad, outcome: _Outcome, history: History, wall_s: float
) -> LoadReport:  # fmt: skip
    ends = [CandidateEnd(**one) for one in outcome.done["ends"]]
    entries = list(history.sent.values())
    counted = [entry for entry in entries if entry.acked and entry.standing == "counted"]
    acked_at = sorted(entry.acked_at for entry in counted if entry.acked_at is not None)
    wrong = sum(end.wire_wrong for end in ends)
    if site is not None:
        verdict = check(history, site.platform.uow)
        judged_by = "database"
    else:
        verdict = Verdict(len(counted), wrong, 0, 0, wrong)
        judged_by = "wire"
    began, ended = run.window
    last = max([ended, *acked_at[-1:]]) if acked_at else ended
    lost_time = lost_time_of(run.log, counted, ends)
    errors = time_errors(lost_time, ends)
    begin_s = [end.began_s for end in ends if end.began_s is not None]
    refusals = Counter[str]()
    for end in ends:
        refusals.update(end.refusals)
    return LoadReport(
        candidates=len(ends),
        rate_per_s=plan.rate_per_s,
        seconds=plan.seconds,
        seed=plan.seed,
        clicked=len(entries),
        acked=verdict.acked,
        lost=verdict.lost,
        duplicated=verdict.duplicated if site is not None else None,
        foreign=verdict.foreign if site is not None else None,
        wrong_final=verdict.wrong_final + (wrong if site is not None else 0),
        unacked=sum(not entry.acked for entry in entries),
        saves_per_s=round(len(counted) / (last - began), 2) if last > began else 0.0,
        save_ms=spread([entry.save_ms for entry in entries if entry.save_ms is not None], 2),
        reconnect_s=spread(history.reconnect_s),
        begin_s=spread(begin_s),
        reconnects=len(history.reconnect_s),
        server_cpu_s=outcome.server_cpu_s,
        database_cpu_s=outcome.database_cpu_s,
        client_cpu_s=round(outcome.done["client_cpu_s"], 3),
        time_error_s_max=round(max(errors.values()), 3) if errors else None,
        lost_time_s_max=round(max(lost_time.values(), default=0.0), 3),
        given_back_s_max=round(max((end.given_back_s for end in ends), default=0.0), 3),
        proctors_failed=outcome.done["proctors_failed"],
        turned_away=dict(Counter(end.turned_away for end in ends if end.turned_away)),
        refusals=dict(refusals),
        submitted=sum(end.receipt is not None for end in ends),
        wall_s=round(wall_s, 2),
        load_average=outcome.load_average,
        judged_by=judged_by,
        window=run.window,
        nemesis_log=run.log,
        ends=ends,
        history=history,
    )


class _LoadProcess:
    """The child: a job in, facts out; closing its input ends it."""

    def __init__(self, job: dict[str, Any], log: Path) -> None:
        self._log = log
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server.rehearsal.load_process"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self.send(self._job)
        return self

    def __exit__(self, *exc: object) -> None:
        process = self._open()
        self.send({"do": "stop"})
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def send(self, message: dict[str, Any]) -> None:
        """A job or a command; nobody may be listening any more."""
        pipe: IO[bytes] = self._open().stdin  # type: ignore[assignment]
        try:
            pipe.write(json.dumps(message).encode() + b"\n")
            pipe.flush()
        except (BrokenPipeError, ValueError):
            return

    def facts(self) -> Iterable[dict[str, Any]]:
        """What it says, until it ends."""
        pipe: IO[bytes] = self._open().stdout  # type: ignore[assignment]
        for line in pipe:
            yield json.loads(line)

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-3000:]

    def _open(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process
