"""The addresses under /api as an OpenAPI 3.1 document."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from wire_facts import Refusal, Route, refusals

import server.delivery.wire

REF = "#/components/schemas/{model}"
REFUSAL = {"$ref": REF.format(model="Refusal")}
VERSION = "1"


def document(known: list[Route]) -> dict[str, Any]:
    """The whole document."""
    mine = [route for route in known if route.address.startswith("/api/") or route.endpoint == "paper_file"]
    names, schemas = _schemas(mine)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in mine:
        paths[route.address][route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mingyuan 明远",
            "version": VERSION,
            "description": "The HTTP part of the wire; the live channel and the rules of both are in wire.md.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": dict(paths),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "candidate": {"type": "apiKey", "in": "cookie", "name": "mingyuan-candidate"},
                "staff": {"type": "apiKey", "in": "cookie", "name": "mingyuan-staff"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


def _schemas(known: list[Route]) -> tuple[dict[tuple[type, str], str], dict[str, Any]]:
    """Names of the schemas of each class and mode, and the schemas."""
    wanted: list[tuple[type[BaseModel], Any]] = [(server.delivery.wire.Refusal, "serialization")]
    for route in known:
        if route.body is not None:
            wanted.append((route.body, "validation"))
        inner = _model_of(route.reply)
        if inner is not None:
            wanted.append((inner, "serialization"))
    wanted.append((server.delivery.wire.CandidatePaper, "serialization"))
    found, whole = models_json_schema(list(dict.fromkeys(wanted)), ref_template=REF)
    names = {key: str(schema["$ref"]).rsplit("/", 1)[-1] for key, schema in found.items()}
    return names, dict(sorted(whole["$defs"].items()))


def _model_of(reply: Any) -> type[BaseModel] | None:
    inner = getattr(reply, "__args__", (reply,))[0]
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _operation(route: Route, names: dict[tuple[type, str], str]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", route.endpoint),
        "summary": route.summary.split(". ")[0][:160],
        "description": f"{'Anybody' if route.is_public else 'Permission'}: {route.policy.removeprefix('public: ')}",
        "tags": [route.address.split("/")[2] if route.address.startswith("/api/") else "files"],
        "security": _security(route),
        "parameters": _parameters(route),
        "responses": _responses(route, names),
    }
    if route.body is not None:
        schema = {"$ref": REF.format(model=names[route.body, "validation"])}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif route.upload:
        fields = {name: {"type": "string", "description": what} for name, what in route.upload.items()}
        fields["file"] |= {"contentMediaType": "application/octet-stream"}
        schema = {"type": "object", "properties": fields, "required": ["file"]}
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.is_public:
        return []
    if route.address.startswith("/api/candidate/"):
        return [{"candidate": []}]
    return [{"staff": [], **({"csrf": []} if route.method == "POST" else {})}]


def _parameters(route: Route) -> list[dict[str, Any]]:
    text = {"type": "string"}
    inside = [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in re.findall(r"\{(\w+)\}", route.address)
    ]
    return inside + [{"name": name, "in": "query", "required": True, "schema": text} for name in route.query]


def _responses(route: Route, names: dict[tuple[type, str], str]) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): _success(route, names)}
    by_status: defaultdict[int, list[Refusal]] = defaultdict(list)
    for code in route.codes:
        by_status[refusals()[code].status].append(refusals()[code])
    for status, ones in sorted(by_status.items()):
        told = ", ".join(f"`{one.code}`" for one in ones)
        responses[str(status)] = {"description": told, "content": {"application/json": {"schema": REFUSAL}}}
        if status == 429:
            responses["429"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return responses


def _success(route: Route, names: dict[tuple[type, str], str]) -> dict[str, Any]:
    if route.status == 204:
        return {"description": "done"}
    schema: dict[str, Any]
    inner = _model_of(route.reply)
    if inner is not None:
        reference = {"$ref": REF.format(model=names[inner, "serialization"])}
        schema = {"type": "array", "items": reference} if inner is not route.reply else reference
    elif route.media != "application/json":
        schema = {"type": "string", "contentMediaType": route.media}
    else:
        schema = {"type": "object", "properties": {name: {} for name in route.reply_names}}
        if route.reply_names:
            schema["required"] = route.reply_names
    return {"description": "done", "content": {route.media: {"schema": schema}}}
