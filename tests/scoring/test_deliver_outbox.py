"""Every result reaches the certification workflow at least once and takes effect exactly once (P11)."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from scoring.connectors import (
    DeliveryFailedError,
    EveryConnector,
    FolderConnector,
    HttpConnector,
    SignedDocument,
    connector_from,
)
from scoring.domain.backoff import next_delay
from scoring.models import OutboxMessage
from scoring.outbox import dead_letters, outbox_counts
from scoring.services.confirm_results import confirm_results
from scoring.services.deliver_outbox import FAILURES_THAT_END_A_RUN, deliver_outbox
from scoring.services.release_results import release_results
from scoring.services.revive_dead_letters import revive_dead_letters
from scoring.services.score_sitting import score_sitting
from scoring.signatures import is_signed_by
from server.core.errors import Forbidden
from server.scheduling.id_numbers import open_id_number
from server.scheduling.models import Candidate
from server.settings import Settings
from tests.factories.scoring import ALL_RIGHT, a_sat_sitting
from tests.support.certification_receiver import ReferenceReceiver

URL = "http://certification.test/results"
DOCUMENT = SignedDocument("key-1", b"{}", "00", "00")


@pytest.fixture
def released(uow, vault, clerk, office_head):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, {}, None])
    score_sitting(uow, vault, sat.id)
    confirm_results(uow, sat.id, clerk)
    release_results(uow, sat.id, office_head)
    return sat


@pytest.fixture
def receiver(vault):
    return ReferenceReceiver({vault.public_key_hex()})


@pytest.fixture
def connector(receiver):
    made = HttpConnector(URL, transport=httpx.WSGITransport(app=receiver.app))
    yield made
    made.close()


def answering(status: int, **reply) -> HttpConnector:
    """A receiver that always says the same."""
    return HttpConnector(URL, transport=httpx.MockTransport(lambda _request: httpx.Response(status, **reply)))


def counts(uow):
    with uow.read() as session:
        return outbox_counts(session)


def test_every_released_result_arrives_signed_and_leaves_a_receipt(uow, vault, released, receiver, connector):
    run = deliver_outbox(uow, vault, connector)
    assert (run.delivered, run.failed, run.dead) == (3, 0, 0)
    assert counts(uow) == {"waiting": 0, "delivered": 3, "dead": 0}
    with uow.read() as session:
        receipts = list(session.scalars(select(OutboxMessage.receipt)))
    assert all(receipt.startswith("R0") for receipt in receipts)
    told = sorted((d["result"]["attendance"], d["result"]["theory_score"]) for d in receiver.received.values() if d)
    assert told[1:] == [("taken", "0.00"), ("taken", "100.00")]
    assert told[0] == ("absent", None)


def test_the_full_id_number_is_read_only_for_the_delivery(uow, vault, released, receiver, connector):
    deliver_outbox(uow, vault, connector)
    with uow.read() as session:
        numbers = {open_id_number(vault, c.id, c.id_number_cipher) for c in session.scalars(select(Candidate))}
        stored = str(list(session.scalars(select(OutboxMessage.payload))))
    assert {d["candidate"]["id_number"] for d in receiver.received.values()} == numbers
    assert not any(number in stored for number in numbers)


def test_a_receiver_that_fails_gets_everything_once_when_it_is_back(uow, vault, clock, released, receiver, connector):
    receiver.fail_next(FAILURES_THAT_END_A_RUN)
    run = deliver_outbox(uow, vault, connector)
    assert (run.delivered, run.failed) == (0, 3)
    assert deliver_outbox(uow, vault, connector).delivered == 0  # nothing is due yet
    clock.advance(next_delay(1))
    assert deliver_outbox(uow, vault, connector).delivered == 3
    assert len(receiver.received) == 3
    assert receiver.requests == 6


def test_a_receiver_that_is_down_ends_the_run_early(uow, vault, clerk, office_head, clock):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [{}] * 5)
    score_sitting(uow, vault, sat.id)
    confirm_results(uow, sat.id, clerk)
    release_results(uow, sat.id, office_head)

    def refuse(request):
        raise httpx.ConnectError("no route", request=request)

    down = HttpConnector(URL, transport=httpx.MockTransport(refuse))
    assert deliver_outbox(uow, vault, down).failed == FAILURES_THAT_END_A_RUN
    assert counts(uow)["waiting"] == 5


def test_a_sender_killed_before_it_noted_the_receipt_sends_again_and_nothing_doubles(
    uow, vault, clock, released, receiver, connector
):
    class Killed(BaseException):
        """The process ends between the receiver's answer and our commit."""

    class DyingConnector:
        def deliver(self, document):
            connector.deliver(document)
            raise Killed

    with pytest.raises(Killed):
        deliver_outbox(uow, vault, DyingConnector())
    assert counts(uow)["delivered"] == 0
    assert deliver_outbox(uow, vault, connector).delivered == 3
    assert receiver.requests == 4
    assert len(receiver.received) == len(receiver.latest()) == 3


def test_a_final_refusal_becomes_a_visible_dead_letter(uow, vault, clock, released):
    run = deliver_outbox(uow, vault, answering(422, json={"code": "NO"}))
    assert (run.dead, run.failed) == (3, 0)
    with uow.read() as session:
        assert all("HTTP 422" in letter.last_error for letter in dead_letters(session))
    clock.advance(timedelta(days=1))
    assert deliver_outbox(uow, vault, answering(200, json={"receipt": "R"})).delivered == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_refusal_of_the_document_is_final(status):
    with pytest.raises(DeliveryFailedError) as failure:
        answering(status).deliver(DOCUMENT)
    assert failure.value.is_final


def test_a_dead_letter_is_sent_again_when_a_person_says_so(
    uow, vault, released, connector, receiver, proctor, office_head
):
    deliver_outbox(uow, vault, answering(403))
    with pytest.raises(Forbidden):
        revive_dead_letters(uow, "密钥已登记", proctor)
    assert revive_dead_letters(uow, "密钥已登记", office_head) == 3
    assert deliver_outbox(uow, vault, connector).delivered == 3


@pytest.mark.parametrize(
    "reply",
    [
        (500, {}),
        (503, {}),
        (429, {}),
        (408, {}),
        (302, {"headers": {"Location": "http://elsewhere.test/"}}),
        (200, {"text": "<html>Welcome</html>"}),
        (200, {"json": {"receipt": ""}}),
        (200, {"json": {"receipt": "R" * 201}}),
        (200, {"json": ["R1"]}),
        (200, {"content": b"x" * 100_000}),
    ],
)
def test_anything_but_a_receipt_is_tried_again(reply):
    status, extra = reply
    with pytest.raises(DeliveryFailedError) as failure:
        answering(status, **extra).deliver(DOCUMENT)
    assert not failure.value.is_final


def test_a_redirect_is_never_followed():
    asked = []

    def redirect(request):
        asked.append(str(request.url))
        return httpx.Response(307, headers={"Location": "http://elsewhere.test/"})

    with pytest.raises(DeliveryFailedError):
        HttpConnector(URL, transport=httpx.MockTransport(redirect)).deliver(DOCUMENT)
    assert asked == [URL]


def test_a_receiver_may_ask_for_more_patience(uow, vault, clock, released, connector):
    deliver_outbox(uow, vault, answering(503, headers={"Retry-After": "120"}), limit=3)
    clock.advance(119)
    assert deliver_outbox(uow, vault, connector).delivered == 0
    clock.advance(1)
    assert deliver_outbox(uow, vault, connector).delivered == 3


def test_waiting_doubles_up_to_a_quarter_of_an_hour():
    assert [next_delay(n).total_seconds() for n in (1, 2, 3, 9, 10, 99)] == [2, 4, 8, 512, 900, 900]


def test_the_receiver_refuses_foreign_keys_changed_bodies_and_reused_keys(uow, vault, released, receiver, connector):
    deliver_outbox(uow, vault, connector, limit=1)
    (key,) = receiver.received
    client = receiver.app.test_client()

    def post(body: bytes, signature: str, public_key: str, idempotency_key: str = key):
        headers = {
            "Idempotency-Key": idempotency_key,
            "X-Mingyuan-Signature": signature,
            "X-Mingyuan-Key": public_key,
        }
        return client.post("/results", data=body, headers=headers)

    ours = vault.public_key_hex()
    other = json.dumps({"idempotency_key": key, "result": {"id": "x", "revision": 1}}).encode()
    assert post(other, vault.sign(other), ours).status_code == 409
    assert post(other, vault.sign(b"something else"), ours).status_code == 403
    assert post(other, vault.sign(other), "00" * 32).status_code == 403
    assert post(other, vault.sign(other), ours, "another-key").status_code == 400
    assert client.get("/results").json["received"] == 1


def test_a_watched_folder_gets_whole_signed_files(uow, vault, released, tmp_path):
    folder = tmp_path / "out"
    assert deliver_outbox(uow, vault, FolderConnector(folder)).delivered == 3
    bodies = sorted(folder.glob("*.json"))
    assert len(bodies) == 3
    for body in bodies:
        signature = json.loads(body.with_name(f"{body.name}.sig").read_text())
        assert is_signed_by(signature["key"], body.read_bytes(), signature["signature"])
        assert json.loads(body.read_bytes())["idempotency_key"] == body.stem
    assert not list(folder.glob(".*"))


def test_a_folder_that_cannot_be_written_is_tried_again(uow, vault, released, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert deliver_outbox(uow, vault, FolderConnector(tmp_path / "file"), limit=1).failed == 1


def test_the_settings_say_where_results_go(tmp_path):
    assert connector_from(Settings(data=tmp_path)) is None
    folder = connector_from(Settings(data=tmp_path, certification_folder=tmp_path))
    assert isinstance(folder, FolderConnector)
    both = connector_from(Settings(data=tmp_path, certification_folder=tmp_path, certification_url=URL))
    assert isinstance(both, EveryConnector)
    both.connectors[0].close()
