"""Rule profiles: every number and choice in which rule books differ, as typed data (domain.md 9).

No rule number is written anywhere else. A sitting freezes its profile's document when it is published; later versions
do not touch it. Shipped: `suzhou-2021`, `anhui-2020`, `default` (`server/scheduling/profiles/*.toml`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Annotated, Any, Self, get_args, get_type_hints

from server.core.errors import InvalidInput, NotFound
from server.scheduling.domain.profile_document import (
    DocumentProblem,
    Provenance,
    ValueKind,
    ValueRule,
    leaf_of,
    leaves,
    read_leaf,
)

SHIPPED_PROFILES = ("anhui-2020", "default", "suzhou-2021")
NOT_COMPRESSED = frozenset({
    "network_grace", "outage_rounding", "presence_amber_after", "presence_red_after", "sign_in_window", "two_person_window",
})  # fmt: skip


def _duration(key: str, least: int = 0) -> ValueRule:
    return ValueRule(key, ValueKind.DURATION, least=least)


def _count(key: str, unit: str, least: int = 0) -> ValueRule:
    return ValueRule(key, ValueKind.COUNT, unit=unit, least=least)


def _points(key: str) -> ValueRule:
    return ValueRule(key, ValueKind.POINTS, unit="point")


def _flag(key: str) -> ValueRule:
    return ValueRule(key, ValueKind.FLAG)


def _choice(key: str, *words: str) -> ValueRule:
    return ValueRule(key, ValueKind.CHOICE, words=words)


def _words(key: str, *words: str) -> ValueRule:
    return ValueRule(key, ValueKind.WORDS, words=words)


@dataclass(frozen=True, slots=True)
class RuleProfile:
    """One rule book's answers. Durations are `timedelta`, points are integers in 1/100 point."""

    name: str
    version: int
    title: str

    #: Doors open so long before the scheduled start.
    admission_opens_before: Annotated[timedelta, _duration("admission.opens_before")]
    #: What a candidate must show to enter: id_document, ticket.
    admission_documents: Annotated[tuple[str, ...], _words("admission.documents", "id_document", "ticket")]
    #: Entry is possible until so long after the start …
    late_entry_within: Annotated[timedelta, _duration("late.cutoff")]
    #: … and exactly at that moment too (30:00 enters, 30:01 does not).
    late_entry_inclusive: Annotated[bool, _flag("late.inclusive")]
    #: A late candidate gets no time after the others' end.
    late_candidate_ends_with_others: Annotated[bool, _flag("late.ends_with_others")]
    #: Nobody may submit earlier than this after the start; at this moment one may.
    earliest_submission_after: Annotated[timedelta, _duration("submit.earliest")]
    #: The one reminder, so long before each candidate's own end.
    warning_before_end: Annotated[timedelta, _duration("reminder.before_end")]
    #: A theory paper of a real sitting is not shorter than this.
    shortest_duration: Annotated[timedelta, _duration("exam.shortest_duration")]

    #: At least, at most, and how many candidates one proctor may watch.
    proctors_per_room: Annotated[int, _count("proctors.per_room", "person", least=2)]
    proctors_per_room_max: Annotated[int, _count("proctors.per_room_max", "person", least=2)]
    candidates_per_proctor: Annotated[int, _count("proctors.candidates_each", "person", least=1)]
    #: Proctors report at the office so long before the start.
    report_before: Annotated[timedelta, _duration("proctors.report_before")]
    #: The paper is fetched from so long before the start on, by both together.
    paper_fetch_before: Annotated[timedelta, _duration("paper.fetch_before")]
    paper_fetched_by_both: Annotated[bool, _flag("paper.fetched_by_both")]
    #: The notes are read so long before the start.
    notes_read_before: Annotated[timedelta, _duration("notes.read_before")]
    #: The package may be opened from so long before the start on, not earlier.
    paper_open_before: Annotated[timedelta, _duration("paper.open_before")]
    #: Two people confirm the same act within this time, or the first confirmation lapses.
    two_person_window: Annotated[timedelta, _duration("paper.two_person_window", least=1)]
    #: A backup paper is opened only with the inspector's approval.
    backup_needs_inspector: Annotated[bool, _flag("paper.backup_needs_inspector")]

    #: An answer made in time but arriving so much later still counts.
    network_grace: Annotated[timedelta, _duration("answer.network_grace")]
    #: Lost time up to this is made up; above it a person decides.
    outage_limit: Annotated[timedelta, _duration("outage.makeup_max")]
    #: Lost time is rounded up to a multiple of this.
    outage_rounding: Annotated[timedelta, _duration("outage.rounding", least=1)]
    #: A single grant of time above this needs a second person.
    second_approval_over: Annotated[timedelta, _duration("time.second_approval_over")]
    #: No sign of life from a seat for so long: amber, red.
    presence_amber_after: Annotated[timedelta, _duration("presence.amber_after", least=1)]
    presence_red_after: Annotated[timedelta, _duration("presence.red_after", least=1)]

    #: So many refused sign-ins per account or ticket, and per machine or seat, within the window; then one waits.
    sign_in_attempts: Annotated[int, _count("sign_in.attempts", "attempt", least=1)]
    sign_in_attempts_per_machine: Annotated[int, _count("sign_in.attempts_per_machine", "attempt", least=1)]
    sign_in_window: Annotated[timedelta, _duration("sign_in.window", least=1)]

    #: An incident is first reported within this time.
    incident_first_report_within: Annotated[timedelta, _duration("incident.first_report")]
    #: The so-manieth warning of tier 1 proposes to void the paper.
    warnings_to_void: Annotated[int, _count("violations.warnings_to_void", "warning", least=1)]

    #: Pass from this score on, in 1/100 point.
    pass_mark: Annotated[int, _points("pass.mark")]
    #: Multiple choice: `all` right options and no other, or nothing.
    multiple_marking: Annotated[str, _choice("marking.multiple", "all")]
    #: What becomes of fractions of 1/100 point.
    rounding: Annotated[str, _choice("marking.rounding", "half_up", "half_even", "down")]
    #: Results are on public display for so many working days before release.
    publicity_working_days: Annotated[int, _count("publicity.working_days", "working_day")]

    #: The bank holds so many accepted items per occupation and level, and per point, before a paper is assembled.
    items_required: Annotated[int, _count("items.required", "item")]
    items_per_point: Annotated[int, _count("items.per_point", "item")]
    #: Material is kept at least so many years.
    archive_years: Annotated[int, _count("archive.years", "year")]

    #: Field name → unit, clause, valid from, approved by.
    sources: Mapping[str, Provenance] = field(repr=False, hash=False)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read a profile document (TOML or JSON).

        Raises:
            InvalidInput: `PROFILE_INVALID`; data `problems`: every wrong key with its path and what was expected.
        """
        head = {"name": str, "version": int, "title": str}
        problems = [
            DocumentProblem(key, "PROFILE_VALUE_WRONG", kind.__name__, repr(document.get(key)))
            for key, kind in head.items()
            if not isinstance(document.get(key), kind) or not document[key]
        ]
        found = dict(leaves({key: node for key, node in document.items() if key not in head}))
        values: dict[str, Any] = {}
        sources: dict[str, Provenance] = {}
        for field_name, rule in RULES.items():
            leaf = found.pop(rule.key, None)
            if leaf is None:
                problems.append(DocumentProblem(rule.key, "PROFILE_KEY_MISSING", rule.expected, "nothing"))
                continue
            read = read_leaf(rule, leaf)
            if isinstance(read, DocumentProblem):
                problems.append(read)
            else:
                values[field_name], sources[field_name] = read
        problems += [DocumentProblem(key, "PROFILE_KEY_UNKNOWN", "a known key", key) for key in found]
        problems += [] if problems else _contradictions(values)
        if problems:
            raise _invalid(problems)
        return cls(
            name=document["name"], version=document["version"], title=document["title"], sources=sources, **values
        )

    def to_document(self) -> dict[str, Any]:
        """The JSON document that `from_document` reads back as an equal profile."""
        document: dict[str, Any] = {"name": self.name, "version": self.version, "title": self.title}
        for field_name, rule in RULES.items():
            *tables, last = rule.key.split(".")
            node = document
            for table in tables:
                node = node.setdefault(table, {})
            node[last] = leaf_of(rule, getattr(self, field_name), self.sources[field_name])
        return document

    def source_of(self, field_name: str) -> str:
        """The clause a value comes from, e.g. "SZ-7.3(4)"; what a refusal cites."""
        return self.sources[field_name].source

    def compressed(self, factor: int) -> Self:
        """The same rules for a rehearsal `factor` times as fast: times of the exam day are divided, nothing else.

        What depends on machines or on how fast a person clicks (`NOT_COMPRESSED`) stays as it is.
        """
        changed: dict[str, Any] = {}
        sources = dict(self.sources)
        for name, rule in RULES.items():
            value = getattr(self, name)
            if rule.kind is ValueKind.DURATION and name not in NOT_COMPRESSED and value:
                changed[name] = timedelta(seconds=max(1, round(value.total_seconds() / factor)))
                origin = sources[name]
                sources[name] = dataclasses.replace(origin, unit="s", source=f"{origin.source} / {factor}")
        changed["name"] = f"{self.name[:30]}-x{factor}"
        return dataclasses.replace(self, **changed, sources=sources)


RULES: dict[str, ValueRule] = {
    name: rule
    for name, hint in get_type_hints(RuleProfile, include_extras=True).items()
    for rule in get_args(hint)
    if isinstance(rule, ValueRule)
}


@cache
def load_profile(name: str) -> RuleProfile:
    """A profile that ships with the product. It is data of this package, as constant as the code beside it.

    Raises:
        NotFound: `PROFILE_UNKNOWN`.
    """
    if name not in SHIPPED_PROFILES:
        shipped = ", ".join(SHIPPED_PROFILES)
        raise NotFound(
            "PROFILE_UNKNOWN",
            f"没有名为“{name}”的规则模板；现有：{shipped}。",
            f"No rule profile '{name}'; there are: {shipped}.",
        )
    text = resources.files("server.scheduling").joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8")
    return RuleProfile.from_document(tomllib.loads(text))


def document_digest(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the document, independent of the order of its keys."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _contradictions(values: Mapping[str, Any]) -> list[DocumentProblem]:
    pairs = [  # the first may not be greater than the second
        ("proctors_per_room", "proctors_per_room_max"),
        ("presence_amber_after", "presence_red_after"),
        ("paper_open_before", "paper_fetch_before"),
        ("paper_fetch_before", "report_before"),
    ]
    return [
        DocumentProblem(
            RULES[low].key, "PROFILE_CONTRADICTS", f"at most {RULES[high].key}", f"{values[low]} > {values[high]}"
        )
        for low, high in pairs
        if values[low] > values[high]
    ]


def _invalid(problems: list[DocumentProblem]) -> InvalidInput:
    lines = "; ".join(f"{p.key}: {p.expected} ({p.found})" for p in problems[:5])
    return InvalidInput(
        "PROFILE_INVALID",
        f"规则模板有 {len(problems)} 处错误，未被采用，请按列出的键逐一改正：{lines}",
        f"The rule profile has {len(problems)} problems and was not used; correct the keys listed: {lines}",
        problems=[problem.as_dict() for problem in problems],
    )
