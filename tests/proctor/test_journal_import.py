"""Answers that stayed on a dead PC come back on a stick: for the same candidate and paper, and only when two roles agree."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select

from itembank.queries import script_layout
from proctor.queries import snapshot
from proctor.services.import_journal import import_journal
from proctor.services.show_journal import show_journal
from proctor.wire_commands import CommandDone
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.core.actor import SYSTEM, Actor
from server.core.clock import ManualClock
from server.core.errors import Conflict, Forbidden, InvalidInput
from server.core.permissions import Role
from server.delivery.domain.states import AttemptState
from server.delivery.journal_file import export_ticket
from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import counted_responses
from server.delivery.services.prepare_attempts import prepare_attempts
from server.delivery.time_keeping import refresh_deadlines
from server.delivery.wire import ExportTicket
from server.scheduling.domain.states import SittingState
from server.scheduling.models import AdmissionTicket
from server.webkit.platform import Platform
from tests.factories.accounts import an_account
from tests.factories.delivery import a_journal_entry
from tests.factories.journal_file import a_journal_file, an_entry
from tests.factories.proctor import MINUTE, ExamRoom, T, an_inspector, change, exam_rooms

DEVICE = "d" * 64
PAGE = "a" * 32


@dataclass
class World:
    platform: Platform
    room: ExamRoom
    inspector: Actor
    items: list[str]
    options: dict[str, list[str]]

    @property
    def attempt_id(self) -> str:
        return self.room.attempt_ids[0]

    def attempt(self) -> Attempt:
        with self.platform.uow.read() as session:
            return session.get_one(Attempt, self.attempt_id)

    def ticket(self, **changes: str) -> ExportTicket:
        attempt = self.attempt()
        return export_ticket(self.platform.vault, attempt.id, attempt.script_id or "", DEVICE).model_copy(
            update=changes
        )

    def answer(self, seq: int, item: int, option: int = 0, **changes: object) -> dict[str, object]:
        ref = self.items[item]
        return an_entry(seq, ref, [self.options[ref][option]], **changes)

    def show(self, file: str, actor: Actor | None = None, attempt_id: str = "") -> CommandDone:
        p = self.platform
        return show_journal(
            p.uow, p.vault, *self.room.key, attempt_id or self.attempt_id, file, actor or self.room.chief
        )

    def confirm(self, import_id: str, actor: Actor) -> CommandDone:
        return import_journal(self.platform.uow, self.platform.vault, *self.room.key, import_id, actor)

    def import_all(self, file: str) -> CommandDone:
        shown = self.show(file)
        assert shown.journal is not None
        assert self.confirm(shown.journal.import_id, self.room.chief).waiting_for_second
        return self.confirm(shown.journal.import_id, self.inspector)

    def stored(self) -> dict[str, tuple[str, ...]]:
        with self.platform.uow.read() as session:
            return {ref: one.value for ref, one in counted_responses(session, self.attempt_id).items()}

    def rows(self) -> list[JournalEntry]:
        with self.platform.uow.read() as session:
            return list(session.scalars(select(JournalEntry).where(JournalEntry.attempt_id == self.attempt_id)))


@pytest.fixture
def world(platform: Platform, clock: ManualClock) -> World:
    """T+20: the first candidate answered items 0 and 1 at his old PC (epoch 1), which then died; he goes on under epoch 2."""
    rooms = exam_rooms(
        platform,
        rooms=1,
        candidates=2,
        with_packages=True,
        state=AttemptState.ANSWERING,
        sitting_state=SittingState.RUNNING,
    )
    with platform.uow() as work:
        for ticket in work.session.scalars(select(AdmissionTicket)):
            ticket.form_label = "A"
    prepare_attempts(platform.uow, rooms[0].sitting_id, SYSTEM)
    clock.jump(T + 20 * MINUTE - clock.now())
    with platform.uow() as work:
        refresh_deadlines(work, rooms[0].sitting_id)
        attempt = work.session.get_one(Attempt, rooms[0].attempt_ids[0])
        layout = script_layout(work.session, attempt.script_id or "")
        items = list(layout.items)
        options = {ref: sorted(item.options) for ref, item in layout.items.items()}
        # The page's monotonic clock stood at 0 at T: entry n was made n seconds after the start.
        for seq in (1, 2):
            a_journal_entry(
                work.session, attempt, items[seq - 1], [options[items[seq - 1]][0]], page_id=PAGE, client_seq=seq,
                epoch=1, client_monotonic_ms=seq * 1000, received_at=T + timedelta(seconds=seq),
            )  # fmt: skip
        attempt.epoch, attempt.device_hash, attempt.answered, attempt.last_seq = 2, "e" * 64, 2, 2
    return World(platform, rooms[0], an_inspector(platform), items, options)


def test_what_is_on_the_stick_is_shown_before_anything_happens_and_counts_after_two_roles_confirmed(
    world: World,
) -> None:
    file = a_journal_file(world.ticket(), [world.answer(n, n - 1) for n in range(1, 6)])
    shown = world.show(file)
    assert shown.journal is not None
    assert (shown.journal.total, shown.journal.present, shown.journal.counted, shown.journal.late) == (5, 2, 3, 0)
    assert "服务器已有 2 条，新的 3 条" in shown.words_zh
    assert len(world.stored()) == 2

    assert world.confirm(shown.journal.import_id, world.room.chief).waiting_for_second
    assert len(world.stored()) == 2
    done = world.confirm(shown.journal.import_id, world.inspector)

    assert done.done == 3
    assert len(world.stored()) == 5
    assert world.attempt().answered == 5
    assert {row.node_id for row in world.rows() if row.client_seq > 2} == {"usb-import"}


def test_what_the_candidate_answered_since_on_the_new_pc_stands_above_the_old_one(world: World) -> None:
    with world.platform.uow() as work:
        attempt = work.session.get_one(Attempt, world.attempt_id)
        newest = world.options[world.items[2]][1]
        a_journal_entry(work.session, attempt, world.items[2], [newest], page_id="b" * 32, client_seq=3, epoch=2)
    world.import_all(a_journal_file(world.ticket(), [world.answer(3, 2, 0), world.answer(4, 3, 0)]))
    assert world.stored()[world.items[2]] == (newest,)
    assert world.items[3] in world.stored()


def test_an_answer_made_after_the_deadline_is_kept_and_not_counted(world: World) -> None:
    deadline = world.attempt().deadline_at
    assert deadline is not None
    past = round((deadline - T).total_seconds() * 1000) + 5_000
    file = a_journal_file(
        world.ticket(), [world.answer(3, 2), world.answer(4, 3, client_monotonic_ms=past, client_time_ms=0)]
    )
    done = world.import_all(file)
    assert done.journal is not None
    assert (done.journal.counted, done.journal.late) == (1, 1)
    late = next(row for row in world.rows() if row.client_seq == 4)
    assert (late.standing, late.late_by_ms) == ("late", 5_000)
    assert world.items[3] not in world.stored()


def test_after_the_end_everything_is_kept_for_the_office_and_the_signed_answers_stay(
    world: World, clock: ManualClock
) -> None:
    change(world.platform.uow, world.attempt_id, state="submitted", ended_at=clock.now(), answers_digest="f" * 64)
    done = world.import_all(a_journal_file(world.ticket(), [world.answer(3, 2)]))
    assert done.journal is not None
    assert (done.journal.counted, done.journal.closed) == (0, 1)
    assert world.items[2] not in world.stored()
    with world.platform.uow.read() as session:
        board = snapshot(session, *world.room.key, clock.now())
    waiting = [one for one in board.incidents if "U 盘" in one.words]
    assert [one.state for one in waiting] == ["open"], "somebody has to decide"


def test_the_two_are_the_chief_and_the_inspector_or_the_office(world: World) -> None:
    shown = world.show(a_journal_file(world.ticket(), [world.answer(3, 2)])).journal
    assert shown is not None
    with pytest.raises(Forbidden, match="IMPORT_NEEDS_TWO_ROLES"):
        world.confirm(shown.import_id, world.room.deputy)
    world.confirm(shown.import_id, world.inspector)
    with world.platform.uow() as work:
        head = an_account(work.session, [Role.OFFICE_HEAD])
    with pytest.raises(Forbidden, match="IMPORT_NEEDS_TWO_ROLES"):
        world.confirm(shown.import_id, Actor(head.id, Role.OFFICE_HEAD, "", "10.0.0.3", "office"))
    with pytest.raises(Forbidden, match="SECOND_PERSON_REQUIRED"):
        world.confirm(shown.import_id, world.inspector)
    assert len(world.stored()) == 2
    assert world.confirm(shown.import_id, world.room.chief).done == 1


def test_who_waits_is_an_alarm_on_the_board_and_the_import_is_on_record(world: World, clock: ManualClock) -> None:
    shown = world.show(a_journal_file(world.ticket(), [world.answer(3, 2)])).journal
    assert shown is not None
    world.confirm(shown.import_id, world.room.chief)
    with world.platform.uow.read() as session:
        board = snapshot(session, *world.room.key, clock.now())
    assert [a.subject_id for a in board.alarms if a.kind == "journal_import"] == [shown.import_id]
    world.confirm(shown.import_id, world.inspector)
    with world.platform.uow.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "delivery.journal.imported")).one()
        assert entry.detail["approved_by"] == [world.room.chief.id, world.inspector.id]
        assert verify(session).ok


def test_a_file_is_refused_with_its_reason(world: World) -> None:
    mine = [world.answer(3, 2)]
    good = a_journal_file(world.ticket(), mine)
    other = world.room.attempt_ids[1]
    with pytest.raises(Conflict, match="JOURNAL_OTHER_CANDIDATE"):
        world.show(good, attempt_id=other)
    with pytest.raises(Conflict, match="JOURNAL_OTHER_PAPER"):
        world.show(a_journal_file(world.ticket(script_id="other"), mine))
    with pytest.raises(InvalidInput, match="JOURNAL_FILE_UNREADABLE"):
        world.show("PK not a journal")
    document = json.loads(good)
    for name, value in (
        ("attempt_id", other),
        ("count", 0),
        ("made_at_ms", 2),
        ("cipher", document["cipher"][:-8] + "AAAAAAA="),
    ):
        with pytest.raises(Forbidden, match="JOURNAL_FILE_CHANGED"):
            world.show(json.dumps({**document, name: value}))
    world.import_all(good)
    with pytest.raises(Conflict, match="JOURNAL_IMPORTED_BEFORE"):
        world.show(good)
    with pytest.raises(Conflict, match="JOURNAL_NOTHING_NEW"):
        world.show(a_journal_file(world.ticket(), mine, made_at_ms=9))


def test_entries_of_another_paper_are_left_out(world: World) -> None:
    done = world.import_all(
        a_journal_file(
            world.ticket(), [world.answer(3, 2), an_entry(4, "zz", ["a"]), an_entry(5, world.items[3], ["zz"])]
        )
    )
    assert done.journal is not None
    assert (done.journal.counted, done.journal.unreadable) == (1, 2)
