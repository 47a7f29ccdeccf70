"""The documentation of the wire says what the code does, all of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from typing import Any

import pytest

import proctor.wire
import server.delivery.wire
from itembank.domain.script import CandidateItem, CandidateOption, CandidatePaper, CandidateSection
from itembank.domain.sealing import seal_paper
from server.adapters.vault import seal_with
from server.app import MAX_MESSAGE
from server.core.permissions import Permission
from server.delivery.domain.journal_rules import Standing
from server.webkit.parsing import MAX_JSON
from server.webkit.socket_base import BURST, RATE_PER_SECOND
from tests.security.exam_world import ExamWorld
from tests.support.paths import ROOT

DOCS = ROOT / "deploy/docs"


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "wire.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    return document


def test_the_pages_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "deploy/build/generate_wire_docs.py", "--check"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr


def test_every_address_is_on_the_page_and_in_the_openapi_document(
    world: ExamWorld, page: str, openapi: dict[str, Any]
) -> None:
    for rule in world.server.flask.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        assert f"| `{method} {address}` |" in page
        if address.startswith("/api/"):
            assert method.lower() in openapi["paths"][address]


def test_every_message_and_every_class_is_on_the_page(page: str) -> None:
    for module in (server.delivery.wire, proctor.wire):
        assert f"### Namespace `{module.NAMESPACE}`" in page
        for name in (*module.CLIENT_MESSAGES, *module.SERVER_MESSAGES):
            assert f"| `{name}` |" in page
    for target in set(re.findall(r"\]\(#([\w-]+)\)", page)):
        headings = {
            re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
            for line in page.splitlines()
            if line.startswith("#")
        }
        assert target in headings, target


def test_every_code_in_a_table_is_explained(page: str) -> None:
    addresses, explained = page.split("\n## Codes\n")
    known = set(re.findall(r"^\| `([A-Z_0-9]+)` \| \d{3} \|", explained, re.MULTILINE))
    rows = [line for line in addresses.splitlines() if re.match(r"\| `(GET|POST) ", line)]
    used = {code for row in rows for code in re.findall(r"`([A-Z][A-Z_0-9]{3,})`", row.rsplit(" | ", 1)[1])}
    assert len(used) > 60
    assert used <= known
    for line in explained.splitlines():
        if line.startswith("| `"):
            assert re.search(r"[\u4e00-\u9fff…]", line), line


def test_the_numbers_in_the_words_are_the_codes_numbers(page: str) -> None:
    """The prose is written by hand; what it counts is checked."""
    assert f"at most {MAX_JSON // 1024} KiB" in page
    assert f"At most {server.delivery.wire.MAX_ENTRIES_PER_MESSAGE} entries and {MAX_MESSAGE:,} bytes a message" in page
    assert f"{RATE_PER_SECOND:.0f} messages a second on average, {BURST:.0f} at once" in page
    for standing in Standing:
        assert f"| `{standing.value}` |" in page
    for permission in re.findall(r"\| `(\w+:\w+:\w+)` \|", page):
        assert Permission(permission)


@pytest.mark.parametrize("is_compressed", [True, False])
def test_the_paper_file_opens_the_way_the_page_says(page: str, is_compressed: bool) -> None:
    """The lines of the page themselves, with nothing around them but what was fetched."""
    item = CandidateItem("qabc", 1, "single", "题干", (CandidateOption("aa", "甲"), CandidateOption("bb", "乙")))
    paper = CandidatePaper("卷", 100, (CandidateSection("一", "single", 100, "", (item,)),))
    key, script_id = bytes(range(32)), "0f" * 16
    name, file = seal_paper(key, script_id, paper)
    assert (name, file[0]) == (f"{hashlib.sha256(file).hexdigest()}.bin", 2)
    if not is_compressed:
        file = seal_with(key, json.dumps(paper.as_dict()).encode(), f"script:{script_id}:paper")
        assert file[0] == 1
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {
        "begun": {"key": base64.b64encode(key).decode()},
        "file": file,
        "paper": {"aad": f"script:{script_id}:paper"},
    }
    exec(code[1], names)
    assert server.delivery.wire.CandidatePaper.model_validate(names["document"]).sections[0].items[0].stem == "题干"


# ── OpenAPI ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for value in node for found in references(value)]
    return []


def test_the_openapi_document_holds_together(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"] == "3.1.0"
    schemas = openapi["components"]["schemas"]
    for reference in references(openapi):
        assert reference.removeprefix("#/components/schemas/") in schemas
    operations = [one for methods in openapi["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    for address, methods in openapi["paths"].items():
        for operation in methods.values():
            inside = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert inside == set(re.findall(r"\{(\w+)\}", address))
            assert operation["responses"]
            assert operation["summary"]
            for status, response in operation["responses"].items():
                assert response["description"]
                if int(status) >= 400:
                    assert response["content"]["application/json"]["schema"]["$ref"].endswith("/Refusal")
            for need in operation["security"]:
                assert set(need) <= set(openapi["components"]["securitySchemes"])


def test_real_replies_fit_the_schemas(world: ExamWorld) -> None:
    """The classes refuse what they do not know, so a reply that validates has no field more."""
    world.open_doors()
    world.open_paper()
    browser = world.candidate()
    wire = server.delivery.wire
    wire.CandidateState.model_validate(browser.sign_in().json)
    browser.confirm()
    world.clock.advance(600)
    wire.Begun.model_validate(browser.post("/api/candidate/begin", {"page_id": browser.page_id}).json)
    browser.begin()
    wire.AnswersRecorded.model_validate(browser.answer().json)
    wire.HeartbeatReply.model_validate(
        browser.post("/api/candidate/heartbeat", {"page_id": browser.page_id, "unsent": 0}).json
    )
    wire.Refusal.model_validate(browser.submit().json)
    chief = world.staff(world.room().chief)
    proctor.wire.BoardSnapshot.model_validate(chief.get(world.address()).json)
    for duty in chief.get("/api/proctor/rooms").json:
        proctor.wire.RoomDuty.model_validate(duty)
    done = chief.post(world.address(1, "send-message"), {"text": "请坐好"}).json
    proctor.wire.CommandDone.model_validate(done)
