"""Writes deploy/docs/wire.md and deploy/docs/openapi.json from the running application and its message classes.

python deploy/build/generate_wire_docs.py            writes both
python deploy/build/generate_wire_docs.py --check    fails when one is stale
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import wire_openapi
from pydantic import BaseModel
from wire_facts import ROOT, Refusal, Route, classes_of, field_comments, refusals, routes

import proctor.wire
import server.delivery.wire

DOCS = ROOT / "deploy/docs"
PROSE = Path(__file__).with_name("wire_prose.md")
GROUPS = {
    "candidate": "The candidate's page",
    "proctor": "The board",
    "results": "Results",
    "analysis": "What the answers say",
    "scheduling": "The exam office",
    "bank": "The bank",
    "takeover": "Outages",
    "staff": "Staff log-in",
    "": "Pages and files",
}
#: What every address with a guard, and every address with a body, may answer: said once, above the tables.
SAID_ONCE = {"SESSION_ENDED", "FORBIDDEN", "CSRF", "JSON_EXPECTED", "UNKNOWN_FIELD", "FIELD_INVALID", "BODY_TOO_LARGE"}


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare. Returns the exit code."""
    known = routes()
    wanted = {
        DOCS / "wire.md": wire_page(known),
        DOCS / "openapi.json": json.dumps(wire_openapi.document(known), ensure_ascii=False, indent=1) + "\n",
    }
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run deploy/build/generate_wire_docs.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


def wire_page(known: list[Route]) -> str:
    """The whole page."""
    parts = [PROSE.read_text(encoding="utf-8").rstrip()]
    parts += [
        "## Addresses",
        *addresses(known),
        "## Messages",
        *messages(),
        "## Classes",
        *classes(known),
        "## Codes",
        *codes(),
    ]
    return "\n\n".join(parts) + "\n"


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────────


def addresses(known: list[Route]) -> Iterator[str]:
    """A table for each folder."""
    yield (
        "Said once: an address with a permission answers `SESSION_ENDED` and `FORBIDDEN`, one that is POST also `CSRF`, one with a body also `JSON_EXPECTED`, "
        "`UNKNOWN_FIELD`, `FIELD_INVALID`, `BODY_TOO_LARGE`; an address of a room that is out of reach `ROOM_NOT_FOUND`. The tables name what else may be refused."
    )
    for group, title in GROUPS.items():
        mine = [route for route in known if group_of(route) == group]
        if mine:
            rows = [
                f"| `{r.method} {r.address}` | {what(r)} | {who(r)} | {sent(r)} | {replied(r)} | {refused(r)} |"
                for r in mine
            ]
            head = "| Address | What | Who | Body | Reply | Refusals |\n|---|---|---|---|---|---|"
            yield "\n".join([f"### {title}", "", head, *rows])


def group_of(route: Route) -> str:
    parts = route.address.split("/")
    return parts[2] if parts[1] == "api" and parts[2] in GROUPS else ""


def what(route: Route) -> str:
    return route.summary[:1].upper() + route.summary[1:]


def who(route: Route) -> str:
    return "anybody" if route.is_public else f"`{route.policy}`"


def sent(route: Route) -> str:
    if route.upload:
        return "form: " + ", ".join(f"`{name}` ({what})" for name, what in route.upload.items())
    if route.query:
        return "query: " + ", ".join(f"`{name}`" for name in route.query)
    return link(route.body) if route.body else ""


def replied(route: Route) -> str:
    if route.status == 204:
        return "204"
    if route.reply is not None:
        return type_name(route.reply)
    if route.media != "application/json":
        return f"`{route.media}`"
    return "`{" + ", ".join(route.reply_names) + "}`" if route.reply_names else "JSON object"


def refused(route: Route) -> str:
    more = [code for code in route.codes if code not in SAID_ONCE | {"ROOM_NOT_FOUND"}]
    return " ".join(f"`{code}`" for code in more)


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def messages() -> Iterator[str]:
    """Both namespaces, both directions."""
    for module in (server.delivery.wire, proctor.wire):
        rows = [
            f"| page → server | `{name}` | {link(sent_class)} | {link(reply)} |"
            for name, (sent_class, reply) in module.CLIENT_MESSAGES.items()
        ]
        rows += [
            f"| server → page | `{name}` | {link(payload)} | |" for name, payload in module.SERVER_MESSAGES.items()
        ]
        head = "| | Message | Payload | Acknowledgement |\n|---|---|---|---|"
        yield "\n".join([f"### Namespace `{module.NAMESPACE}`", "", head, *rows])
    yield "Every message may also be acknowledged with a refusal: `JSON_EXPECTED`, `UNKNOWN_FIELD`, `FIELD_INVALID`, `RATE_LIMITED`, `UNKNOWN_MESSAGE`, `INTERNAL`."


# ── classes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def classes(known: list[Route]) -> Iterator[str]:
    """Every message class with its fields."""
    others = {route.body for route in known if route.body is not None}
    own = [*classes_of(server.delivery.wire), *classes_of(proctor.wire)]
    for cls in [*own, *sorted(others - set(own), key=lambda cls: (cls.__module__, cls.__name__))]:
        yield "\n".join(print_class(cls))


def print_class(cls: type[BaseModel]) -> Iterator[str]:
    yield f"### {cls.__name__}"
    yield ""
    yield " ".join((cls.__doc__ or "").split())
    if not cls.model_fields:
        yield "No fields: `{}`."
        return
    yield "\n| Field | Type | |\n|---|---|---|"
    notes = field_comments(cls)
    for name, info in cls.model_fields.items():
        schema = cls.model_json_schema(mode="validation")["properties"].get(name, {})
        told = [notes.get(name, ""), limits(schema)]
        if not info.is_required():
            told.append("default `" + json.dumps(schema.get("default"), ensure_ascii=False) + "`")
        yield f"| `{name}` | {type_name(info.annotation)} | {'; '.join(part for part in told if part)} |"


def limits(schema: dict[str, Any]) -> str:
    names = {"minimum": "≥", "maximum": "≤", "exclusiveMinimum": ">", "minLength": "length ≥", "maxLength": "length ≤",
             "minItems": "entries ≥", "maxItems": "entries ≤"}  # fmt: skip
    said = [f"{sign} {schema[name]}" for name, sign in names.items() if name in schema]
    if "pattern" in schema:
        said.append(f"`{schema['pattern']}`")
    return ", ".join(said)


def type_name(kind: Any) -> str:
    """A field's type in words."""
    if hasattr(kind, "__metadata__"):
        return type_name(kind.__origin__)
    origin = get_origin(kind)
    if origin is list:
        return f"list of {type_name(get_args(kind)[0])}"
    if origin is tuple:
        return "[" + ", ".join(type_name(one) for one in get_args(kind)) + "]"
    if origin is dict:
        return "object"
    if origin is UnionType or str(origin) == "typing.Union":
        return " or ".join(type_name(one) for one in get_args(kind))
    if str(origin) == "typing.Literal":
        return " ".join(f"`{value}`" for value in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return link(kind)
    return {
        "NoneType": "null",
        "str": "text",
        "int": "integer",
        "float": "number",
        "bool": "true/false",
        "datetime": "moment",
    }.get(getattr(kind, "__name__", ""), str(getattr(kind, "__name__", kind)))


def link(cls: type[BaseModel]) -> str:
    return f"[{cls.__name__}](#{cls.__name__.lower()})"


# ── codes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def codes() -> Iterator[str]:
    """Every refusal behind the wire."""
    yield "… stands for what is filled in. Where one code has several texts, one is shown."
    yield "\n".join(["| Code | Status | Text |\n|---|---|---|", *[_code_row(one) for one in refusals().values()]])


def _code_row(refusal: Refusal) -> str:
    return f"| `{refusal.code}` | {refusal.status} | {refusal.zh}<br>{refusal.en} |".replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
