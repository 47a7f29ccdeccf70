"""What the documentation of the wire is made from: the running application's addresses, the message classes, the refusals.

Nothing is listed by hand that the code can say: bodies are what a view parses, permissions what its guard asks,
refusals what the use cases behind it declare under "Raises".
"""

from __future__ import annotations

import ast
import inspect
import re
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import proctor.wire
import server.delivery.wire
from proctor.commands import COMMAND_TABLE
from server.core import errors
from server.webkit.error_replies import STATUS, status_of
from server.webkit.guards import POLICY

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("server", "itembank", "proctor", "scoring")
NOT_ON_THE_WIRE = ("server/rehearsal", "server/cli", "server/migrations", "server/entry.py")
CODE = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`|`(SEALED|SUSPENDED|SUBMITTED|FORBIDDEN|CSRF)`")

#: The replies that are one of our classes; any other reply is read from the view's own text.
REPLIES: dict[str, Any] = {
    **dict.fromkeys(
        ("candidate.sign_in", "candidate.state", "candidate.confirm", "candidate.submit"),
        server.delivery.wire.CandidateState,
    ),
    "candidate.begin": server.delivery.wire.Begun,
    "candidate.answers": server.delivery.wire.AnswersRecorded,
    "candidate.heartbeat": server.delivery.wire.HeartbeatReply,
    "proctor.rooms": list[proctor.wire.RoomDuty],
    "proctor.board": proctor.wire.BoardSnapshot,
    "proctor.spare_rooms_of": list[proctor.wire.SpareRoom],
    **{f"proctor.{command}": proctor.wire.CommandDone for command in proctor.wire.COMMANDS},
}
MEDIA = {
    "analysis.report_pdf": "application/pdf",
    "proctor.record_pdf": "application/pdf",
    "results.export_xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "scheduling.tickets": "application/zip",
    "paper_file": "application/octet-stream",
}
SHELL = "text/html"
WRITER_CODES = ("NOT_STARTED", "QUEUE_FULL", "SERVER_STOPPING", "STORAGE_FULL", "STORAGE_UNAVAILABLE", "STORAGE_SLOW")
#: Refusals from deeper than the use case a view calls.
MORE_CODES: dict[str, tuple[str, ...]] = {
    "analysis.start": ("SITTING_NOT_FOUND", "SITTING_STILL_OPEN", "NOTHING_TO_ANALYSE", "ANALYSIS_RUNNING"),
    "candidate.sign_in": ("TOO_MANY_ATTEMPTS", "SITTING_NOT_READY"),
    "candidate.answers": WRITER_CODES,
    "candidate.begin": ("NOT_RUNNING",),
    "candidate.message_seen": ("NOT_FOUND",),
    "candidate.submit": ("SESSION_MOVED",),
    "results.export_xlsx": ("NOT_PUBLISHED", "SITTING_NOT_FOUND"),
    "results.export_json": ("NOT_PUBLISHED", "SITTING_NOT_FOUND"),
    "scheduling.roster": ("FILE_MISSING",),
}
#: What an address is for, where no message class or use case says it.
SUMMARIES = {
    "analysis.start": "Analyse a sitting that has ended; goes on beside the serving, the list tells how far; body `{}`.",
    "candidate.state": "Everything the page needs to draw itself anew.",
    "candidate.sign_in": "Sign in with ticket number and PIN; sets the cookie.",
    "paper_file": "A script's encrypted paper, under the SHA-256 of its content; may be fetched and kept before the start.",
    "proctor.board": "The whole board of a room; deltas with a higher version come after it.",
    "proctor.record_pdf": "The room record, a draft until both proctors have signed.",
    "results.confirm": "Confirm a sitting's results; body `{}`.",
    "results.release": "Release confirmed results, by another person; body `{}`.",
    "results.export_xlsx": "The score list; on record.",
    "results.export_json": "The signed result package; on record.",
    "scheduling.make_centre": "Make a centre.",
    "scheduling.make_room": "Make a room with its seats; `empty_places` are `[row, column]`, from 1.",
    "scheduling.plan": "Plan a sitting; a start without a zone is wall time in China.",
    "scheduling.seats": "Give everybody on the roster a seat.",
    "scheduling.tickets": "Issue tickets: a file to print and a list, with the PINs, which are nowhere else.",
    "scheduling.proctors": "Say who proctors a room, by account ids.",
    "assemble": "Assemble a paper from a spec table.",
    "office.publish": "Publish a sitting; body `{}`.",
    "office.seal_room": "Seal a room's bag; the two opening secrets are in this reply and nowhere else.",
    "staff.staff_sign_in": "Sign in with name and password; sets the cookie, returns the CSRF token.",
    "staff.me": "Who is signed in, and the CSRF token.",
    "staff.set_up": "Use a set-up code: make the first account or set a password.",
    "staff.setup_code": "What a set-up code is for.",
    "takeover.decide": "Decide what becomes of an outage over the limit: extend, reschedule or cancel.",
    "takeover.decide_row": "Confirm a row of the time ledger, take it back, or amend an interruption's length; replies with the sitting's time.",
    "takeover.undecided": "Time that waits for a decision or a confirmation, time that stands, decisions made; with names.",
    "healthz": "The process answers.",
}
UPLOADS = {"scheduling.roster": {"file": "the roster, .xlsx or .csv", "mode": "check, all or good"}}


@dataclass(frozen=True)
class Refusal:
    """A code, its HTTP status, and its texts with … where data is filled in."""

    code: str
    status: int
    zh: str
    en: str


GENERAL = (
    Refusal("UNKNOWN_FIELD", 422, "这些内容不符合要求：…。请更正后再提交。", "Not accepted: …."),
    Refusal("FIELD_INVALID", 422, "这些内容不符合要求：…。请更正后再提交。", "Not accepted: …."),
    Refusal("UNKNOWN_MESSAGE", 404, "系统不认识这条消息。", "There is no message '…'."),
)


@dataclass
class Route:
    """One address and method."""

    method: str
    address: str
    endpoint: str
    policy: str
    summary: str
    body: type[BaseModel] | None
    upload: dict[str, str]
    reply: Any
    reply_names: list[str]
    media: str
    status: int
    query: list[str]
    codes: list[str] = field(default_factory=list)

    @property
    def is_public(self) -> bool:
        return self.policy.startswith("public")

    @property
    def is_page(self) -> bool:
        return self.media == SHELL

    @property
    def takes_json(self) -> bool:
        return self.body is not None


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def refusals() -> dict[str, Refusal]:
    """Every refusal written anywhere behind the wire, by code."""
    found: dict[str, Refusal] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.relative_to(ROOT).as_posix().startswith(NOT_ON_THE_WIRE):
                continue
            for refusal in _in_module(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(refusal.code, refusal)
    for status, (code, zh, en) in _http_words().items():
        found.setdefault(code, Refusal(code, status, zh, en))
    for one in GENERAL:
        found[one.code] = one
    found.setdefault(
        "INTERNAL",
        Refusal(
            "INTERNAL",
            500,
            "系统出现意外问题，这次操作没有生效。…",
            "Something unexpected happened and nothing was changed. …",
        ),
    )
    found.setdefault("NOT_FOUND", Refusal("NOT_FOUND", 404, "没有找到。", "Not found."))
    return dict(sorted(found.items()))


def _http_words() -> dict[int, tuple[str, str, str]]:
    from server.webkit import error_replies

    return error_replies.HTTP_WORDS


def _in_module(tree: ast.AST) -> Iterator[Refusal]:
    kinds = {kind.__name__: kind for kind in STATUS}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        texts = [_text(argument) for argument in node.args]
        if name in kinds and len(texts) >= 3 and _is_code(texts[0]):
            status = status_of(kinds[name](str(texts[0]), "", ""))
            yield Refusal(str(texts[0]), status, texts[1] or "…", texts[2] or "…")
        elif name == "Gate" and len(texts) == 3 and _is_code(texts[2]):
            yield Refusal(str(texts[2]), status_of(errors.Conflict("X", "", "")), texts[0] or "…", texts[1] or "…")


def _is_code(text: str | None) -> bool:
    return text is not None and re.fullmatch(r"[A-Z][A-Z0-9_]{3,}", text) is not None


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────────


def routes() -> list[Route]:
    """Every address of a fresh application, in the order of the folders."""
    with tempfile.TemporaryDirectory() as folder:
        return sorted(
            _routes(Path(folder)), key=lambda route: (route.address.split("/")[1:3], route.address, route.method)
        )


def _routes(folder: Path) -> Iterator[Route]:
    from server.adapters.vault import Vault
    from server.app import ExamServer
    from server.core.bus import InProcessBus
    from server.core.clock import SystemClock
    from server.settings import Settings
    from server.storage.database import Database
    from server.webkit.platform import Platform

    database = Database(f"sqlite:///{folder / 'x.db'}")
    database.create_all()
    app = ExamServer(Platform(Settings(data=folder), SystemClock(), database, InProcessBus(), Vault(bytes(32)))).flask
    database.dispose()
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
            yield _route(method, rule.rule, rule.endpoint, app.view_functions[rule.endpoint])


def _route(method: str, address: str, endpoint: str, guarded: Callable[..., Any]) -> Route:
    view = inspect.unwrap(guarded)
    source = textwrap.dedent(inspect.getsource(view))
    names = _names(view)
    parsed = re.search(r"\bparse\((\w+)", source)
    body = names.get(parsed[1]) if parsed else None
    cases = _use_cases(endpoint, source, names)
    media = MEDIA.get(endpoint) or (SHELL if re.search(r"return page\(", source) else "application/json")
    route = Route(
        method=method,
        address=re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address),
        endpoint=endpoint,
        policy=getattr(guarded, POLICY),
        summary=SUMMARIES.get(endpoint)
        or _first_line(body)
        or next((line for case in cases if (line := _first_line(case))), "")
        or endpoint,
        body=body if isinstance(body, type) else None,
        upload=UPLOADS.get(endpoint, {}),
        reply=REPLIES.get(endpoint),
        reply_names=_keywords_of_jsonify(source),
        media=media,
        status=204 if re.search(r"\b204\b", source) else 200,
        query=sorted(set(re.findall(r'request\.args\.get\("(\w+)"', source))),
    )
    route.codes = _codes(route, source, cases)
    return route


def _reason_of_page(guarded: Callable[..., Any], media: str) -> str:
    return str(getattr(guarded, POLICY)).removeprefix("public: ") if media == SHELL else ""


def _names(view: Callable[..., Any]) -> dict[str, Any]:
    return {**view.__globals__, **inspect.getclosurevars(view).nonlocals}


def _use_cases(endpoint: str, source: str, names: dict[str, Any]) -> list[Callable[..., Any]]:
    """The project's functions a view calls; for a command of the board also the one in its table."""
    called = [names.get(name) for name in re.findall(r"\b(\w+)\(", source)]
    command = COMMAND_TABLE.get(endpoint.removeprefix("proctor."))
    if command is not None:
        called += [command.run.__globals__.get(name) for name in command.run.__code__.co_names]
    found = [one for one in called if inspect.isfunction(one) and one.__module__.split(".")[0] in FOLDERS]
    return [one for one in dict.fromkeys(found) if not one.__module__.startswith("server.webkit")]


def _first_line(thing: Any) -> str:
    if thing is None or not getattr(thing, "__doc__", None) or thing is BaseModel:
        return ""
    text = inspect.cleandoc(thing.__doc__).split("\n\n")[0].replace("\n", " ")
    return re.sub(r"^(POST|GET) /?\S+?(,|\.|:) ?", "", text).strip() or text


def _keywords_of_jsonify(source: str) -> list[str]:
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "jsonify":
            return [keyword.arg for keyword in call.keywords if keyword.arg]
    return []


def _codes(route: Route, source: str, cases: list[Callable[..., Any]]) -> list[str]:
    declared = [match[1] or match[2] for case in cases for match in CODE.finditer(case.__doc__ or "")]
    raised = re.findall(r"\b(?:" + "|".join(kind.__name__ for kind in STATUS) + r')\(\s*"([A-Z_]+)"', source)
    common: list[str] = []
    if not route.is_public:
        common = ["SESSION_ENDED", "FORBIDDEN"]
        common += ["SESSION_MOVED"] if "/candidate/" in route.address else []
    if route.method == "POST":
        common.append("CSRF")
    if route.takes_json:
        common += ["JSON_EXPECTED", "UNKNOWN_FIELD", "FIELD_INVALID", "BODY_TOO_LARGE"]
    if "{room_id}" in route.address and route.address.startswith("/api/"):
        common.append("ROOM_NOT_FOUND")
    if "raise NotFound" in source:
        common.append("NOT_FOUND")
    common += MORE_CODES.get(route.endpoint, ())
    known = refusals()
    return [code for code in dict.fromkeys([*common, *raised, *declared]) if code in known]


# ── classes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def field_comments(model: type[BaseModel]) -> dict[str, str]:
    """The `#:` lines above and the `#` notes behind each field."""
    try:
        lines = inspect.getsource(model).splitlines()
    except (OSError, TypeError):
        return {}
    notes: dict[str, str] = {}
    waiting: list[str] = []
    for line in lines:
        if above := re.match(r"\s+#: ?(.*)", line):
            waiting.append(above[1])
        elif named := re.match(r"    (\w+): ", line):
            behind = re.search(r"  #:? (.*)$", line)
            notes[named[1]] = " ".join(waiting) or (behind[1] if behind else "")
            waiting = []
        elif line.strip():
            waiting = []
    return notes


def classes_of(module: Any) -> list[type[BaseModel]]:
    """The module's own message classes, in the order in which they are written."""
    return [
        thing for part in (module, *getattr(module, "PARTS", ())) for thing in vars(part).values()
        if inspect.isclass(thing) and issubclass(thing, BaseModel) and thing.__module__ == part.__name__ and thing.__name__ != "Wire"
    ]  # fmt: skip
