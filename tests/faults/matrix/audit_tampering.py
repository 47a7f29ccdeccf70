"""F37: somebody with direct access to the database changes the audit log; `audit verify` must name the first bad number."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from server.audit.actions import AuditAction
from server.audit.domain.chain import FIRST_PREV_HASH, AuditVerdict, HeadSignature, entry_hash
from server.audit.log import entry_document, read_signed_heads, record, verify
from server.audit.models import AuditEntry
from server.audit.services.sign_head import sign_head
from server.core.actor import SYSTEM
from server.rehearsal.demo_site import prepare_demo
from server.storage.database import Database
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.support.live_server import make_day, open_platform

#: on top of those of a prepared sitting
MORE_ENTRIES = 250
TEXT_FIELDS = ("actor", "machine", "action", "subject", "reason", "detail", "hash", "prev_hash")


class WrittenLog:
    """A real log of a prepared sitting, its head signed and kept elsewhere; every tampering gets a copy of its own."""

    def __init__(self, folder: Path) -> None:
        platform = open_platform(folder / "site")
        prepare_demo(platform, 40, lambda: make_day(platform.clock.now(), timedelta(hours=1), timedelta(minutes=90)))
        for number in range(MORE_ENTRIES):
            with platform.uow() as work:
                record(work, SYSTEM, AuditAction.SCHEDULING_SITTING_CHANGED, f"sitting:{number}", {"n": number}, "排考")
        self.key = platform.vault.public_key_hex()
        sign_head(platform.uow, platform.vault, "node-1")
        with platform.uow.read() as session:
            self.kept: list[HeadSignature] = read_signed_heads(session)
            self.entries = verify(session).entries
        platform.database.dispose()
        self._folder = folder
        self._file = folder / "site" / "mingyuan.db"
        self._turn = 0

    def tampered(self, tamper: Callable[[sqlite3.Connection], int | None]) -> tuple[int | None, Path]:
        """The number that must be named, and the changed copy."""
        self._turn += 1
        copy = self._folder / f"copy-{self._turn}.db"
        shutil.copyfile(self._file, copy)
        with sqlite3.connect(copy, isolation_level=None) as file:
            file.execute("PRAGMA synchronous=OFF")
            expected = tamper(file)
        file.close()
        return expected, copy

    def judge(self, copy: Path, *, kept_elsewhere: bool) -> AuditVerdict:
        database = Database(f"sqlite:///{copy}")
        try:
            with database.read() as session:
                return verify(session, frozenset({self.key}), self.kept if kept_elsewhere else ())
        finally:
            database.dispose()
            for one in self._folder.glob(f"{copy.name}*"):
                one.unlink()


def change_a_byte(file: sqlite3.Connection, dice: random.Random, entries: int) -> int:
    seq, field = dice.randint(1, entries), dice.choice(TEXT_FIELDS)
    (text,) = file.execute(f"SELECT {field} FROM audit_entry WHERE seq=?", (seq,)).fetchone()
    if field == "detail":
        changed = json.dumps({**json.loads(text), "note": dice.randrange(1000)})
    else:
        at = dice.randrange(len(text)) if text else 0
        changed = f"{text[:at]}{'7' if text[at : at + 1] != '7' else '8'}{text[at + 1 :]}"
    file.execute(f"UPDATE audit_entry SET {field}=? WHERE seq=?", (changed, seq))
    return seq


def drop_a_row(file: sqlite3.Connection, dice: random.Random, entries: int) -> int:
    seq = dice.randint(1, entries - 1)
    file.execute("DELETE FROM audit_entry WHERE seq=?", (seq,))
    return seq


def cut_the_tail(file: sqlite3.Connection, dice: random.Random, entries: int) -> int:
    seq = dice.randint(2, entries)
    file.execute("DELETE FROM audit_entry WHERE seq>=?", (seq,))
    return seq


def cut_the_tail_and_the_head(file: sqlite3.Connection, dice: random.Random, entries: int) -> int:
    """And make the head row fit: only a signed head knows that there was more."""
    seq = cut_the_tail(file, dice, entries)
    (last,) = file.execute("SELECT hash FROM audit_entry WHERE seq=?", (seq - 1,)).fetchone()
    file.execute("UPDATE audit_head SET seq=?, hash=?", (seq - 1, last))
    return seq


def swap_two(file: sqlite3.Connection, dice: random.Random, entries: int) -> int:
    seq = dice.randint(1, entries - 1)
    for one, other in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
        file.execute("UPDATE audit_entry SET seq=? WHERE seq=?", (other, one))
    return seq


def rewrite_everything(file: sqlite3.Connection, dice: random.Random, entries: int) -> None:
    """One entry changed, every hash after it computed anew, the head row and the stored signed heads made to fit."""
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    victim = dice.randint(1, entries)
    (path,) = [row[2] for row in file.execute("PRAGMA database_list") if row[1] == "main"]
    engine = create_engine(f"sqlite:///{path}")
    with Session(engine) as session:
        before = FIRST_PREV_HASH
        for entry in session.query(AuditEntry).order_by(AuditEntry.seq):
            if entry.seq == victim:
                entry.subject = "sitting:somebody-else"
            entry.prev_hash = before
            entry.hash = before = entry_hash(before, entry_document(entry))
        session.commit()
    engine.dispose()
    file.execute("UPDATE audit_head SET hash=?", (before,))
    file.execute("DELETE FROM audit_signed_head")


#: name → (tampering, the verdict needs a head kept outside)
WAYS: dict[str, tuple[Callable[[sqlite3.Connection, random.Random, int], int | None], bool]] = {
    "byte changed": (change_a_byte, False),
    "row dropped": (drop_a_row, False),
    "tail cut": (cut_the_tail, False),
    "tail cut, head row made to fit": (cut_the_tail_and_the_head, True),
    "rows swapped": (swap_two, False),
    "all rewritten": (rewrite_everything, True),
}


@fault(
    "F37", "审计日志被改、被删、被截、被重写", "Audit log changed, dropped, cut, rewritten", promises=("P10",),
    goal="100 % found, the first bad number named; a complete rewrite found by a head kept outside",
    repetitions=Repetitions(short=2, full=50, fixed_s=8, each_s=3, short_s=12),
    control="a complete rewrite judged without the head kept outside must go unnoticed",
)  # fmt: skip
def audit_tampered(case: FaultCase) -> Measured:
    log = WrittenLog(case.folder)
    found = named = made = 0
    missed: list[str] = []
    for turn in range(case.repetitions):
        for name, (way, needs_kept) in WAYS.items():
            dice = case.random(f"{name}-{turn}")
            expected, copy = log.tampered(lambda file, way=way, dice=dice: way(file, dice, log.entries))
            verdict = log.judge(copy, kept_elsewhere=needs_kept)
            made += 1
            found += not verdict.ok
            is_named = verdict.first_bad is not None if expected is None else verdict.first_bad == expected
            named += is_named
            if verdict.ok or not is_named:
                missed.append(f"{name}: {expected} named {verdict.first_bad} {verdict.problem}")
        case.progress(turn + 1, case.repetitions, "tampered")
    return Measured(
        passed=found == named == made,
        n=made,
        worst=f"{found} of {made} found, {named} with the right number",
        figures={"made": made, "found": found, "named": named, "entries": log.entries},
        remark="; ".join(missed[:3])
        or f"{len(WAYS)} ways, a log of {log.entries} entries; judged by the code of `mingyuan audit verify`",
    )


@control_of("F37")
def nothing_kept_outside(case: FaultCase) -> ControlMeasured:
    log = WrittenLog(case.folder)
    _, copy = log.tampered(lambda file: rewrite_everything(file, case.random("control"), log.entries))
    verdict = log.judge(copy, kept_elsewhere=False)
    return ControlMeasured(
        verdict.ok, f"no head outside: the rewritten log of {verdict.entries} entries counts as whole"
    )
