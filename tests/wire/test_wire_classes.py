"""The message classes themselves: strict inwards, and without a place for what must not travel (B4, B9)."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import proctor.wire
import server.delivery.wire
from itembank.domain import script

MODULES = (server.delivery.wire, proctor.wire)
KEYLIKE = re.compile(
    r"answer_key|correct|right|explan|difficult|discrimin|author|statistic|reference$|item_version|bank|score|passed|marks|seed|enemy|point$"
)
ITEMLIKE = re.compile(r"stem|option|item|paper_key|response|value|answers$|script|score|passed")


def classes(module: Any) -> list[type[BaseModel]]:
    return [
        thing for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, BaseModel) and thing.__module__ == module.__name__
    ]  # fmt: skip


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_class_refuses_what_it_does_not_know(module: Any) -> None:
    for cls in classes(module):
        if cls.__name__ == "Refusal":
            continue  # only ever sent, and as wide as its data
        assert cls.model_config.get("extra") == "forbid", cls.__name__
        with pytest.raises(ValidationError) as refused:
            cls.model_validate({"is_admin": True})
        assert any(error["type"] == "extra_forbidden" for error in refused.value.errors())


def test_no_class_of_the_candidate_has_a_place_for_a_key() -> None:
    for cls in classes(server.delivery.wire):
        for name in cls.model_fields:
            # total_points and points_each stand on every paper; `key` opens the file and is nobody's answer.
            assert not KEYLIKE.search(name), f"{cls.__name__}.{name}"


def test_no_class_of_the_board_has_a_place_for_an_item() -> None:
    for cls in classes(proctor.wire):
        for name in cls.model_fields:
            assert not ITEMLIKE.search(name), f"{cls.__name__}.{name}"
            assert not KEYLIKE.search(name), f"{cls.__name__}.{name}"


def test_what_is_sealed_is_what_the_wire_describes() -> None:
    """The bank's own paper and the wire's are written apart; their fields are the same."""
    for sealed, described in (
        (script.CandidatePaper, server.delivery.wire.CandidatePaper),
        (script.CandidateSection, server.delivery.wire.PaperSection),
        (script.CandidateItem, server.delivery.wire.PaperItem),
        (script.CandidateOption, server.delivery.wire.PaperOption),
    ):
        assert list(inspect.signature(sealed).parameters) == list(described.model_fields)


def test_every_text_and_list_from_outside_has_an_end() -> None:
    """Unbounded input would be somebody else's memory."""
    inward = [model for module in MODULES for model, _ in module.CLIENT_MESSAGES.values()]
    inward += [
        *proctor.wire.COMMANDS.values(),
        server.delivery.wire.SignIn,
        server.delivery.wire.Submit,
        server.delivery.wire.Entry,
    ]
    for model in inward:
        for name, schema in model.model_json_schema().get("properties", {}).items():
            for part in schema.get("anyOf", [schema]):
                if part.get("type") == "array":
                    assert "maxItems" in part, f"{model.__name__}.{name}"
                if part.get("type") == "integer":
                    assert "maximum" in part or "enum" in part, f"{model.__name__}.{name}"
