"""What comes in is one of our classes, or a clear refusal."""

from __future__ import annotations

import pytest
from flask import Flask

from proctor.wire_commands import SendMessage
from server.core.errors import InvalidInput
from server.webkit.parsing import parse


def test_a_text_that_no_database_keeps_is_refused_wherever_it_stands() -> None:
    with Flask(__name__).app_context():
        for body in ({"text": "a\0b"}, {"text": "好", "attempt_ids": ["\0"]}):
            with pytest.raises(InvalidInput) as refusal:
                parse(SendMessage, body)
            assert refusal.value.code == "TEXT_NOT_STORABLE"


def test_rare_characters_and_line_breaks_are_ordinary_text() -> None:
    assert parse(SendMessage, {"text": "𠮷野\n阿卜杜拉·买买提"}).text == "𠮷野\n阿卜杜拉·买买提"
