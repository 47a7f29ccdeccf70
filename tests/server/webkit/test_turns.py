"""A rush waits in memory, in order; what must never wait does not; a failing request gives its turn back."""

from __future__ import annotations

import threading

import pytest
from flask import Blueprint, Flask

from server.core.errors import Unavailable
from server.webkit import error_replies, turns


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    error_replies.register(app)
    return app


def test_no_more_than_allowed_are_at_it_at_once_and_all_get_through(app: Flask) -> None:
    api, inside, most, gate = Blueprint("api", __name__), [0], [0], threading.Semaphore(0)

    @api.get("/work")
    def work() -> str:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        gate.acquire(timeout=10)
        inside[0] -= 1
        return "done"

    @api.get("/free")
    def free() -> str:
        return "at once"

    turns.take_turns(api, frozenset({"/free"}), at_once=2)
    app.register_blueprint(api)
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(app.test_client().get("/work").text)) for _ in range(6)]
    for thread in threads:
        thread.start()
    assert app.test_client().get("/free").text == "at once"
    for _ in threads:
        gate.release()
    for thread in threads:
        thread.join(10)
    assert told == ["done"] * 6
    assert most[0] <= 2


def test_a_failing_request_gives_its_turn_back_and_nobody_waits_for_ever(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)
    api, gate = Blueprint("api", __name__), threading.Event()

    @api.get("/fails")
    def fails() -> str:
        raise Unavailable("STORAGE_FULL", "满", "Full.")

    @api.get("/waits")
    def waits() -> str:
        gate.wait(10)
        return "done"

    turns.take_turns(api, frozenset(), at_once=1)
    app.register_blueprint(api)
    client = app.test_client()
    assert [client.get("/fails").json["code"] for _ in range(3)] == ["STORAGE_FULL"] * 3  # type: ignore[index]
    holder = threading.Thread(target=lambda: app.test_client().get("/waits"))
    holder.start()
    refused = None
    while refused is None or refused.json["code"] == "STORAGE_FULL":  # type: ignore[index]
        refused = client.get("/fails")
    gate.set()
    holder.join(10)
    assert (refused.status_code, refused.json["code"]) == (503, "STORAGE_UNAVAILABLE")  # type: ignore[index]
    assert client.get("/waits").text == "done"
