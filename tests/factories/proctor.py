"""A room on its exam day: proctors with log-ins, candidates, a sealed package; and a board that follows its deltas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from itembank.services.seal_package import SealedPackage
from proctor.board_feed import BoardFeed
from proctor.domain.board import apply
from proctor.queries import snapshot
from proctor.wire import BoardDelta, BoardSnapshot
from server.adapters.vault import Vault
from server.core.actor import Actor
from server.core.bus import InProcessBus
from server.core.clock import ManualClock
from server.core.permissions import Role
from server.delivery.domain.states import AttemptState
from server.delivery.models import Attempt
from server.delivery.time_keeping import refresh_deadlines
from server.scheduling.domain.states import SittingState
from server.scheduling.models import Candidate, Sitting, SittingRoom
from server.settings import Settings
from server.storage.database import Database
from server.storage.unit_of_work import UnitOfWork
from server.webkit.platform import Platform
from tests.factories.accounts import an_account
from tests.factories.delivery import an_attempt
from tests.factories.paper_rows import a_paper_world
from tests.factories.scheduling import STARTS_AT, a_furnished_sitting, a_vault

MINUTE = timedelta(minutes=1)
T = STARTS_AT


def a_platform(database: Database, clock: ManualClock, folder: Path, vault: Vault | None = None) -> Platform:
    """A process without a server."""
    return Platform(Settings(data=folder), clock, database, InProcessBus(), vault or a_vault())


def a_proctor(account_id: str, session: str = "", name: str = "监考") -> Actor:
    """A proctor in a log-in of his own."""
    return Actor(account_id, Role.PROCTOR, name, "10.0.0.7", session or f"session-{account_id}")


@dataclass
class ExamRoom:
    """One room of a sitting and who acts in it."""

    sitting_id: str
    room_id: str
    attempt_ids: list[str]
    seat_ids: list[str]
    chief: Actor
    deputy: Actor
    package: SealedPackage | None = None

    @property
    def key(self) -> tuple[str, str]:
        return (self.sitting_id, self.room_id)


def exam_rooms(
    platform: Platform,
    *,
    rooms: int = 2,
    candidates: int = 4,
    state: AttemptState = AttemptState.EXPECTED,
    sitting_state: SittingState = SittingState.PUBLISHED,
    with_packages: bool = False,
    names: tuple[str, ...] = (),
) -> list[ExamRoom]:
    """Rooms of one sitting that starts at `T`; with packages, each room has its own sealed bag."""
    uow, vault = platform.uow, platform.vault
    packages: list[SealedPackage | None] = [None] * rooms
    paper_id = None
    if with_packages:
        world = a_paper_world(platform.database, platform.paper_store, vault=vault)
        paper = world.assemble(forms=1, backups=1)
        paper_id = paper.paper_id
        packages = [world.seal(paper_id, A=candidates) for _ in range(rooms)]
    with uow() as work:
        furnished = a_furnished_sitting(
            work.session, vault, rooms=rooms, candidates_per_room=candidates, state=sitting_state, paper_id=paper_id
        )
        made = []
        for room, package in zip(furnished.rooms, packages, strict=True):
            gates = work.session.get_one(SittingRoom, (furnished.id, room.id))
            gates.package_id = package.package_id if package else None
            for candidate, name in zip(room.candidates, names, strict=False):
                work.session.get_one(Candidate, candidate.id).name = name
            began = None if state in {AttemptState.EXPECTED, AttemptState.ADMITTED} else T
            attempts = [
                an_attempt(
                    work.session,
                    ticket,
                    state,
                    started_at=began,
                    signed_in_at=None if state is AttemptState.EXPECTED else T - 10 * MINUTE,
                )
                for ticket in room.tickets
            ]
            made.append(
                ExamRoom(
                    furnished.id,
                    room.id,
                    [attempt.id for attempt in attempts],
                    [seat.id for seat in room.seats],
                    a_proctor(room.chief_id, name="周敏"),
                    a_proctor(room.deputy_id, name="林涛"),
                    package,
                )
            )
        refresh_deadlines(work, furnished.id)
    return made


def change(uow: UnitOfWork, attempt_id: str, **changes: object) -> None:
    """Set columns of an attempt, as the candidate's side would."""
    with uow() as work:
        attempt = work.session.get_one(Attempt, attempt_id)
        for name, value in changes.items():
            setattr(attempt, name, value)


def set_gates(uow: UnitOfWork, room: ExamRoom, sitting_state: SittingState | None = None, **gates: datetime) -> None:
    """Pass gates of the room without its proctors."""
    with uow() as work:
        row = work.session.get_one(SittingRoom, room.key)
        for name, value in gates.items():
            setattr(row, name, value)
        if sitting_state is not None:
            work.session.get_one(Sitting, room.sitting_id).state = sitting_state.value


def an_inspector(platform: Platform) -> Actor:
    """A roving inspector in a log-in of his own."""
    with platform.uow() as work:
        account = an_account(work.session, [Role.INSPECTOR])
    return Actor(account.id, Role.INSPECTOR, account.display_name, "10.0.0.9", "inspector-session")


class FollowedBoard:
    """A board kept by deltas alone, and the means to compare it with a fresh snapshot."""

    def __init__(self, platform: Platform, room: ExamRoom) -> None:
        self._platform = platform
        self.room = room
        self.deltas: list[BoardDelta] = []
        self.feed = BoardFeed(platform, self._receive)
        self.feed.watch("page", *room.key)
        self.feed.tick()
        self.board = self.fresh()

    def _receive(self, key: tuple[str, str], delta: BoardDelta) -> None:
        if key == self.room.key:
            self.deltas.append(delta)

    def fresh(self) -> BoardSnapshot:
        """What GET would answer now."""
        with self._platform.uow.read() as session:
            version = self.feed.version(*self.room.key)
            return snapshot(session, *self.room.key, self._platform.clock.now(), version=version)

    def follow(self) -> BoardSnapshot:
        """One round of the feed, its deltas applied."""
        self.feed.tick()
        waiting, self.deltas = self.deltas, []
        for delta in waiting:
            self.board = apply(self.board, delta)
        return self.board

    def assert_true(self) -> None:
        """Deltas applied to the old snapshot give what a fresh snapshot says; names and the record's address aside."""
        followed, fresh = self.follow(), self.fresh()
        for part in ("version", "header", "timeline", "alarms", "time_rows", "incidents"):
            assert getattr(followed, part) == getattr(fresh, part), part
        assert {s.seat_id: s for s in followed.statuses} == {s.seat_id: s for s in fresh.statuses}
