"""Prints the wire's message classes as TypeScript, so that a page cannot drift away from the server unnoticed.

    python deploy/build/generate_wire_types.py            writes the files
    python deploy/build/generate_wire_types.py --check    fails when one is not what the classes say

Every field is printed as present: the server always sends all of them, and a page says all it means. Only the message that is
sent most often has fields that may be left out.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, TypeAdapter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

TARGETS = {
    "server.delivery.wire": ROOT / "server/web/wire_types.ts",
    "proctor.wire": ROOT / "proctor/web/wire_types.ts",
    "scoring.analysis.wire": ROOT / "scoring/web/analysis/wire_types.ts",
}

HEAD = (
    "// Generated from {source} by deploy/build/generate_wire_types.py. Change the classes there, then run it again.\n"
)

Schema = dict[str, Any]


def message_classes(module: ModuleType) -> list[type[Any]]:
    """The module's own message classes (models, dataclasses), in the order in which they are written."""
    return [
        thing
        for part in (module, *getattr(module, "PARTS", ()))
        for thing in vars(part).values()
        if inspect.isclass(thing)
        and (issubclass(thing, BaseModel) or dataclasses.is_dataclass(thing))
        and thing.__module__ == part.__name__
        and thing.__name__ != "Wire"
    ]


def type_of(schema: Schema) -> str:
    """One JSON schema as a TypeScript type."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_of(part) for part in schema["anyOf"]))
    kind = schema.get("type")
    if kind == "array":
        inner = type_of(schema.get("items", {}))
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kind == "object":
        extra = schema.get("additionalProperties")
        return f"Record<string, {type_of(extra) if isinstance(extra, dict) else 'unknown'}>"
    return {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}.get(
        str(kind), "unknown"
    )


def print_comment(text: str) -> Iterator[str]:
    lines = inspect.cleandoc(text).splitlines()
    if len(lines) == 1:
        yield f"/** {lines[0]} */"
        return
    yield "/**"
    yield from (f" * {line}".rstrip() for line in lines)
    yield " */"


def print_class(cls: type[Any], schema: Schema) -> Iterator[str]:
    """One class as an exported interface, with its docstring."""
    if cls.__doc__:
        yield from print_comment(cls.__doc__)
    properties: dict[str, Schema] = schema.get("properties", {})
    if not properties:
        yield f"export type {cls.__name__} = Record<string, never>;"
        return
    yield f"export interface {cls.__name__} {{"
    yield from (
        f"  {name}{'?' if field.get('may_be_left_out') else ''}: {type_of(field)};"
        for name, field in properties.items()
    )
    yield "}"


def print_maps(module: ModuleType) -> Iterator[str]:
    """The namespace, what may be sent and what is sent, as types indexed by the message's name."""
    if hasattr(module, "NAMESPACE"):
        yield f'\nexport const NAMESPACE = "{module.NAMESPACE}";'
    if hasattr(module, "CLIENT_MESSAGES"):
        yield "\n/** What this page may send: name → payload and acknowledgement. */\nexport interface ClientMessages {"
        for name, (sent, reply) in module.CLIENT_MESSAGES.items():
            yield f"  {name}: {{ send: {sent.__name__}; reply: {reply.__name__} }};"
        yield "}"
    if hasattr(module, "SERVER_MESSAGES"):
        yield "\n/** What this page is sent: name → payload. */\nexport interface ServerMessages {"
        yield from (f"  {name}: {payload.__name__};" for name, payload in module.SERVER_MESSAGES.items())
        yield "}"
    if hasattr(module, "COMMANDS"):
        yield "\n/** Commands by HTTP: last part of the address → body. */\nexport interface Commands {"
        yield from (f'  "{name}": {body.__name__};' for name, body in module.COMMANDS.items())
        yield "}"


def print_module(name: str) -> str:
    """A whole wire module as the text of one TypeScript file."""
    module = importlib.import_module(name)
    classes = message_classes(module)
    _, whole = TypeAdapter.json_schemas([(cls.__name__, "serialization", TypeAdapter(cls)) for cls in classes])
    definitions: dict[str, Schema] = whole["$defs"]
    parts = [HEAD.format(source=f"{name.replace('.', '/')}.py")]
    parts.extend("\n" + "\n".join(print_class(cls, definitions[cls.__name__])) + "\n" for cls in classes)
    maps = "\n".join(print_maps(module))
    return "".join(parts) + (maps + "\n" if maps else "")


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare. Returns the exit code."""
    stale = []
    for name, path in TARGETS.items():
        wanted = print_module(name)
        if path.is_file() and path.read_text(encoding="utf-8") == wanted:
            continue
        if "--check" in arguments:
            stale.append(path.relative_to(ROOT).as_posix())
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    for path_name in stale:
        print(f"{path_name} is not what the classes say: run deploy/build/generate_wire_types.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
