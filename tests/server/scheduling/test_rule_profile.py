"""Rule profiles are data: complete, typed, with a clause for every value."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from server.core.errors import InvalidInput, NotFound
from server.scheduling.domain.rule_profile import RULES, SHIPPED_PROFILES, RuleProfile, document_digest, load_profile


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def refusal(document: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        RuleProfile.from_document(document)
    assert refused.value.code == "PROFILE_INVALID"
    return [(problem["key"], problem["code"]) for problem in refused.value.data["problems"]]


@pytest.mark.parametrize("name", SHIPPED_PROFILES)
def test_a_shipped_profile_survives_json(name: str) -> None:
    profile = load_profile(name)
    assert RuleProfile.from_document(json.loads(json.dumps(profile.to_document()))) == profile
    assert profile.name == name


@pytest.mark.parametrize("name", SHIPPED_PROFILES)
def test_every_value_names_its_clause_and_its_approver(name: str) -> None:
    profile = load_profile(name)
    assert set(profile.sources) == set(RULES)
    assert all(one.source and one.approved_by and one.valid_from for one in profile.sources.values())


def test_where_the_rule_books_differ_the_profiles_differ() -> None:
    suzhou, anhui = load_profile("suzhou-2021"), load_profile("anhui-2020")
    assert (suzhou.admission_opens_before, anhui.admission_opens_before) == (minutes(15), minutes(20))
    assert (suzhou.report_before, anhui.report_before) == (minutes(40), minutes(30))
    assert (suzhou.proctors_per_room, suzhou.proctors_per_room_max) == (2, 2)
    assert anhui.proctors_per_room_max == 3


def test_the_default_holds_the_numbers_of_the_reference() -> None:
    profile = load_profile("default")
    assert (profile.late_entry_within, profile.late_entry_inclusive) == (minutes(30), True)
    assert (profile.earliest_submission_after, profile.warning_before_end) == (minutes(30), minutes(15))
    assert (profile.paper_fetch_before, profile.paper_fetched_by_both, profile.paper_open_before) == (
        minutes(30),
        True,
        minutes(5),
    )
    assert (profile.outage_limit, profile.network_grace, profile.two_person_window) == (
        minutes(30),
        timedelta(seconds=10),
        minutes(10),
    )
    assert (profile.pass_mark, profile.publicity_working_days, profile.items_required) == (6000, 5, 1200)


def test_an_unknown_profile_says_which_there_are() -> None:
    with pytest.raises(NotFound) as refused:
        load_profile("../../etc/passwd")
    assert refused.value.code == "PROFILE_UNKNOWN"


def test_all_problems_are_named_together_with_their_key() -> None:
    document = load_profile("default").to_document()
    document["late"]["cutoff"]["unit"] = "furlong"
    document["reminder"]["before_end"]["value"] = -1
    document["late"]["inclusive"]["value"] = 1
    document["outage"]["makeup_max"].pop("source")
    del document["pass"]
    document["late"]["new"] = {"value": 1}
    assert sorted(refusal(document)) == [
        ("late.cutoff", "PROFILE_VALUE_WRONG"),
        ("late.inclusive", "PROFILE_VALUE_WRONG"),
        ("late.new", "PROFILE_KEY_UNKNOWN"),
        ("outage.makeup_max", "PROFILE_VALUE_INCOMPLETE"),
        ("pass.mark", "PROFILE_KEY_MISSING"),
        ("reminder.before_end", "PROFILE_VALUE_WRONG"),
    ]


def test_values_that_contradict_each_other_are_refused() -> None:
    document = load_profile("default").to_document()
    document["presence"]["red_after"]["value"] = 5
    assert refusal(document) == [("presence.amber_after", "PROFILE_CONTRADICTS")]


@pytest.mark.parametrize(
    "junk", [{}, {"name": 3}, {"late": 4}, {"late": {"cutoff": {}}}, {"late": {"cutoff": {"value": None}}}]
)
def test_junk_is_refused_with_key_paths(junk: dict[str, Any]) -> None:
    assert ("pass.mark", "PROFILE_KEY_MISSING") in refusal(junk)


@pytest.mark.parametrize(("written", "hundredths"), [(60, 6000), ("59.5", 5950), ("59.99", 5999), (0, 0)])
def test_points_are_read_without_floating_point(written: object, hundredths: int) -> None:
    document = load_profile("default").to_document()
    document["pass"]["mark"]["value"] = written
    profile = RuleProfile.from_document(document)
    assert profile.pass_mark == hundredths
    assert RuleProfile.from_document(profile.to_document()) == profile


@pytest.mark.parametrize("written", [59.5, "59.999", "-1", "x", "", "６０", True])
def test_points_in_another_form_are_refused(written: object) -> None:
    document = load_profile("default").to_document()
    document["pass"]["mark"]["value"] = written
    assert refusal(document) == [("pass.mark", "PROFILE_VALUE_WRONG")]


def test_a_compressed_profile_is_faster_and_still_a_profile() -> None:
    profile = load_profile("default").compressed(30)
    assert profile.late_entry_within == minutes(1)
    assert profile.network_grace == timedelta(seconds=10)
    assert profile.name == "default-x30"
    assert RuleProfile.from_document(profile.to_document()) == profile


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    document = load_profile("default").to_document()
    turned = dict(reversed(document.items()))
    assert document_digest(turned) == document_digest(document)


def test_every_key_is_documented() -> None:
    manual = (Path(__file__).parents[3] / "deploy/docs/rule-profiles.md").read_text(encoding="utf-8")
    assert [rule.key for rule in RULES.values() if f"| `{rule.key}` | {rule.expected} |" not in manual] == []
