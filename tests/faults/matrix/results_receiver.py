"""F36: the receiver of results is down, fails, answers too late, loses its own answers; the sender dies in between."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

import httpx
from werkzeug.serving import WSGIRequestHandler, make_server

import server.schema  # noqa: F401 - every folder's tables
from scoring.connectors import HttpConnector
from scoring.outbox import outbox_counts
from scoring.services.confirm_results import confirm_results
from scoring.services.deliver_outbox import deliver_outbox
from scoring.services.release_results import release_results
from scoring.services.score_sitting import score_sitting
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.permissions import Role
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import somebody
from tests.factories.scheduling import a_vault
from tests.factories.scoring import ALL_RIGHT, ENDS_AT, a_sat_sitting
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.support.certification_receiver import ReferenceReceiver
from tests.support.processes import find_free_port

RESULTS = 12
DOWN = timedelta(hours=1)
STEP = timedelta(seconds=20)
#: a day has so many steps at most; the back-off ends long before
STEPS = 4 * 60 * 60 // 20
#: the connector is told to wait no longer than this for the receiver
PATIENCE_S = 0.15


class Killed(BaseException):
    """The sending process ends between the receiver's answer and its own commit."""


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the receiver's side is looked at through what it holds."""


class UnreliableReceiver:
    """The reference receiver behind a line that is down, fails, stores without answering, or answers late."""

    def __init__(self, receiver: ReferenceReceiver, dice: random.Random, clock: ManualClock) -> None:
        self.receiver = receiver
        self._dice = dice
        self._clock = clock
        self.down_until = clock.now() + DOWN
        self.troubles: dict[str, int] = {}
        #: effects of a receiver that does not look at the idempotency key
        self.accepted_blindly = 0
        self._server = make_server("127.0.0.1", find_free_port(), self._app, threaded=True, request_handler=_Quiet)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/results"

    def _app(self, environ: dict[str, Any], start_response: Any) -> Any:
        trouble = self._trouble()
        self.troubles[trouble] = self.troubles.get(trouble, 0) + 1
        if trouble in ("down", "500"):
            start_response("500 Internal Server Error" if trouble == "500" else "503 Service Unavailable", [])
            return [b""]
        status: list[str] = []

        def note(line: str, headers: Any, *rest: Any) -> Any:
            status.append(line)
            return start_response(line, headers, *rest) if trouble == "none" else None

        body = list(self.receiver.app(environ, note))
        self.accepted_blindly += status[0].startswith("20")
        if trouble == "none":
            return body
        if trouble == "late":
            threading.Event().wait(PATIENCE_S * 2)
        start_response("502 Bad Gateway", [])  # the line's answer in place of the receiver's
        return [b""]

    def _trouble(self) -> str:
        if self._clock.now() < self.down_until:
            return "down"
        return self._dice.choices(("none", "500", "answer lost", "late"), (5, 2, 2, 1))[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def a_day(case: FaultCase, turn: int) -> tuple[UnreliableReceiver, dict[str, int], int]:
    """Release results, deliver them against all troubles; the receiver, our outbox's counts, how often the sender died."""
    dice = case.random(f"day-{turn}")
    database = Database(f"sqlite:///{case.folder / f'day-{turn}.db'}")
    database.create_all()
    clock, vault = ManualClock(ENDS_AT), a_vault()
    uow = UnitOfWork(database, InProcessBus(), clock)
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [dice.choice([ALL_RIGHT, {}]) for _ in range(RESULTS)])
    score_sitting(uow, vault, sat.id)
    confirm_results(uow, sat.id, somebody(Role.EXAM_CLERK, "考务员"))
    release_results(uow, sat.id, somebody(Role.OFFICE_HEAD, "办公室主任"))
    line = UnreliableReceiver(ReferenceReceiver({vault.public_key_hex()}), dice, clock)
    connector = HttpConnector(line.url, transport=_Impatient())
    kills = 0
    try:
        for _ in range(STEPS):
            if counts_of(uow)["waiting"] == 0:
                break
            dies = dice.random() < 0.2
            try:
                deliver_outbox(uow, vault, _Dying(connector) if dies else connector)
            except Killed:
                kills += 1
            clock.advance(STEP)
        return line, counts_of(uow), kills
    finally:
        connector.close()
        line.close()
        database.dispose()


class _Impatient(httpx.HTTPTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE_S)
        return super().handle_request(request)


class _Dying:
    def __init__(self, connector: HttpConnector) -> None:
        self._connector = connector

    def deliver(self, document: Any) -> str:
        self._connector.deliver(document)
        raise Killed


def counts_of(uow: UnitOfWork) -> dict[str, int]:
    with uow.read() as session:
        return dict(outbox_counts(session))


@fault(
    "F36", "成绩接收方停机、重复应答、报错", "Results receiver down, answering twice, failing", promises=("P11",),
    goal="100 % delivered, each result in effect once",
    repetitions=Repetitions(short=1, full=10, fixed_s=2, each_s=4, short_s=8),
    control="a receiver that does not look at the idempotency key must count results twice",
)  # fmt: skip
def receiver_in_trouble(case: FaultCase) -> Measured:
    delivered = in_effect = requests = kills = 0
    troubles: dict[str, int] = {}
    for turn in range(case.repetitions):
        line, counts, died = a_day(case, turn)
        delivered += counts["delivered"]
        in_effect += len(line.receiver.latest()) if len(line.receiver.received) == RESULTS else -1
        requests += line.receiver.requests
        kills += died
        for name, count in line.troubles.items():
            troubles[name] = troubles.get(name, 0) + count
        case.progress(turn + 1, case.repetitions, "days")
    wanted = RESULTS * case.repetitions
    return Measured(
        passed=delivered == in_effect == wanted,
        n=case.repetitions,
        worst=f"{delivered} of {wanted} delivered, {in_effect} in effect once",
        figures={"results": wanted, "delivered": delivered, "requests": requests, "sender_killed": kills, **troubles},
        remark=f"receiver down for 1 h (injected clock), then failing half of the time; sender killed {kills} times",
    )


@control_of("F36")
def receiver_without_keys(case: FaultCase) -> ControlMeasured:
    line, counts, _ = a_day(case, 0)
    return ControlMeasured(
        line.accepted_blindly > counts["delivered"],
        f"a receiver without keys would have counted {line.accepted_blindly} results instead of {counts['delivered']}",
    )
