"""From an empty centre to a published sitting, and every gate on the way."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from sqlalchemy import select

from server.accounts.services.create_account import create_account
from server.adapters.vault import Vault
from server.audit.log import verify
from server.core.errors import Conflict, MingyuanError, NotFound
from server.core.permissions import Role
from server.scheduling.domain.rule_profile import load_profile
from server.scheduling.domain.seat_plan import neighbours
from server.scheduling.domain.states import SittingState
from server.scheduling.models import AdmissionTicket, Registration, Seat, Sitting
from server.scheduling.queries import (
    assignments_of_room,
    list_sittings,
    proctor_rooms,
    require_room,
    seated_candidates,
    sitting_profile,
)
from server.scheduling.services.assign_packages import assign_packages
from server.scheduling.services.assign_proctors import assign_proctors
from server.scheduling.services.assign_seats import assign_seats
from server.scheduling.services.create_centre import create_centre
from server.scheduling.services.create_room import create_room
from server.scheduling.services.import_roster import import_roster
from server.scheduling.services.issue_tickets import issue_tickets
from server.scheduling.services.plan_sitting import plan_sitting
from server.scheduling.services.publish_sitting import publish_sitting
from server.scheduling.ticket_secrets import pin_matches
from server.storage.unit_of_work import UnitOfWork
from tests.factories.accounts import an_account, an_actor, somebody
from tests.factories.rosters import as_csv, roster_rows
from tests.factories.scheduling import DURATION, STARTS_AT

CLERK = somebody()
#: A fortnight after the tests' morning.
LATER = STARTS_AT + timedelta(days=14)


class Office:
    """The steps of planning with everything they need filled in."""

    def __init__(self, uow: UnitOfWork, vault: Vault) -> None:
        self.uow, self.vault = uow, vault
        self.centre = create_centre(uow, "第一考点", CLERK)
        self.rooms = [create_room(uow, self.centre.id, f"第{n}考场", n, 5, 6, CLERK, spare=2) for n in (1, 2)]
        with uow() as work:
            self.proctors = [an_account(work.session, [Role.PROCTOR]).id for _ in range(6)]

    def plan(self, **changes: object) -> Sitting:
        wanted: dict[str, object] = {
            "centre_id": self.centre.id,
            "name": "电工四级理论",
            "occupation_code": "6-31-01-03",
            "occupation_name": "电工",
            "level": 4,
            "starts_at": LATER,
            "duration": DURATION,
            "room_ids": [room.id for room in self.rooms],
            "profile": load_profile("default"),
            "actor": CLERK,
        }
        return plan_sitting(self.uow, **(wanted | changes))  # type: ignore[arg-type]

    def enrol(self, sitting: Sitting, people: int) -> None:
        report = import_roster(self.uow, self.vault, sitting.id, "a.csv", as_csv(roster_rows(people)), CLERK)
        assert report.stored == people

    def staff(self, sitting: Sitting) -> None:
        for index, room in enumerate(self.rooms):
            chief, deputy = self.proctors[2 * index : 2 * index + 2]
            assign_proctors(self.uow, sitting.id, room.id, chief, [deputy], CLERK)

    def refusal(self, step: object, *args: object, **changes: object) -> MingyuanError:
        with pytest.raises(MingyuanError) as refused:
            step(*args, **changes)  # type: ignore[operator]
        return refused.value


@pytest.fixture
def office(uow: UnitOfWork, vault: Vault) -> Office:
    return Office(uow, vault)


def test_a_whole_sitting_is_planned_and_published(office: Office, uow: UnitOfWork, vault: Vault) -> None:
    sitting = office.plan()
    office.enrol(sitting, 50)
    assigned = assign_seats(uow, sitting.id, CLERK)
    assert assigned.seated == 50
    assert list(assigned.by_room.values()) == [28, 22]
    tickets = issue_tickets(uow, vault, sitting.id, CLERK)
    office.staff(sitting)
    publish_sitting(uow, sitting.id, CLERK)
    with uow.read() as session:
        [overview] = list_sittings(session)
        assert (overview.sitting.state, overview.rooms, overview.tickets) == (SittingState.PUBLISHED, 2, 50)
        assert sitting_profile(session, sitting.id) == load_profile("default")
        assert [one.ticket.number for one in seated_candidates(session, sitting.id)] == [one.number for one in tickets]
        assert verify(session).ok


def test_all_eight_neighbours_have_another_form(office: Office, uow: UnitOfWork) -> None:
    sitting = office.plan()
    office.enrol(sitting, 56)
    assign_seats(uow, sitting.id, CLERK)
    with uow.read() as session:
        query = select(Registration, Seat).join(Seat, Seat.id == Registration.seat_id)
        forms = {(seat.room_id, seat.row, seat.column): one.form_label for one, seat in session.execute(query)}
        spare = set(session.scalars(select(Seat.id).where(Seat.is_spare)))
        taken = set(session.scalars(select(Registration.seat_id)))
    assert len(forms) == 56
    assert not spare & taken
    assert all(
        forms.get((room, *place)) != form
        for (room, row, column), form in forms.items()
        for place in neighbours(row, column)
    )


def test_more_people_than_seats_is_a_clear_refusal_and_changes_nothing(office: Office, uow: UnitOfWork) -> None:
    sitting = office.plan()
    office.enrol(sitting, 57)
    refused = office.refusal(assign_seats, uow, sitting.id, CLERK)
    assert (refused.code, refused.data) == ("SEATS_NOT_ENOUGH", {"candidates": 57, "seats": 56})
    with uow.read() as session:
        assert not session.scalars(select(Registration.seat_id).where(Registration.seat_id.is_not(None))).all()


def test_seats_can_be_planned_again_until_tickets_are_out(office: Office, uow: UnitOfWork, vault: Vault) -> None:
    sitting = office.plan()
    office.enrol(sitting, 40)
    first = assign_seats(uow, sitting.id, CLERK, seed=1)
    assert assign_seats(uow, sitting.id, CLERK, seed=2).seated == first.seated
    issue_tickets(uow, vault, sitting.id, CLERK)
    assert office.refusal(assign_seats, uow, sitting.id, CLERK).code == "TICKETS_ISSUED"


def test_a_room_takes_no_more_than_its_proctors_may_watch(office: Office, uow: UnitOfWork) -> None:
    """Suzhou: exactly two proctors (SZ-7.1), one for fifteen: thirty in a room of forty seats."""
    big = create_room(uow, office.centre.id, "大考场", 9, 5, 8, CLERK)
    sitting = office.plan(room_ids=[big.id], profile=load_profile("suzhou-2021"))
    office.enrol(sitting, 31)
    assert office.refusal(assign_seats, uow, sitting.id, CLERK).data["seats"] == 30


def test_a_ticket_holds_what_must_be_printed_and_its_pin_works(office: Office, uow: UnitOfWork, vault: Vault) -> None:
    sitting = office.plan()
    office.enrol(sitting, 4)
    assign_seats(uow, sitting.id, CLERK)
    tickets = issue_tickets(uow, vault, sitting.id, CLERK)
    with uow.read() as session:
        for ticket in tickets:
            stored = session.get_one(AdmissionTicket, ticket.ticket_id)
            assert pin_matches(vault, ticket.number, ticket.pin, stored.pin_hmac)
            assert not pin_matches(vault, ticket.number, "000000" if ticket.pin != "000000" else "1", stored.pin_hmac)
            assert ticket.pin not in repr(ticket)
    assert all(len(ticket.pin) == 6 and ticket.pin.isdigit() and len(ticket.id_number) == 18 for ticket in tickets)
    assert tickets[0].number == f"{sitting.plan_number}0100101"
    assert (tickets[0].name[:2], tickets[0].room_name, tickets[0].seat_number) == ("考生", "第1考场", 1)


def test_new_pins_keep_the_numbers(office: Office, uow: UnitOfWork, vault: Vault) -> None:
    sitting = office.plan()
    office.enrol(sitting, 5)
    assign_seats(uow, sitting.id, CLERK)
    before = issue_tickets(uow, vault, sitting.id, CLERK)
    assert office.refusal(issue_tickets, uow, vault, sitting.id, CLERK).code == "TICKETS_ISSUED"
    after = issue_tickets(uow, vault, sitting.id, CLERK, new_pins=True, reason="名单遗失")
    assert [one.number for one in before] == [one.number for one in after]
    with uow.read() as session:
        stored = session.get_one(AdmissionTicket, before[0].ticket_id).pin_hmac
        assert pin_matches(vault, after[0].number, after[0].pin, stored)


def test_tickets_wait_for_seats(office: Office, uow: UnitOfWork, vault: Vault) -> None:
    sitting = office.plan()
    assert office.refusal(issue_tickets, uow, vault, sitting.id, CLERK).code == "SEATS_MISSING"
    office.enrol(sitting, 3)
    refused = office.refusal(issue_tickets, uow, vault, sitting.id, CLERK)
    assert (refused.code, refused.data) == ("SEATS_MISSING", {"without": 3})


def test_too_few_and_too_many_proctors_are_refused_by_clause(office: Office, uow: UnitOfWork) -> None:
    sitting = office.plan(profile=load_profile("suzhou-2021"))
    room, (one, two, three, *_) = office.rooms[0].id, office.proctors
    alone = office.refusal(assign_proctors, uow, sitting.id, room, one, [], CLERK)
    crowd = office.refusal(assign_proctors, uow, sitting.id, room, one, [two, three], CLERK)
    assert (alone.code, alone.data["clause"]) == ("PROCTORS_TOO_FEW", "SZ-7.1")
    assert (crowd.code, "SZ-7.1" in crowd.message_zh) == ("PROCTORS_TOO_MANY", True)


def test_the_ratio_asks_for_a_third_proctor(office: Office, uow: UnitOfWork) -> None:
    big = create_room(uow, office.centre.id, "大考场", 9, 5, 8, CLERK)
    sitting = office.plan(room_ids=[big.id])
    office.enrol(sitting, 31)
    assign_seats(uow, sitting.id, CLERK)
    one, two, three, *_ = office.proctors
    refused = office.refusal(assign_proctors, uow, sitting.id, big.id, one, [two], CLERK)
    assert (refused.code, refused.data["needed"]) == ("PROCTORS_TOO_FEW", 3)
    assert "1:15" in refused.data["clause"]
    assert len(assign_proctors(uow, sitting.id, big.id, one, [two, three], CLERK)) == 3


def test_nobody_proctors_two_rooms_at_the_same_time(office: Office, uow: UnitOfWork) -> None:
    sitting = office.plan()
    one, two, three, *_ = office.proctors
    assign_proctors(uow, sitting.id, office.rooms[0].id, one, [two], CLERK)
    assert (
        office.refusal(assign_proctors, uow, sitting.id, office.rooms[1].id, three, [two], CLERK).code == "PROCTOR_BUSY"
    )
    other_centre = create_centre(uow, "第二考点", CLERK)
    room = create_room(uow, other_centre.id, "A", 1, 2, 2, CLERK)
    overlapping = office.plan(centre_id=other_centre.id, room_ids=[room.id], starts_at=LATER + DURATION / 2)
    assert office.refusal(assign_proctors, uow, overlapping.id, room.id, one, [three], CLERK).code == "PROCTOR_BUSY"
    afterwards = office.plan(starts_at=LATER + DURATION)
    assert len(assign_proctors(uow, afterwards.id, office.rooms[0].id, one, [two], CLERK)) == 2


def test_assigning_again_replaces_the_proctors(office: Office, uow: UnitOfWork) -> None:
    sitting = office.plan()
    one, two, three, *_ = office.proctors
    assign_proctors(uow, sitting.id, office.rooms[0].id, one, [two], CLERK)
    assign_proctors(uow, sitting.id, office.rooms[0].id, three, [one], CLERK)
    with uow.read() as session:
        found = assignments_of_room(session, sitting.id, office.rooms[0].id)
        assert [(who.account_id, who.duty) for who in found] == [(three, "chief"), (one, "deputy")]
        assert proctor_rooms(session, two) == []


def test_the_same_person_twice_or_without_the_role_is_refused(office: Office, uow: UnitOfWork) -> None:
    sitting = office.plan()
    clerk = create_account(uow, "clerk", "考务", [Role.EXAM_CLERK], None, CLERK).id
    one, room = office.proctors[0], office.rooms[0].id
    assert office.refusal(assign_proctors, uow, sitting.id, room, one, [one], CLERK).code == "PROCTOR_TWICE"
    assert office.refusal(assign_proctors, uow, sitting.id, room, one, [clerk], CLERK).code == "NOT_A_PROCTOR"


def test_publishing_waits_for_roster_tickets_and_proctors(office: Office, uow: UnitOfWork, vault: Vault) -> None:
    sitting = office.plan()
    assert office.refusal(publish_sitting, uow, sitting.id, CLERK).code == "ROSTER_MISSING"
    office.enrol(sitting, 40)
    assert office.refusal(publish_sitting, uow, sitting.id, CLERK).code == "TICKETS_MISSING"
    assign_seats(uow, sitting.id, CLERK)
    issue_tickets(uow, vault, sitting.id, CLERK)
    assert office.refusal(publish_sitting, uow, sitting.id, CLERK).code == "PROCTORS_TOO_FEW"
    office.staff(sitting)
    assert publish_sitting(uow, sitting.id, CLERK).state == SittingState.PUBLISHED
    assert office.refusal(publish_sitting, uow, sitting.id, CLERK).code == "TRANSITION_REFUSED"


def test_a_published_profile_is_frozen(office: Office, uow: UnitOfWork, vault: Vault) -> None:
    first = load_profile("default")
    sitting = office.plan(profile=first)
    changed = dataclasses.replace(first, late_entry_within=timedelta(minutes=20))
    assert (
        office.refusal(office.plan, profile=changed, starts_at=LATER + timedelta(days=1)).code
        == "PROFILE_VERSION_TAKEN"
    )
    office.plan(profile=dataclasses.replace(changed, version=2), starts_at=LATER + timedelta(days=1))
    office.enrol(sitting, 4)
    assign_seats(uow, sitting.id, CLERK)
    issue_tickets(uow, vault, sitting.id, CLERK)
    office.staff(sitting)
    publish_sitting(uow, sitting.id, CLERK)
    with uow.read() as session:
        assert sitting_profile(session, sitting.id).late_entry_within == timedelta(minutes=30)


def test_numbers_of_plan_and_session_are_given(office: Office) -> None:
    first = office.plan()
    second = office.plan(starts_at=LATER + timedelta(hours=4))
    assert (first.plan_number, first.session_number, second.session_number) == ("260530", 1, 2)
    refused = office.refusal(office.plan, starts_at=LATER + timedelta(hours=8), session_number=2)
    assert refused.code == "SESSION_NUMBER_TAKEN"


def test_a_room_is_used_once_at_a_time(office: Office) -> None:
    office.plan()
    refused = office.refusal(office.plan, starts_at=LATER + DURATION - timedelta(seconds=1))
    assert (refused.code, refused.data["rooms"]) == ("ROOM_BUSY", ["第1考场", "第2考场"])
    office.plan(starts_at=LATER + DURATION)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": " "}, "SITTING_INCOMPLETE"),
        ({"room_ids": []}, "SITTING_INCOMPLETE"),
        ({"occupation_code": "6310103"}, "OCCUPATION_CODE_WRONG"),
        ({"level": 6}, "LEVEL_WRONG"),
        ({"duration": timedelta(minutes=89)}, "DURATION_TOO_SHORT"),
        ({"duration": timedelta(hours=13)}, "DURATION_TOO_LONG"),
        ({"plan_number": "1234567"}, "PLAN_NUMBER_WRONG"),
        ({"starts_at": STARTS_AT - timedelta(days=3)}, "STARTS_IN_THE_PAST"),
        ({"centre_id": "nowhere"}, "CENTRE_NOT_FOUND"),
        ({"room_ids": ["nowhere"]}, "ROOM_NOT_FOUND"),
    ],
)
def test_a_sitting_with_a_wrong_value_is_refused_by_name(office: Office, changes: dict[str, object], code: str) -> None:
    assert office.refusal(office.plan, **changes).code == code


def test_a_rehearsal_may_be_short(office: Office) -> None:
    profile = load_profile("default").compressed(30)
    assert office.plan(duration=timedelta(minutes=3), profile=profile, is_rehearsal=True).is_rehearsal


def test_rooms_are_numbered_seat_by_seat_with_gaps_and_spare_places(office: Office, uow: UnitOfWork) -> None:
    room = create_room(
        uow, office.centre.id, "小考场", 7, 2, 3, CLERK, aisles_after=[2, 9], spare=1, empty_places=[(1, 2)]
    )
    with uow.read() as session:
        seats = session.scalars(select(Seat).where(Seat.room_id == room.id).order_by(Seat.number)).all()
    assert [(seat.row, seat.column) for seat in seats] == [(1, 1), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert [seat.is_spare for seat in seats] == [False, False, False, False, True]
    assert room.aisles_after == [2]
    assert office.refusal(create_room, uow, office.centre.id, "小考场", 8, 2, 3, CLERK).code == "ROOM_EXISTS"
    assert office.refusal(create_room, uow, office.centre.id, "x", 8, 0, 3, CLERK).code == "ROOM_SHAPE_WRONG"
    assert office.refusal(create_centre, uow, "第一考点", CLERK).code == "CENTRE_EXISTS"


def test_a_proctor_reaches_only_his_own_room(office: Office, uow: UnitOfWork) -> None:
    sitting = office.plan()
    office.staff(sitting)
    with uow.read() as session:
        from server.accounts.queries import require_account

        chief = an_actor(require_account(session, office.proctors[0]))
        mine, other = office.rooms[0].id, office.rooms[1].id
        assert require_room(session, chief, sitting.id, mine).room_id == mine
        for room_id in (other, "nowhere"):
            with pytest.raises(NotFound) as refused:
                require_room(session, chief, sitting.id, room_id)
            assert refused.value.code == "ROOM_NOT_FOUND"
        assert require_room(session, somebody(Role.INSPECTOR), sitting.id, other).room_id == other
        with pytest.raises(NotFound):
            require_room(session, somebody(Role.CANDIDATE), sitting.id, mine)


def test_packages_belong_to_rooms(office: Office, uow: UnitOfWork) -> None:
    sitting = office.plan()
    room = assign_packages(uow, sitting.id, office.rooms[0].id, "p1", CLERK, "p2")
    assert (room.package_id, room.backup_package_id) == ("p1", "p2")
    with pytest.raises(NotFound):
        assign_packages(uow, sitting.id, "nowhere", "p1", CLERK)


def test_nothing_is_planned_for_an_unknown_sitting(uow: UnitOfWork, vault: Vault) -> None:
    for step in (
        lambda: assign_seats(uow, "x", CLERK),
        lambda: issue_tickets(uow, vault, "x", CLERK),
        lambda: publish_sitting(uow, "x", CLERK),
    ):
        with pytest.raises((NotFound, Conflict)) as refused:
            step()
        assert refused.value.code == "SITTING_NOT_FOUND"
