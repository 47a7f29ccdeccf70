"""Setting up a demonstration: bank, paper, rooms, people, tickets, sealed bags. Services only, no wire yet."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select

from itembank.models import SpecTable
from itembank.queries import answer_keys, script_layout
from itembank.services.assemble_paper import assemble_paper
from itembank.services.check_paper import check_paper
from itembank.services.load_demo_bank import DemoBank, load_demo_bank
from itembank.services.seal_package import seal_package
from server.accounts.services.create_account import create_account
from server.adapters.vault import Vault
from server.core.actor import SYSTEM, Actor
from server.core.permissions import Role
from server.delivery.models import Attempt
from server.delivery.services.prepare_attempts import prepare_attempts
from server.rehearsal.demo_people import roster_csv
from server.scheduling.domain.rule_profile import RuleProfile, load_profile
from server.scheduling.models import AdmissionTicket, Sitting
from server.scheduling.queries import rooms_of_sitting
from server.scheduling.services.assign_packages import assign_packages
from server.scheduling.services.assign_proctors import assign_proctors
from server.scheduling.services.assign_seats import assign_seats
from server.scheduling.services.create_centre import create_centre
from server.scheduling.services.create_room import create_room
from server.scheduling.services.import_roster import import_roster
from server.scheduling.services.issue_tickets import IssuedTicket, issue_tickets
from server.scheduling.services.plan_sitting import plan_sitting
from server.scheduling.services.publish_sitting import publish_sitting
from server.storage.unit_of_work import UnitOfWork
from server.webkit.platform import Platform

ROOM_COLUMNS, AISLE_AFTER = 8, 4
MOST_PER_ROOM = 30
#: at least one spare workstation for ten candidates
SPARE_SHARE = 0.1
SHORTEST_OUTAGE_LIMIT = timedelta(minutes=3)
FORMS, BACKUPS, SPARE_SCRIPTS = 4, 1, 3
ROOM_NAMES = (
    "第一机房",
    "第二机房",
    "第三机房",
    "第四机房",
    "第五机房",
    "第六机房",
    "第七机房",
    "第八机房",
    "第九机房",
    "第十机房",
)
PROCTORS = ("周建平", "林秀兰", "吴志强", "郑晓梅", "冯国华", "陈立新", "蒋文静", "沈大伟", "韩雪松", "杨丽君", "朱永康", "秦海燕",
            "尤子明", "许红霞", "何正阳", "吕佳慧", "施建军", "张素芬", "孔令辉", "曹雨桐")  # fmt: skip

Progress = Callable[[str], None]
LoadBank = Callable[[UnitOfWork, Vault, Actor], DemoBank]


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """A log-in made for this run; the password exists here and on the screen only."""

    login_name: str
    display_name: str
    password: str
    account_id: str
    duty: str


@dataclass(frozen=True, slots=True)
class DemoRoom:
    """A room of the demonstration with its two proctors and the two secrets of its bag."""

    room_id: str
    name: str
    chief: DemoAccount
    deputy: DemoAccount
    opening_secrets: tuple[str, str]


@dataclass(frozen=True, slots=True)
class DemoDay:
    """When the compressed day happens: T, the exam's length, the compressed rule profile."""

    starts_at: datetime
    duration: timedelta
    profile: RuleProfile


@dataclass
class DemoSite:
    """Everything the day needs."""

    bank: DemoBank
    sitting_id: str
    day: DemoDay
    clerk: DemoAccount
    head: DemoAccount
    keeper: DemoAccount
    rooms: list[DemoRoom] = field(default_factory=list)
    tickets: list[IssuedTicket] = field(default_factory=list)
    #: ticket number → item reference → right option references: simulated people must know something
    knowledge: dict[str, dict[str, list[str]]] = field(default_factory=dict, repr=False)


def compressed_day(now: datetime, factor: int, *, before_start: timedelta | None = None) -> DemoDay:
    """The 90-minute exam of the default profile, `factor` times as fast; T lies far enough ahead to fetch the papers.

    Args:
        before_start: wall time until T; default: the profile's own reporting time, compressed.
    """
    profile = load_profile("default").compressed(factor)
    # A machine starts no faster because the day is shorter: over the limit the clocks would wait for a person.
    profile = dataclasses.replace(profile, outage_limit=max(profile.outage_limit, SHORTEST_OUTAGE_LIMIT))
    duration = timedelta(seconds=round(90 * 60 / factor))
    return DemoDay(now + (before_start or profile.report_before), duration, profile)


def prepare_demo(
    platform: Platform,
    candidates: int,
    make_day: Callable[[], DemoDay],
    progress: Progress = lambda _: None,
    load_bank: LoadBank = load_demo_bank,
) -> DemoSite:
    """Set everything up; `make_day` is asked last, so that the start is counted from the moment all is ready.

    Args:
        load_bank: puts items and a spec table into the bank; by default those of the demonstration.
    """
    uow, vault = platform.uow, platform.vault
    progress("题库 item bank")
    bank = load_bank(uow, vault, SYSTEM)
    with uow.read() as session:
        table = session.get_one(SpecTable, bank.spec_table_id)
        run = (session.scalar(select(func.count()).select_from(Sitting)) or 0) + 1
    progress("组卷 papers")
    paper = assemble_paper(uow, vault, bank.spec_table_id, FORMS, BACKUPS, run, SYSTEM)
    check_paper(uow, paper.paper_id, SYSTEM, approve=True)

    progress("考点、账号 site and accounts")
    room_count = max(2, -(-candidates // MOST_PER_ROOM))
    seated = -(-candidates // room_count)
    rows = -(-round(seated * (1 + SPARE_SHARE)) // ROOM_COLUMNS)
    centre = create_centre(uow, f"明远示例考点（第 {run} 次演示）", SYSTEM)
    suffix = "" if run == 1 else str(run)
    clerk = _account(platform, f"kaowu{suffix}", "钱晓芸", Role.EXAM_CLERK, "考务员，确认成绩 confirms results")
    head = _account(platform, f"suozhang{suffix}", "孙志远", Role.SITE_HEAD, "所长，发布成绩 releases results")
    keeper = _account(platform, f"tiku{suffix}", "李文博", Role.BANK_KEEPER, "题库管理员 item bank")
    room_ids, chiefs, deputies = [], [], []
    for number in range(1, room_count + 1):
        room = create_room(
            uow, centre.id, ROOM_NAMES[number - 1] if number <= len(ROOM_NAMES) else f"第 {number} 机房", number,
            rows, ROOM_COLUMNS, SYSTEM, aisles_after=[AISLE_AFTER], spare=rows * ROOM_COLUMNS - seated,
        )  # fmt: skip
        room_ids.append(room.id)
        pair = [PROCTORS[(2 * number - 2 + i) % len(PROCTORS)] for i in range(2)]
        chiefs.append(_account(platform, f"zhu{number}{_dash(suffix)}", pair[0], Role.PROCTOR, "主监考"))
        deputies.append(_account(platform, f"fu{number}{_dash(suffix)}", pair[1], Role.PROCTOR, "副监考"))

    progress("场次、名单、座位、准考证 sitting, roster, seats, tickets")
    day = make_day()
    sitting = plan_sitting(
        uow, centre.id, f"示例第 {run} 场", table.occupation_code, table.occupation_name, table.level, day.starts_at,
        day.duration, room_ids, day.profile, SYSTEM, paper_id=paper.paper_id, is_rehearsal=True,
    )  # fmt: skip
    import_roster(uow, vault, sitting.id, "示例名单.csv", roster_csv(candidates, run), SYSTEM)
    assign_seats(uow, sitting.id, SYSTEM, seed=run)
    for room_id, chief, deputy in zip(room_ids, chiefs, deputies, strict=True):
        assign_proctors(uow, sitting.id, room_id, chief.account_id, [deputy.account_id], SYSTEM)
    tickets = issue_tickets(uow, vault, sitting.id, SYSTEM)
    publish_sitting(uow, sitting.id, SYSTEM)

    progress("封装试卷 sealing")
    site = DemoSite(bank, sitting.id, day, clerk, head, keeper, tickets=tickets)
    names = _names(platform, sitting.id)
    for room_id, chief, deputy in zip(room_ids, chiefs, deputies, strict=True):
        sealed = seal_package(
            uow, vault, platform.paper_store, paper.paper_id, f"{names[room_id]} 正卷", _copies(platform, sitting.id, room_id),
            is_backup=False, actor=SYSTEM,
        )  # fmt: skip
        assign_packages(uow, sitting.id, room_id, sealed.package_id, SYSTEM)
        site.rooms.append(DemoRoom(room_id, names[room_id], chief, deputy, sealed.opening_secrets))
    prepare_attempts(uow, sitting.id, SYSTEM)
    site.knowledge = _knowledge(platform, sitting.id, paper.paper_id)
    return site


def _knowledge(platform: Platform, sitting_id: str, paper_id: str) -> dict[str, dict[str, list[str]]]:
    """What every simulated candidate could know, in the references of the own script. Made-up sittings only."""
    with platform.uow.read() as session:
        keys = answer_keys(session, platform.vault, paper_id)
        rows = session.execute(
            select(AdmissionTicket.number, Attempt.script_id)
            .join(Attempt, Attempt.ticket_id == AdmissionTicket.id)
            .where(AdmissionTicket.sitting_id == sitting_id)
        ).all()
        return {
            number: {
                ref: [option for option, identity in item.options.items() if identity in keys[item.item_version_id].key]
                for ref, item in script_layout(session, script_id).items.items()
            }
            for number, script_id in rows
            if script_id is not None
        }


def _dash(suffix: str) -> str:
    return f"-{suffix}" if suffix else ""


def _account(platform: Platform, login_name: str, display_name: str, role: Role, duty: str) -> DemoAccount:
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    account = create_account(platform.uow, login_name, display_name, [role], password, SYSTEM)
    return DemoAccount(login_name, display_name, password, account.id, duty)


def _names(platform: Platform, sitting_id: str) -> dict[str, str]:
    with platform.uow.read() as session:
        return {room.id: room.name for room in rooms_of_sitting(session, sitting_id)}


def _copies(platform: Platform, sitting_id: str, room_id: str) -> dict[str, int]:
    """As many scripts of each form as seats have it, and spares."""
    with platform.uow.read() as session:
        rows = session.execute(
            select(AdmissionTicket.form_label, func.count())
            .where(AdmissionTicket.sitting_id == sitting_id, AdmissionTicket.room_id == room_id)
            .group_by(AdmissionTicket.form_label)
        ).all()
    return {label: count + SPARE_SCRIPTS for label, count in rows}
