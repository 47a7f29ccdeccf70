"""A small sitting whose items, keys and explanations carry planted words, so that bytes can be searched for them.

The same site serves tests in this process (a clock moved by hand, Flask's own client) and tests on a real server
(`tests.support.live_server.live_server(..., prepare=planted_site)`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select

from itembank.content import fingerprint, open_content, seal_content
from itembank.domain.item import ItemContent, ItemKind, ItemOption
from itembank.models import Item, ItemVersion, Script
from itembank.services.load_demo_bank import DemoBank
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.delivery.models import Attempt
from server.delivery.services.prepare_attempts import prepare_attempts
from server.rehearsal.demo_site import DemoAccount, DemoDay, DemoRoom, DemoSite
from server.scheduling.domain.rule_profile import load_profile
from server.scheduling.domain.states import SittingState
from server.scheduling.models import SittingRoom
from server.scheduling.services.issue_tickets import IssuedTicket
from server.webkit.platform import Platform
from tests.factories.accounts import PASSWORD, an_account
from tests.factories.paper_rows import a_paper_world
from tests.factories.scheduling import PIN, STARTS_AT, FurnishedSitting, a_furnished_sitting

STEM, OPTION = "密题干记号", "密选项记号"
EXPLANATION, REFERENCE, AUTHOR = "密解析记号", "密依据记号", "密命题人记号"
#: what nobody but the bank may ever read
KEY_WORDS = (EXPLANATION, REFERENCE, AUTHOR)
#: what a candidate reads from the start on, and a proctor never
ITEM_WORDS = (STEM, OPTION)
ROLES = (
    Role.SITE_HEAD, Role.OFFICE_HEAD, Role.EXAM_CLERK, Role.BANK_KEEPER, Role.INSPECTOR, Role.SUPERVISOR,
    Role.SYSADMIN, Role.SECADMIN, Role.AUDITADMIN,
)  # fmt: skip


@dataclass
class PlantedSite(DemoSite):
    """A `DemoSite`, with somebody of every role and the identities that must not leak."""

    staff: dict[Role, DemoAccount] = field(default_factory=dict)
    paper_id: str = ""

    @property
    def pin(self) -> str:
        return PIN


def full_day() -> DemoDay:
    """Nine o'clock, 90 minutes, the default rules."""
    return DemoDay(STARTS_AT, timedelta(minutes=90), load_profile("default"))


def planted_site(
    platform: Platform, make_day: Callable[[], DemoDay] = full_day, *, candidates_per_room: int = 4
) -> PlantedSite:
    """Two rooms of one sitting, its bags sealed, attempts prepared, somebody of every role."""
    world = a_paper_world(platform.database, platform.paper_store, vault=platform.vault)
    _plant(platform)
    paper = world.assemble(forms=4, backups=0)
    copies = dict.fromkeys("ABCD", candidates_per_room)
    bags = [world.seal(paper.paper_id, **copies) for _ in range(2)]
    with platform.uow() as work:
        accounts = {role: _account(an_account(work.session, [role], f"who-{role.value}"), role.value) for role in ROLES}
        day = make_day()
        furnished = a_furnished_sitting(
            work.session, platform.vault, rooms=2, candidates_per_room=candidates_per_room, profile=day.profile,
            state=SittingState.PUBLISHED, starts_at=day.starts_at, duration=day.duration, paper_id=paper.paper_id,
        )  # fmt: skip
        for room, bag in zip(furnished.rooms, bags, strict=True):
            work.session.get_one(SittingRoom, (furnished.id, room.id)).package_id = bag.package_id
        site = PlantedSite(
            DemoBank(paper.paper_id, 0, 0), furnished.id, day,
            accounts[Role.EXAM_CLERK], accounts[Role.SITE_HEAD], accounts[Role.BANK_KEEPER],
            staff=accounts, paper_id=paper.paper_id,
        )  # fmt: skip
        from server.accounts.models import Account

        for room, bag in zip(furnished.rooms, bags, strict=True):
            pair = [
                _account(work.session.get_one(Account, who), duty)
                for who, duty in ((room.chief_id, "主监考"), (room.deputy_id, "副监考"))
            ]
            site.rooms.append(DemoRoom(room.id, room.room.name, pair[0], pair[1], bag.opening_secrets))
        site.tickets = _tickets(furnished, day)
    prepare_attempts(platform.uow, furnished.id, SYSTEM)
    return site


def _account(account, duty: str) -> DemoAccount:
    return DemoAccount(account.login_name, account.display_name, PASSWORD, account.id, duty)


def _plant(platform: Platform) -> None:
    """Rewrite every item: telling words in every part, alike in length for right and wrong."""
    with platform.uow() as work:
        for number, version in enumerate(work.session.scalars(select(ItemVersion).order_by(ItemVersion.id))):
            old = open_content(platform.vault, version)
            options = old.options
            if old.kind is not ItemKind.TRUE_FALSE:
                options = tuple(
                    ItemOption(one.id, f"{OPTION}{number:04d}{place}") for place, one in enumerate(old.options)
                )
            content = ItemContent(
                old.kind, f"{STEM}{number:04d}", options, old.key, f"{EXPLANATION}{number}", f"{REFERENCE}{number}"
            )
            version.cipher = seal_content(platform.vault, version.id, content)
            version.fingerprint = fingerprint(platform.vault, content)
        for item in work.session.scalars(select(Item)):
            item.author = AUTHOR


def _tickets(furnished: FurnishedSitting, day: DemoDay) -> list[IssuedTicket]:
    made = []
    for room in furnished.rooms:
        for ticket, candidate, seat in zip(room.tickets, room.candidates, room.seats, strict=False):
            made.append(
                IssuedTicket(
                    ticket.id,
                    ticket.number,
                    PIN,
                    candidate.name,
                    candidate.id_type,
                    "",
                    candidate.organisation,
                    furnished.sitting.name,
                    furnished.sitting.occupation_code,
                    furnished.sitting.occupation_name,
                    furnished.sitting.level,
                    day.starts_at,
                    furnished.sitting.duration_s,
                    "",
                    room.id,
                    room.room.name,
                    seat.id,
                    seat.number,
                    ticket.form_label,
                )
            )
    return made


# ── what is known of the secrets ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Secrets:
    """Everything that must not be readable in a byte stream."""

    bank_ids: frozenset[str]
    item_words: tuple[str, ...] = ITEM_WORDS
    key_words: tuple[str, ...] = KEY_WORDS
    #: point paths of the spec table
    points: frozenset[str] = frozenset()


def secrets_of(platform: Platform) -> Secrets:
    """Ids and paths of the whole bank."""
    with platform.uow.read() as session:
        items = session.execute(select(Item.id, Item.point)).all()
        versions = session.scalars(select(ItemVersion.id)).all()
    return Secrets(
        frozenset([row.id for row in items]) | frozenset(versions), points=frozenset(row.point for row in items)
    )


def right_answers(platform: Platform, attempt_id: str) -> dict[str, list[str]]:
    """Item ref → refs of the right options on this candidate's own script: what the candidate must not be able to tell."""
    from itembank.queries import answer_keys, script_layout

    with platform.uow.read() as session:
        attempt = session.get_one(Attempt, attempt_id)
        script = session.get_one(Script, attempt.script_id)
        from itembank.models import Package

        package = session.get_one(Package, script.package_id)
        keys = answer_keys(session, platform.vault, package.paper_id)
        layout = script_layout(session, script.id)
    return {
        ref: sorted(
            option_ref for option_ref, option in item.options.items() if option in keys[item.item_version_id].key
        )
        for ref, item in layout.items.items()
    }


def with_rules(day: DemoDay, **changes: object) -> DemoDay:
    """The same day under changed rules."""
    return dataclasses.replace(day, profile=dataclasses.replace(day.profile, **changes))
