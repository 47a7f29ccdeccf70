"""The search for answers finds every one that is planted, and nothing where there is none."""

from __future__ import annotations

import json

import pytest

from tests.security.answer_search import answers_in

ITEMS = [
    {"ref": "qa7k", "options": [{"ref": "22"}, {"ref": "2e"}, {"ref": "ab"}, {"ref": "zz"}]},
    {"ref": "q2mm", "options": [{"ref": "kk"}, {"ref": "7p"}]},
]
ENTRY = {"seq": 4, "kind": "answer", "item": "qa7k", "value": ["2e"]}


@pytest.mark.parametrize(
    "leak",
    [
        json.dumps(ENTRY),
        "42/proctor," + json.dumps(["board_delta", {"room_id": "r", "statuses": [{"seat": 3, "last": ENTRY}]}]),
        json.dumps({"chosen_at": 5, "words": json.dumps(ENTRY)}),  # JSON inside a text
        "http://127.0.0.1/x\nHeaders({'x-last': 'qa7k'})\n{}",  # a header
        "最后作答：qa7k 选 2e",  # a printed page
        '<li data-item="q2mm">',
        json.dumps({"seat": 3, "x": ["2e"]}),  # a harmless name
        json.dumps({"seat": 3, "x": ["zz", "22"]}),
        json.dumps({"y": [["7p"], ["22"]]}),
        json.dumps({"seat": 3, "responses": {"1": "B"}}),  # by identity
        json.dumps({"seat": 3, "value": None}),
        '{"broken": [1, 2, {"value": ["2e"]}',  # a cut reply
    ],
)
def test_a_planted_answer_is_found(leak: str) -> None:
    before, after = '{"seat": 22, "name": "李雷"}\n', '\n42/proctor,["board_delta",{"seq":9}]'
    assert answers_in((before + leak + after).encode(), ITEMS)


@pytest.mark.parametrize(
    "harmless",
    [
        json.dumps({"seat": "22", "seats": ["01", "02"], "progress": {"answered": 22, "of": 100}}),
        json.dumps({"seats": ["22", "23"]}),  # not all of them are options
        json.dumps({"pair": ["2e", "kk"]}),  # of different items
        "Set-Cookie: mingyuan=q2mmAA-qa7k_22; Path=/",
        '%PDF-1.7\nstream\n(qa7k) {"value"} \nendstream\n',
        "",
    ],
)
def test_what_only_looks_alike_is_let_pass(harmless: str) -> None:
    assert answers_in(harmless.encode(), ITEMS) == []
