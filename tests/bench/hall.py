"""A hall of many seats, ready for the moment T: real papers, sealed and opened, everybody signed in; the load of `pump.py`.

Made by rows rather than by the services' long way round: what is measured begins after it.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

import server.schema  # noqa: F401 - every folder's tables
from itembank.queries import script_layout, take_script
from itembank.services.assemble_paper import assemble_paper
from itembank.services.check_paper import check_paper
from itembank.services.load_demo_bank import load_demo_bank
from itembank.services.seal_package import seal_package
from itembank.services.unlock_package import unlock_package
from server.accounts.services.create_account import create_account
from server.core.actor import SYSTEM
from server.core.ids import new_id
from server.core.permissions import Role
from server.delivery.models import Attempt
from server.delivery.sessions import begin_session, cookie_name, hash_of
from server.delivery.time_keeping import refresh_deadlines
from server.scheduling.domain.states import SittingState
from server.scheduling.models import SittingRoom
from server.webkit.platform import Platform
from tests.factories.scheduling import PIN, a_furnished_sitting
from tests.support.live_server import open_platform

PER_ROOM, ROWS, COLUMNS = 50, 7, 8
PASSWORD = "b4-quiet-measure-28"
FORMS = 4


@dataclass(frozen=True, slots=True)
class Seated:
    """One candidate as the load generator needs him."""

    attempt_id: str
    room_id: str
    ticket_number: str
    pin: str
    cookie: str
    page_id: str
    paper_url: str
    paper_aad: str
    #: [item reference, option reference] in displayed order
    choices: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Hall:
    """What stands in the database, and where the load generator finds it."""

    platform: Platform
    sitting_id: str
    room_ids: list[str]
    inspector: tuple[str, str]
    file: Path
    seats: list[Seated]

    @property
    def item_count(self) -> int:
        return len(self.seats[0].choices)


def furnish(data: Path, candidates: int, database_url: str = "", remaining: timedelta | None = None) -> Hall:
    """Everybody signed in with both steps confirmed; T has just passed, nobody has begun.

    Args:
        remaining: T has passed long ago: so much is left until the end.
    """
    platform = open_platform(data, database_url)
    uow, vault = platform.uow, platform.vault
    bank = load_demo_bank(uow, vault, SYSTEM)
    paper = assemble_paper(uow, vault, bank.spec_table_id, FORMS, 1, 1, SYSTEM)
    check_paper(uow, paper.paper_id, SYSTEM, approve=True)
    inspector = ("bench-inspector", PASSWORD)
    create_account(uow, inspector[0], "巡考", [Role.INSPECTOR], PASSWORD, SYSTEM)
    rooms = -(-candidates // PER_ROOM)
    with uow() as work:
        furnished = a_furnished_sitting(
            work.session, vault, rooms=rooms, candidates_per_room=min(candidates, PER_ROOM), rows=ROWS, columns=COLUMNS,
            spare=ROWS * COLUMNS - PER_ROOM, state=SittingState.RUNNING, starts_at=platform.clock.now() + timedelta(days=1),
            paper_id=paper.paper_id,
        )  # fmt: skip
        tickets = [(ticket.id, ticket.number, ticket.form_label) for ticket in furnished.tickets]
    copies = Counter(label for _, _, label in tickets)
    sealed = seal_package(
        uow, vault, platform.paper_store, paper.paper_id, "一袋", copies, is_backup=False, actor=SYSTEM
    )
    with uow() as work:
        unlock_package(work, vault, sealed.package_id, *sealed.opening_secrets, SYSTEM)
    seats: list[Seated] = []
    cookie = cookie_name(secure=platform.settings.secure_cookies)
    with uow() as work:
        session, now = work.session, work.clock.now()
        sitting = session.merge(furnished.sitting)
        already = timedelta(seconds=2) if remaining is None else timedelta(seconds=sitting.duration_s) - remaining
        sitting.starts_at = now - already
        for room in session.scalars(select(SittingRoom).where(SittingRoom.sitting_id == furnished.id)):
            room.package_id, room.fetched_at, room.admission_opened_at = sealed.package_id, now, now
        for ticket in furnished.tickets:
            attempt = Attempt(
                id=new_id(), ticket_id=ticket.id, sitting_id=furnished.id, room_id=ticket.room_id, seat_id=ticket.seat_id,
                state="admitted", epoch=1, device_hash=hash_of("d" * 64), signed_in_at=now, identity_confirmed_at=now,
                rules_confirmed_at=now, preferences={},
            )  # fmt: skip
            session.add(attempt)
            session.flush()
            script = take_script(session, sealed.package_id, ticket.form_label, attempt.id)
            attempt.script_id = script.id
            token = begin_session(session, attempt, attempt.device_hash or "", "127.0.0.1", now)
            layout = script_layout(session, script.id)
            seats.append(
                Seated(
                    attempt.id,
                    ticket.room_id,
                    ticket.number,
                    PIN,
                    f"{cookie}={token}",
                    secrets.token_hex(16),
                    f"/papers/{script.file_name}",
                    f"script:{script.id}:paper",
                    [(ref, min(item.options)) for ref, item in layout.items.items()],
                )
            )
        refresh_deadlines(work, furnished.id)
    file = data / "hall.json"
    file.write_text(json.dumps([asdict(seat) for seat in seats]))
    return Hall(platform, furnished.id, [room.id for room in furnished.rooms], inspector, file, seats)


def key_of(reply_key: str) -> bytes:
    """The paper's key as `begin` gives it."""
    return base64.b64decode(reply_key)
