"""A sitting's ended attempts, read into plain data that an analysis can take into a thread of its own.

What is read: counted answers by option identity, the places of items and options on each candidate's own screen, marks under the
key in force, where people sat, of which class, at which machine, when they answered and what they changed. No names.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.bank_rows import READ_AT_A_TIME
from itembank.content import open_content
from itembank.models import Item, ItemVersion, Package, Script
from itembank.queries import script_layout
from scoring.analysis.attempt_answers import EndedAttempt, GivenAnswer, Options, read_answers, require_scheme
from scoring.attendance import ENDED_STATES, attendance_at_end
from scoring.domain.canonical import canonical_digest, canonical_json
from scoring.domain.mark_scheme import DecisionKind, MarkScheme
from scoring.domain.states import Attendance
from scoring.domain.statistics.answer_text import option_labels
from scoring.mark_schemes import scheme_in_force
from scoring.models import MarkScheme as MarkSchemeRow
from server.adapters.vault import Vault
from server.core.errors import Conflict
from server.delivery.models import Attempt, CandidateSession
from server.scheduling.models import AdmissionTicket, Candidate, Room, Seat, Sitting
from server.scheduling.queries import require_sitting, sitting_profile

#: a paper has 100 points, in 1/100
WHOLE = 100_00
#: between attempts, so that a serving process answers others meanwhile (0 would not let its loop look for them)
GIVE_WAY_S = 0.001
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class CollectedItem:
    """An item version as the bank has it. `letters`: option id → canonical letter; `points` in 1/100.

    `left_out`: decided after the sitting that it counts for nobody, or fully for everybody; it is not analysed.
    """

    version_id: str
    item_id: str
    label: str
    kind: str
    point: str
    points: int
    letters: Mapping[str, str]
    key: Options
    is_shuffled: bool
    left_out: bool


@dataclass(frozen=True)
class CollectedPerson:
    """One attempt, without a name. `score`, `full_score` in 1/100 under the scheme in force."""

    attempt_id: str
    sitting_id: str
    form: str
    room_id: str
    room_name: str
    seat_number: int
    row: int
    column: int
    school_class: str
    machine: str
    score: int
    full_score: int
    answers: Mapping[str, GivenAnswer]


@dataclass(frozen=True)
class Collected:
    """Everything an analysis depends on; `input_digest` is over it."""

    sitting_ids: tuple[str, ...]
    occupation_code: str
    level: int
    pass_share: float
    items: tuple[CollectedItem, ...]
    persons: tuple[CollectedPerson, ...]
    scheme_digests: tuple[str, ...]

    @property
    def input_digest(self) -> str:
        """Hex SHA-256, person by person: one large document would hold the interpreter for a third of a second."""
        found = hashlib.sha256(
            canonical_json([
                [[i.version_id, sorted(i.letters.items()), sorted(i.key), i.left_out] for i in self.items],
                list(self.scheme_digests),
            ])
        )  # fmt: skip
        for p in self.persons:
            where = [p.attempt_id, p.form, p.room_name, p.row, p.column, p.school_class, p.machine, p.score]
            answers = [
                [version, g.n, None if g.chosen is None else sorted(g.chosen), g.displayed, g.mark, g.answered_s, g.spent_s,
                 [sorted(each) for each in g.before]]
                for version, g in sorted(p.answers.items())
            ]  # fmt: skip
            found.update(canonical_json([where, answers]))
        return found.hexdigest()


@dataclass(frozen=True)
class Basis:
    """A cheap fingerprint of a sitting's answers and key: differs when an analysis is out of date."""

    taken: int
    unfinished: int
    text: str


def sitting_basis(session: Session, sitting_id: str) -> Basis:
    """How many took the sitting, how many have not ended, and the fingerprint."""
    query = (
        select(Attempt.state, func.count(), func.max(Attempt.ended_at), func.min(Attempt.answers_digest))
        .add_columns(func.max(Attempt.answers_digest))
        .where(Attempt.sitting_id == sitting_id, Attempt.started_at.is_not(None))
        .group_by(Attempt.state)
        .order_by(Attempt.state)
    )
    rows = session.execute(query).all()
    waiting = select(func.count()).where(Attempt.sitting_id == sitting_id, Attempt.state.not_in(ENDED_STATES))
    unfinished = session.execute(waiting.select_from(Attempt)).scalar_one()
    taken = sum(row[1] for row in rows if attendance_at_end(row[0], _SOME_MOMENT) is Attendance.TAKEN)
    paper_ids = session.scalars(
        select(Package.paper_id)
        .join(Script, Script.package_id == Package.id)
        .join(Attempt, Attempt.script_id == Script.id)
        .where(Attempt.sitting_id == sitting_id)
        .distinct()
    )
    schemes = [scheme_in_force(session, paper_id) for paper_id in sorted(paper_ids)]
    told = [[state, count, str(ended), low, high] for state, count, ended, low, high in rows]
    return Basis(taken, unfinished, canonical_digest([told, [row.digest if row else "" for row in schemes]]))


_SOME_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)  # only asked whether there is one


def require_ended(session: Session, sitting_id: str) -> Sitting:
    """The sitting, if it can be analysed.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `SITTING_STILL_OPEN`; `NOTHING_TO_ANALYSE`.
    """
    sitting = require_sitting(session, sitting_id)
    basis = sitting_basis(session, sitting_id)
    if basis.unfinished:
        raise Conflict(
            "SITTING_STILL_OPEN",
            f"本场还有 {basis.unfinished} 名考生没有结束，结束以后才能分析。",
            f"{basis.unfinished} candidates of this sitting have not ended; it can be analysed when they have.",
            unfinished=basis.unfinished,
        )
    if not basis.taken:
        raise Conflict(
            "NOTHING_TO_ANALYSE",
            "本场没有人参加考试，没有可分析的作答。",
            "Nobody took this sitting; there is nothing to analyse.",
        )
    return sitting


def collect_sittings(
    session: Session, vault: Vault, sitting_ids: Sequence[str], progress: Progress | None = None
) -> Collected:
    """Read the ended attempts of one sitting, or of several of one occupation and level, in ticket order.

    Reads attempt by attempt and gives way in between, so that a serving process goes on answering.

    Raises:
        NotFound: `SITTING_NOT_FOUND`.
        Conflict: `SITTING_STILL_OPEN`, `NOTHING_TO_ANALYSE`, `SITTINGS_NOT_ALIKE`, `ANSWERS_CHANGED`, `NO_MARK_SCHEME`.
    """
    sittings = [require_ended(session, sitting_id) for sitting_id in dict.fromkeys(sitting_ids)]
    if len({(each.occupation_code, each.level) for each in sittings}) > 1:
        raise Conflict(
            "SITTINGS_NOT_ALIKE",
            "这些场次的职业或等级不同，不能合并分析。",
            "These sittings are of different occupations or levels and cannot be analysed together.",
        )
    found: list[_Seated] = []
    for sitting in sittings:
        found += _attempts(session, sitting.id)
    schemes: dict[str, tuple[MarkSchemeRow, MarkScheme]] = {}
    machines = _machines(session, [sitting.id for sitting in sittings])
    persons: list[CollectedPerson] = []
    points: dict[str, tuple[str, int]] = {}
    keys: dict[str, tuple[Options, bool]] = {}
    for done, seated in enumerate(found, start=1):
        paper_id = seated.paper_id
        if paper_id not in schemes:
            schemes[paper_id] = require_scheme(session, vault, paper_id)
        layout = script_layout(session, seated.script_id)
        scheme = schemes[paper_id][1]
        for placed in layout.items.values():
            points.setdefault(placed.item_version_id, (placed.kind, placed.points))
            key = scheme.key_of(placed.item_version_id)
            decided = key.decision is not None and key.decision.kind is not DecisionKind.ACCEPT_ALSO
            keys[placed.item_version_id] = (key.key, decided or keys.get(placed.item_version_id, (key.key, False))[1])
        marked = read_answers(session, seated.attempt, layout, scheme)
        persons.append(
            CollectedPerson(
                attempt_id=seated.attempt.id,
                sitting_id=seated.sitting_id,
                form=seated.form,
                room_id=seated.room_id,
                room_name=seated.room_name,
                seat_number=seated.seat_number,
                row=seated.row,
                column=seated.column,
                school_class=f"{seated.organisation} {seated.class_name}" if seated.class_name else "",
                machine=machines.get(seated.attempt.id, ""),
                score=marked.score,
                full_score=marked.full_score,
                answers=marked.given,
            )
        )
        time.sleep(GIVE_WAY_S)
        if progress is not None and (done % 20 == 0 or done == len(found)):
            progress("collect", done, len(found))
    items = _items(session, vault, points, keys)
    shuffled = {item.version_id for item in items if item.is_shuffled}
    return Collected(
        sitting_ids=tuple(sitting.id for sitting in sittings),
        occupation_code=sittings[0].occupation_code,
        level=sittings[0].level,
        pass_share=sitting_profile(session, sittings[0].id).pass_mark / WHOLE,
        items=items,
        persons=tuple(_without_fixed_letters(person, shuffled) for person in persons),
        scheme_digests=tuple(schemes[paper_id][0].digest for paper_id in sorted(schemes)),
    )


@dataclass(frozen=True)
class _Seated:
    """One attempt and where it sat; columns only: photographs and tickets are nobody's business here."""

    attempt: EndedAttempt
    sitting_id: str
    script_id: str
    organisation: str
    class_name: str
    room_id: str
    room_name: str
    seat_number: int
    row: int
    column: int
    form: str
    paper_id: str


def _attempts(session: Session, sitting_id: str) -> list[_Seated]:
    query = (
        select(
            Attempt.state, Attempt.id, Attempt.started_at, Attempt.answers_digest, Attempt.sitting_id, Script.id,
            Candidate.organisation, Candidate.class_name, Room.id, Room.name, Seat.number, Seat.row, Seat.column,
            Script.form_label, Package.paper_id,
        )
        .join(AdmissionTicket, AdmissionTicket.id == Attempt.ticket_id)
        .join(Candidate, Candidate.id == AdmissionTicket.candidate_id)
        .join(Room, Room.id == Attempt.room_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .join(Script, Script.id == Attempt.script_id)
        .join(Package, Package.id == Script.package_id)
        .where(Attempt.sitting_id == sitting_id)
        .order_by(AdmissionTicket.number)
    )  # fmt: skip
    return [
        _Seated(EndedAttempt(attempt_id, started_at, digest), *rest)
        for state, attempt_id, started_at, digest, *rest in session.execute(query)
        if attendance_at_end(state, started_at) is Attendance.TAKEN
    ]


def _machines(session: Session, sitting_ids: Sequence[str]) -> dict[str, str]:
    """The machine of each attempt's last log-in."""
    query = (
        select(CandidateSession.attempt_id, CandidateSession.machine)
        .join(Attempt, Attempt.id == CandidateSession.attempt_id)
        .where(Attempt.sitting_id.in_(list(sitting_ids)))
        .order_by(CandidateSession.created_at, CandidateSession.token_hash)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _items(
    session: Session, vault: Vault, points: Mapping[str, tuple[str, int]], keys: Mapping[str, tuple[Options, bool]]
) -> tuple[CollectedItem, ...]:
    versions: dict[str, tuple[ItemVersion, Item]] = {}
    wanted = sorted(points)
    for start in range(0, len(wanted), READ_AT_A_TIME):
        rows = session.execute(
            select(ItemVersion, Item)
            .join(Item, Item.id == ItemVersion.item_id)
            .where(ItemVersion.id.in_(wanted[start : start + READ_AT_A_TIME]))
        )
        versions.update({version.id: (version, item) for version, item in rows})
    order = {"single": 0, "true_false": 1, "multiple": 2}
    in_order = sorted(wanted, key=lambda each: (order.get(points[each][0], 9), versions[each][1].point, each))
    found = []
    for number, version_id in enumerate(in_order, start=1):
        version, item = versions[version_id]
        content = open_content(vault, version)
        labels = ["T", "F"] if item.kind == "true_false" else option_labels(len(content.options))
        key, left_out = keys[version_id]
        found.append(
            CollectedItem(
                version_id=version_id,
                item_id=item.id,
                label=f"I{number:03d}",
                kind=points[version_id][0],
                point=item.point,
                points=points[version_id][1],
                letters={option.id: letter for option, letter in zip(content.options, labels, strict=True)},
                key=key,
                is_shuffled=not any(option.pinned for option in content.options),
                left_out=left_out,
            )
        )
    return tuple(found)


def _without_fixed_letters(person: CollectedPerson, shuffled: set[str]) -> CollectedPerson:
    """Letters of options in fixed order say nothing: they are the same for everybody."""
    answers = {
        version: given if version in shuffled else replace(given, option_count=0)
        for version, given in person.answers.items()
    }
    return replace(person, answers=answers)
