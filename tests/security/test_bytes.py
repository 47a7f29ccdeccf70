"""Every byte somebody received, searched: no key reaches a candidate, no item a proctor, no score anybody early (B4 to B8, D5)."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from scipy.stats import binom, chisquare
from sqlalchemy import select

from itembank.domain.script import REF_LETTERS
from itembank.models import Script
from itembank.queries import script_key, script_layout
from itembank.services.seal_package import seal_package
from proctor.wire import NAMESPACE as PROCTOR
from scoring.models import Result
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.delivery.wire import CandidatePaper
from server.scheduling.id_numbers import open_id_number
from server.scheduling.models import Candidate
from tests.factories.paper_rows import QUICK
from tests.security.answer_search import answers_in
from tests.security.exam_world import ExamWorld
from tests.security.live_people import LiveStaff
from tests.security.planted_day import Day, play
from tests.security.planted_site import (
    ITEM_WORDS,
    KEY_WORDS,
    OPTION,
    STEM,
    planted_site,
    secrets_of,
)
from tests.support.live_server import live_server
from tests.support.script_references import count_equal_references

pytestmark = pytest.mark.live

TELLING_NAMES = re.compile(
    rb'"(answer_key|answers?_key|correct\w*|right|is_right|explanation|difficulty|discrimination|author|reviewers?|source_ref|reference|'
    rb'item_id|item_version_id|version_id|point|importance|enemy_group|fingerprint|option_id|pinned|score\w*|passed|marks?)"\s*:'
)
ITEM_NAMES = re.compile(rb'"(stem|options?|items?|value|paper|script\w*|epoch|page_id|device\w*|pin|responses?)"\s*:')
POINT_PATH = re.compile(rb"[AB]/00[1-4]")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with live_server(
        tmp_path_factory.mktemp("bytes"),
        before_start=timedelta(seconds=8),
        profile={"late_entry_within": timedelta(minutes=5), "earliest_submission_after": timedelta(0)},
        prepare=planted_site,
    ) as live:
        played = Day(live, secrets_of(live.platform))
        room = live.rooms[0]
        played.chief, played.deputy = LiveStaff(live.base_url, room.chief), LiveStaff(live.base_url, room.deputy)
        played.inspector = LiveStaff(live.base_url, played.site.staff[Role.INSPECTOR])
        people = [*played.proctors()]
        for proctor in people:
            reply = proctor.socket(PROCTOR).ask(
                PROCTOR, "watch_room", {"sitting_id": live.sitting_id, "room_id": room.room_id}
            )
            assert reply["ok"], reply
        try:
            play(played)
            yield played
        finally:
            for one in [*people, *(candidate.line for candidate in played.candidates)]:
                one.close()


# ── candidates ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_search_would_find_what_it_looks_for(day: Day) -> None:
    """The planted words do reach whom they may reach, in each spelling searched for."""
    for heard in day.before_release:
        assert STEM.encode() in heard
        assert OPTION.encode() in heard
    keys = day.live.read(lambda session: session.scalars(select(Script.id)).all())
    assert keys
    assert TELLING_NAMES.search(b'{"item_version_id": "x"}')
    assert POINT_PATH.search(b"x A/003 y")


def test_before_the_opening_no_candidate_has_a_word_of_an_item(day: Day) -> None:
    for heard in (*day.before_opening, *day.before_start):
        for word in (*ITEM_WORDS, *KEY_WORDS):
            assert word.encode() not in heard
        assert not TELLING_NAMES.search(heard)


def test_before_the_start_no_candidate_has_the_papers_key(day: Day) -> None:
    for candidate, heard in zip(day.candidates, day.before_start, strict=True):
        script_id = day.live.attempt(candidate.ticket).script_id
        assert script_id
        key = day.live.read(
            lambda session, script_id=script_id: script_key(session, day.live.platform.vault, script_id)
        )
        spellings = (key, base64.b64encode(key), base64.urlsafe_b64encode(key), key.hex().encode())
        assert all(one not in heard for one in spellings)
        assert base64.b64encode(key) in candidate.line.heard, "it comes with the start"
        others = [one for one in day.heard_by_candidates() if one != candidate.line.heard]
        assert all(base64.b64encode(key) not in one for one in others), "to its own page alone"


def test_no_candidate_ever_has_anything_of_a_key(day: Day) -> None:
    for heard in day.before_release:
        for word in KEY_WORDS:
            assert word.encode() not in heard, word
        found = TELLING_NAMES.search(heard)
        assert found is None, heard[max(0, found.start() - 80) : found.end() + 80]
        assert not POINT_PATH.search(heard)
        for word in ("解析", "难度", "答案解析", "标准答案"):
            assert word.encode() not in heard
        known = [identity for identity in day.secrets.bank_ids if identity.encode() in heard]
        assert known == []


def test_the_opened_paper_has_the_fields_of_its_class_and_no_more(day: Day) -> None:
    for candidate in day.candidates:
        paper = CandidatePaper.model_validate(candidate.paper)
        assert paper.model_dump() == candidate.paper


def test_a_candidate_hears_of_nobody_else(day: Day) -> None:
    for candidate, heard in zip(day.candidates, day.before_release, strict=True):
        for ticket in day.live.tickets:
            if ticket.ticket_id != candidate.ticket.ticket_id:
                assert ticket.number.encode() not in heard
                assert f'"{ticket.name}"'.encode() not in heard


def test_nobody_hears_a_whole_id_number_or_a_secret(day: Day) -> None:
    vault = day.live.platform.vault
    numbers = day.live.read(
        lambda session: [
            open_id_number(vault, one.id, one.id_number_cipher) for one in session.scalars(select(Candidate))
        ]
    )
    everything = [*day.heard_by_candidates(), *(proctor.heard for proctor in day.proctors())]
    secrets = [secret for room in day.live.rooms for secret in room.opening_secrets]
    devices = [candidate.device for candidate in day.candidates]
    for heard in everything:
        for secret in (*numbers, *secrets, *devices, day.site.pin):
            assert secret.encode() not in heard


# ── the order of options (B6) ────────────────────────────────────────────────────────────────────────────────────────


def test_references_of_one_candidate_say_nothing_about_those_of_another(day: Day) -> None:
    """The same item has the same reference on two scripts no more often than chance has it.

    That they are drawn without looking at what they name: tests/itembank/test_assembly_script.py.
    """

    def layouts(session: Any) -> list[Any]:
        return [
            script_layout(session, script)
            for script in session.scalars(select(Script.id).where(Script.form_label == "A"))
        ]

    found = day.live.read(layouts)
    assert len(found) >= 4
    pairs = list(itertools.combinations(found, 2))
    for one, other in pairs:
        assert {item.item_version_id for item in one.items.values()} == {
            item.item_version_id for item in other.items.values()
        }
    items = sum(len(one.items) for one, _ in pairs)
    options = sum(len(item.options) for one, _ in pairs for item in one.items.values())
    equal_items, equal_options = count_equal_references(pairs)
    most_items, most_options = (
        binom.isf(1e-9, count, len(REF_LETTERS) ** -length) for count, length in ((items, 3), (options, 2))
    )
    assert equal_items <= most_items < items / 20, "and the bound would show references that stay"
    assert equal_options <= most_options < options / 20


def test_neither_place_nor_name_of_an_option_tells_whether_it_is_right(world: ExamWorld) -> None:
    """Four hundred scripts of one form; a fair shuffle fails this once in a million runs."""
    platform = world.platform
    sealed = seal_package(
        platform.uow,
        platform.vault,
        platform.paper_store,
        world.site.paper_id,
        "很多",
        {"A": 400},
        False,
        SYSTEM,
        cost=QUICK,
    )
    with platform.uow.read() as session:
        scripts = session.scalars(select(Script.id).where(Script.package_id == sealed.package_id)).all()
        layouts = [script_layout(session, script) for script in scripts]
        from itembank.queries import answer_keys

        keys = answer_keys(session, platform.vault, world.site.paper_id)
    places: Counter[int] = Counter()
    by_name: Counter[int] = Counter()
    free_items = 0
    for layout in layouts:
        for item in layout.items.values():
            key = keys[item.item_version_id].key
            if item.kind != "single" or "A" not in key:
                continue
            options = list(item.options.items())
            if options[-1][1] == "D" and _is_pinned(layouts, item.item_version_id):
                continue
            free_items += 1
            right = next(place for place, (_, option) in enumerate(options) if option in key)
            places[right] += 1
            by_name[sorted(item.options).index(options[right][0])] += 1
    assert free_items > 400
    for counts in (places, by_name):
        assert set(counts) == {0, 1, 2, 3}
        assert chisquare([counts[place] for place in range(4)]).pvalue > 1e-6


def _is_pinned(layouts: list[Any], version: str) -> bool:
    """The last option is the same one on every script."""
    last = {
        list(item.options.values())[-1]
        for layout in layouts
        for item in layout.items.values()
        if item.item_version_id == version
    }
    return len(last) == 1


# ── replies (B7) ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_reply_to_a_right_and_to_a_wrong_answer_is_the_same(day: Day) -> None:
    def plain(reply: str) -> str:
        return re.sub(r'"(seq|server_now_ms)": \d+', r'"\1": 0', reply)

    kinds = {
        is_right: {re.sub(r'"page_id": "\w+"', "", plain(reply)) for reply in replies}
        for is_right, replies in day.saves.items()
    }
    assert len(day.saves[True]) == len(day.saves[False]) == 40
    assert kinds[True] == kinds[False]
    assert len(kinds[True]) == 2, "one form on the channel, one over HTTP"
    for right, wrong in zip(day.saves[True], day.saves[False], strict=True):
        assert len(plain(right)) == len(plain(wrong))


# ── scores (B8) ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_asks_for_a_score_early_is_refused_on_every_way(day: Day) -> None:
    refusals = Counter((status, code) for _, status, code in day.early)
    assert set(refusals) <= {(403, "NOT_PUBLISHED"), (403, "FORBIDDEN"), (401, "SESSION_ENDED")}
    assert {(status, code) for who, status, code in day.early if who == "candidate"} == {(403, "NOT_PUBLISHED")}


def test_a_score_that_exists_has_reached_nobody(day: Day) -> None:
    results = day.live.read(lambda session: session.scalars(select(Result)).all())
    assert results
    assert all(result.state == "scored" for result in results)
    for heard in [*day.before_release, *(proctor.heard for proctor in day.proctors())]:
        assert not re.search(rb'"(score\w*|passed|points|mark\w*)"\s*:', heard)
    for proctor in day.proctors():
        for word in ("合格", "得分", "成绩", "分数"):
            assert word.encode() not in proctor.heard, word


# ── proctors ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_proctor_ever_has_a_word_of_an_item(day: Day) -> None:
    for proctor in day.proctors():
        heard = proctor.heard
        assert len(heard) > 20_000, "there was something to search"
        for word in (*ITEM_WORDS, *KEY_WORDS):
            assert word.encode() not in heard, word
        found = ITEM_NAMES.search(heard) or TELLING_NAMES.search(heard)
        assert found is None, heard[max(0, found.start() - 80) : found.end() + 80]
        assert not POINT_PATH.search(heard)
        assert [identity for identity in day.secrets.bank_ids if identity.encode() in heard] == []


def test_no_proctor_ever_has_an_answer(day: Day) -> None:
    """Not even the references of what was chosen."""
    items = [item for candidate in day.candidates for item in candidate.items]
    sent = json.dumps(day.candidates[0].message(items[0]["ref"], [items[0]["options"][0]["ref"]])).encode()
    for proctor in day.proctors():
        assert answers_in(proctor.heard, items) == []
        assert answers_in(proctor.heard + b"\n" + sent, items), "it would be found among what this proctor heard"


def test_deltas_are_small_and_say_state_not_content(day: Day) -> None:
    for proctor in day.proctors():
        deltas = proctor.sockets[0].events(PROCTOR, "board_delta")
        assert deltas
        assert all(delta["room_id"] == day.live.rooms[0].room_id for delta in deltas)
        for ticket in day.live.tickets:
            statuses = json.dumps([delta["statuses"] for delta in deltas], ensure_ascii=False)
            assert ticket.name not in statuses
