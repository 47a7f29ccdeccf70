"""What the room page and the case page are told: seats, pairs, cases, and for the assigned reviewer alone the two papers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.content import open_content
from itembank.models import ItemVersion, Script
from scoring.analysis import wire
from scoring.analysis.attempt_answers import GivenAnswer, ReadPaper, read_paper
from scoring.analysis.item_pages import item_text, letters_of
from scoring.analysis.pages import name_of, require_analysis, sitting_line
from scoring.domain.states import ResultState
from scoring.domain.visibility import may_see_score
from scoring.models import Result, SimilarityCase, SimilarityRun
from scoring.permissions import require_permission
from scoring.services.open_case import can_review
from server.accounts.models import Account
from server.adapters.vault import Vault
from server.audit.models import AuditEntry
from server.core.actor import Actor
from server.core.permissions import Permission, Role, may
from server.delivery.models import Attempt
from server.scheduling.models import AdmissionTicket, Candidate, Room, Seat, Sitting
from server.scheduling.queries import require_sitting

Document = dict[str, Any]
PAIRS_SHOWN = 200
TAIL = 4


@dataclass(frozen=True)
class Place:
    """Where an attempt sat. `name` is for reviewers only."""

    room: Room
    seat: Seat
    ticket: str
    form: str
    name: str

    @property
    def words(self) -> str:
        return f"{self.room.name} {self.seat.number} 号"


def places_of(session: Session, sitting_id: str) -> dict[str, Place]:
    """Attempt id → place."""
    query = (
        select(Attempt.id, Room, Seat, AdmissionTicket.number, Script.form_label, Candidate.name)
        .join(Room, Room.id == Attempt.room_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .join(AdmissionTicket, AdmissionTicket.id == Attempt.ticket_id)
        .join(Candidate, Candidate.id == AdmissionTicket.candidate_id)
        .join(Script, Script.id == Attempt.script_id)
        .where(Attempt.sitting_id == sitting_id)
    )
    return {row[0]: Place(row[1], row[2], row[3], row[4], row[5]) for row in session.execute(query)}


def room_page(
    session: Session,
    sitting_id: str,
    actor: Actor,
    now: datetime,
    running: Mapping[str, wire.ProgressLine] | None = None,
) -> wire.RoomPage:
    """Seats, pairs and cases of a sitting; no names, no answers.

    Raises:
        Forbidden: `FORBIDDEN`.
        NotFound: `SITTING_NOT_FOUND`, `NOT_ANALYSED`.
    """
    require_permission(actor, Permission.ANALYSIS_PAIR_READ)
    row = require_analysis(session, sitting_id)
    run = session.get_one(SimilarityRun, row.summary["run_id"])
    document = run.document
    places = places_of(session, sitting_id)
    cases = session.scalars(
        select(SimilarityCase).where(SimilarityCase.sitting_id == sitting_id).order_by(SimilarityCase.opened_at)
    ).all()
    case_of = {frozenset((case.attempt_a, case.attempt_b)): case.id for case in cases}
    in_pairs = Counter(member for pair in document["pairs"] if pair["flagged_by"] for member in (pair["a"], pair["b"]))
    shown = [
        pair
        for place, pair in enumerate(document["pairs"])
        if pair["flagged_by"] or place < PAIRS_SHOWN or frozenset((pair["a"], pair["b"])) in case_of
    ]
    opens = may(actor.role, Permission.ANALYSIS_CASE_OPEN)
    return wire.RoomPage(
        sitting=sitting_line(session, require_sitting(session, sitting_id), actor, now, running),
        rooms=_rooms(session, places, in_pairs),
        pairs=[pair_line(pair, places, case_of) for pair in shown],
        flagged=document["flagged"],
        pairs_total=document["pairs_total"],
        pairs_judged=document["pairs_judged"],
        cases=[case_line(session, case, places, actor) for case in cases],
        clusters=[
            wire.ClusterLine(
                each["members"],
                [places[member].words for member in each["members"] if member in places],
                each["is_incident"],
            )
            for each in document["clusters"]
        ],
        families=[wire.FamilyLine(**each) for each in document["families"]],
        null_kind=document["null"]["kind"] if document["null"] else "",
        refused=document["refused"],
        reviewers=_reviewers(session, actor) if opens else [],
        may_open_cases=opens,
        notices=document["notices"],
        digest=run.digest,
    )


def _rooms(session: Session, places: Mapping[str, Place], in_pairs: Mapping[str, int]) -> list[wire.RoomMap]:
    rooms = {place.room.id: place.room for place in places.values()}
    at_seat = {place.seat.id: (attempt_id, place) for attempt_id, place in places.items()}
    maps = []
    for room in sorted(rooms.values(), key=lambda each: (each.number, each.id)):
        seats = session.scalars(select(Seat).where(Seat.room_id == room.id).order_by(Seat.number)).all()
        maps.append(
            wire.RoomMap(
                room_id=room.id,
                name=room.name,
                rows=room.rows,
                columns=room.columns,
                aisles_after=list(room.aisles_after),
                seats=[_seat(seat, at_seat.get(seat.id), in_pairs) for seat in seats],
            )
        )
    return maps


def _seat(seat: Seat, sitting_there: tuple[str, Place] | None, in_pairs: Mapping[str, int]) -> wire.SeatMark:
    attempt_id, place = sitting_there or (None, None)
    return wire.SeatMark(
        seat_number=seat.number,
        row=seat.row,
        column=seat.column,
        attempt_id=attempt_id,
        ticket_tail=place.ticket[-TAIL:] if place else "",
        form=place.form if place else "",
        pairs=in_pairs.get(attempt_id, 0) if attempt_id else 0,
    )


def pair_line(pair: Document, places: Mapping[str, Place], case_of: Mapping[frozenset[str], str]) -> wire.PairLine:
    """A stored pair with its places and case."""
    return wire.PairLine(
        **pair,
        a_place=places[pair["a"]].words if pair["a"] in places else "",
        b_place=places[pair["b"]].words if pair["b"] in places else "",
        case_id=case_of.get(frozenset((pair["a"], pair["b"]))),
    )


def case_line(
    session: Session, case: SimilarityCase, places: Mapping[str, Place], actor: Actor, sitting_name: str = ""
) -> wire.CaseLine:
    """A case as lists show it."""
    return wire.CaseLine(
        id=case.id,
        sitting_id=case.sitting_id,
        sitting_name=sitting_name or session.get_one(Sitting, case.sitting_id).name,
        a=case.attempt_a,
        b=case.attempt_b,
        a_place=places[case.attempt_a].words if case.attempt_a in places else "",
        b_place=places[case.attempt_b].words if case.attempt_b in places else "",
        state=case.state,
        conclusion=case.conclusion,
        reason=case.reason,
        reviewer=name_of(session, case.reviewer_id),
        reviewer_id=case.reviewer_id,
        is_mine=case.reviewer_id == actor.id,
        opened_by=name_of(session, case.opened_by),
        opened_at=case.opened_at.isoformat(),
        decided_at=case.decided_at.isoformat() if case.decided_at else None,
    )


def _reviewers(session: Session, actor: Actor) -> list[wire.ReviewerChoice]:
    accounts = session.scalars(
        select(Account).where(Account.is_active.is_(True)).order_by(Account.display_name, Account.id)
    )
    return [
        wire.ReviewerChoice(
            account.id,
            account.display_name,
            next(role for role in account.roles if may(Role(role), Permission.ANALYSIS_CASE_REVIEW)),
        )
        for account in accounts
        if account.id != actor.id and can_review(account)
    ]


def cases_page(session: Session, actor: Actor) -> wire.CasesReply:
    """Every case for who opens them, one's own for a reviewer; newest first."""
    require_permission(actor, Permission.ANALYSIS_CASE_REVIEW)
    query = select(SimilarityCase).order_by(SimilarityCase.opened_at.desc(), SimilarityCase.id)
    if not may(actor.role, Permission.ANALYSIS_CASE_OPEN):
        query = query.where(SimilarityCase.reviewer_id == actor.id)
    cases = session.scalars(query).all()
    places = {sitting_id: places_of(session, sitting_id) for sitting_id in {case.sitting_id for case in cases}}
    return wire.CasesReply([case_line(session, case, places[case.sitting_id], actor) for case in cases])


def case_page(session: Session, vault: Vault, case: SimilarityCase, actor: Actor) -> wire.CasePage:
    """The two papers side by side. The caller has checked that the actor is the reviewer, and put the reading on record.

    Raises:
        Conflict: `ANSWERS_CHANGED`, `NO_MARK_SCHEME`, `NO_SCRIPT`.
    """
    places = places_of(session, case.sitting_id)
    papers = read_paper(session, vault, case.attempt_a), read_paper(session, vault, case.attempt_b)
    hides_key = not _may_see_both(session, case, actor)
    figures = case.figures
    return wire.CasePage(
        case=case_line(session, case, places, actor),
        pair=pair_line(figures, places, {frozenset((case.attempt_a, case.attempt_b)): case.id}),
        a_name=places[case.attempt_a].name,
        b_name=places[case.attempt_b].name,
        key_hidden=hides_key,
        items=_case_items(session, vault, papers, hides_key),
        a_grid=_seat(places[case.attempt_a].seat, (case.attempt_a, places[case.attempt_a]), {}),
        b_grid=_seat(places[case.attempt_b].seat, (case.attempt_b, places[case.attempt_b]), {}),
        steps=_steps(session, case.id),
    )


def _may_see_both(session: Session, case: SimilarityCase, actor: Actor) -> bool:
    states = session.scalars(select(Result.state).where(Result.attempt_id.in_([case.attempt_a, case.attempt_b]))).all()
    return len(states) == 2 and all(may_see_score(actor.role, ResultState(state)) for state in states)


def _case_items(
    session: Session, vault: Vault, papers: tuple[ReadPaper, ReadPaper], hides_key: bool
) -> list[wire.CaseItem]:
    a, b = papers
    order = sorted(
        {*a.answers, *b.answers}, key=lambda version: (_at(a, version) or 10_000, _at(b, version) or 10_000, version)
    )
    versions = {row.id: row for row in session.scalars(select(ItemVersion).where(ItemVersion.id.in_(order)))}
    items = []
    for number, version_id in enumerate(order, start=1):
        key = (a if version_id in a.answers else b).scheme.key_of(version_id)
        text = item_text(vault, versions[version_id], with_key=False)
        letters = _letters(vault, versions[version_id], key.kind)
        given_a, given_b = a.answers.get(version_id), b.answers.get(version_id)
        same = bool(given_a and given_b and given_a.chosen and given_a.chosen == given_b.chosen)
        is_wrong = bool(given_a and given_a.chosen is not None and given_a.chosen not in key.accepted)
        right_letters = {letters[option] for accepted in key.accepted for option in accepted if option in letters}
        items.append(
            wire.CaseItem(
                label=f"{number}",
                item_version_id=version_id,
                kind=key.kind,
                stem=text.stem,
                options=[
                    wire.OptionText(each.option, each.text, not hides_key and each.option in right_letters)
                    for each in text.options
                ],
                a=_answer(given_a, letters, hides_key, key.accepted),
                b=_answer(given_b, letters, hides_key, key.accepted),
                same=same,
                same_wrong=None if hides_key else same and is_wrong,
            )
        )
    return items


def _at(paper: ReadPaper, version_id: str) -> int | None:
    given = paper.answers.get(version_id)
    return given.n if given is not None else None


def _letters(vault: Vault, version: ItemVersion, kind: str) -> dict[str, str]:
    content = open_content(vault, version)
    return {
        option.id: letter
        for option, letter in zip(content.options, letters_of(kind, len(content.options)), strict=True)
    }


def _answer(
    given: GivenAnswer | None, letters: Mapping[str, str], hides_key: bool, accepted: tuple[frozenset[str], ...]
) -> wire.AnswerOf:
    if given is None:
        return wire.AnswerOf(None, "", "", None, [], None)

    def canonical(options: frozenset[str]) -> str:
        return "".join(sorted(letters[option] for option in options))

    chosen = given.chosen or frozenset()
    return wire.AnswerOf(
        n=given.n,
        canonical=canonical(chosen),
        displayed=given.displayed,
        answered_s=given.answered_s,
        before=[canonical(step) for step in given.before],
        is_right=None if hides_key else chosen in accepted,
    )


def _steps(session: Session, case_id: str) -> list[Document]:
    """What is on record about the case, oldest first."""
    query = select(AuditEntry).where(AuditEntry.subject == f"case:{case_id}").order_by(AuditEntry.seq)
    return [
        {
            "at": entry.at.isoformat(),
            "action": entry.action,
            "by": name_of(session, entry.actor),
            "reason": entry.reason,
        }
        for entry in session.scalars(query)
    ]
