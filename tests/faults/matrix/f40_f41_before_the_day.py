"""F40 and F41: what must be refused before, or during, the exam day: a bad certificate, an upgrade in an open exam."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from alembic import command
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from server.accounts.services.create_account import create_account
from server.audit.models import AuditEntry
from server.core.actor import SYSTEM
from server.core.permissions import Role
from server.migrations import config, newest_revision, present_revision
from server.safekeeping.checks.machines import check_certificate
from server.safekeeping.freeze import build_of, note_served
from server.safekeeping.models import ServedSitting
from server.scheduling.domain.states import SittingState
from server.scheduling.models import SittingRoom
from server.storage.database import Database
from tests.factories.scheduling import a_furnished_sitting
from tests.faults.registry import ControlMeasured, FaultCase, Measured, Repetitions, control_of, fault
from tests.faults.scene import Node
from tests.support.live_server import open_platform
from tests.support.paths import ROOT
from tests.support.processes import find_free_port

HOST, ADDRESS = "exam.lan", "192.0.2.10"
DAY = timedelta(days=1)
#: name → (begins, ends, names, state, why)
CERTIFICATES: dict[str, tuple[timedelta, timedelta, tuple[str, ...], str, str]] = {
    "valid for a year": (-DAY, 365 * DAY, (HOST, ADDRESS), "ok", "valid"),
    "29 days left": (-DAY, 29 * DAY, (HOST, ADDRESS), "warning", "expires_soon"),
    "6 days left": (-DAY, 6 * DAY, (HOST, ADDRESS), "blocking", "expires_now"),
    "expired yesterday": (-30 * DAY, -DAY, (HOST, ADDRESS), "blocking", "expired"),
    "valid from tomorrow": (DAY, 365 * DAY, (HOST, ADDRESS), "blocking", "not_yet_valid"),
    "another name": (-DAY, 365 * DAY, ("other.lan", ADDRESS), "blocking", "wrong_name"),
    "no address": (-DAY, 365 * DAY, (HOST,), "blocking", "wrong_name"),
}


def write_certificate(path: Path, begins: timedelta, ends: timedelta, names: tuple[str, ...]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])

    def general(one: str) -> x509.GeneralName:
        return x509.IPAddress(ipaddress.ip_address(one)) if one[0].isdigit() else x509.DNSName(one)

    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now + begins).not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([general(one) for one in names]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def judged(case: FaultCase, name: str) -> tuple[str, str]:
    begins, ends, names, _, _ = CERTIFICATES[name]
    data = case.folder / "tls"
    data.mkdir(exist_ok=True)
    file = data / "certificate.pem"
    write_certificate(file, begins, ends, names)
    platform = open_platform(data)
    try:
        settings = platform.settings.model_copy(
            update={"certificate_file": file, "node_addresses": [f"https://{HOST}", f"https://{ADDRESS}:8443"]}
        )
        (line,) = check_certificate(dataclasses.replace(platform, settings=settings))
    finally:
        platform.database.dispose()
    return line.state.value, str(line.figures["why"])


@fault(
    "F40", "证书过期或名称不符", "Certificate expired or for another name", promises=(),
    goal="readiness warns 30 days before, blocks 7 days before, blocks a wrong name, with plain words",
    repetitions=Repetitions(short=1, full=1, fixed_s=2, each_s=3),
    control="a readiness that does not look at names must let the wrong certificate pass",
)  # fmt: skip
def bad_certificates(case: FaultCase) -> Measured:
    wrong = []
    for name, (_, _, _, state, why) in CERTIFICATES.items():
        found = judged(case, name)
        if found != (state, why):
            wrong.append(f"{name}: {found}")
    return Measured(
        passed=not wrong, n=len(CERTIFICATES), worst=wrong[0] if wrong else f"all {len(CERTIFICATES)} judged right",
        figures={"wrong": len(wrong)},
    )  # fmt: skip


@control_of("F40")
def names_not_looked_at(case: FaultCase) -> ControlMeasured:
    from server.safekeeping.domain import readiness

    kept = readiness.covers
    readiness.covers = lambda certificate, host: True  # type: ignore[assignment]
    try:
        found = judged(case, "another name")
    finally:
        readiness.covers = kept
    return ControlMeasured(found[0] == "ok", f"without looking at names the wrong certificate is judged {found[1]}")


# ── F41 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

PASSWORDS = ("一句很长的口令 one", "一句很长的口令 two")


def open_site(data: Path, *, older_schema: bool, older_version: bool) -> str:
    """A site with an open sitting; the program that comes now is newer than what it is served with."""
    platform = open_platform(data)
    with platform.uow() as work:
        now = platform.clock.now()
        sitting = a_furnished_sitting(
            work.session, platform.vault, rooms=1, state=SittingState.RUNNING, starts_at=now
        ).sitting
        for room in work.session.scalars(select(SittingRoom)):
            room.admission_opened_at = now
    for login, role, password in zip(("head", "admin"), (Role.OFFICE_HEAD, Role.SYSADMIN), PASSWORDS, strict=True):
        create_account(platform.uow, login, login, [role], password, SYSTEM)
    note_served(platform.uow, "node-1", build_of(platform.settings, newest_revision()))
    if older_version:
        with platform.uow() as work:
            for row in work.session.scalars(select(ServedSitting)):
                row.version = "0.0.9"
    if older_schema:
        with platform.database.write_connection() as connection:
            command.downgrade(config(connection), "-1")
    platform.database.dispose()
    return sitting.id


def mingyuan(data: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MINGYUAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "server.entry", *arguments, "--data", str(data)], cwd=ROOT, capture_output=True, text=True,
        env={**clean, **environment}, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def starts(data: Path, sabotage: str = "") -> tuple[bool, str]:
    """Whether `mingyuan serve` answers; else what it said."""
    node = Node(data, "127.0.0.1", find_free_port(), {}, sabotage=sabotage)
    try:
        node.start()
        return httpx.get(f"{node.base_url}/healthz", timeout=5).status_code == 200, ""
    except Exception as refused:  # noqa: BLE001 - what it said is what is looked at
        return False, str(refused)
    finally:
        node.kill()


def lift(data: Path, second: str) -> tuple[int, str]:
    passwords: dict[str, Any] = {
        "MINGYUAN_STAFF_PASSWORD": PASSWORDS[0],
        "MINGYUAN_SECOND_PASSWORD": PASSWORDS[0 if second == "head" else 1],
    }
    reason = ("--reason", "厂家紧急修复", "--login", "head", "--second-login", second)
    return mingyuan(data, "freeze", "lift", *reason, **passwords)


def upgrade_in_an_open_exam(folder: Path, *, older_schema: bool, older_version: bool) -> list[str]:
    """What was wrong, in words."""
    data = folder / "site"
    shutil.rmtree(data, ignore_errors=True)
    wrong = []
    sitting_id = open_site(data, older_schema=older_schema, older_version=older_version)
    database = Database(f"sqlite:///{data / 'mingyuan.db'}")
    with closing_database(database):
        before = present_revision(database)
        began, said = starts(data)
        if began or "mingyuan freeze lift" not in said:
            wrong.append(f"the server started, or did not say what to do: {said[-200:]}")
        if older_schema and mingyuan(data, "audit", "verify")[0] != 1:
            wrong.append("a command migrated the database")
        if present_revision(database) != before:
            wrong.append("the schema was changed")
        status, said = lift(data, "head")
        if status == 0 or "SECOND_PERSON_REQUIRED" not in said:
            wrong.append("one person alone lifted the freeze")
        if starts(data)[0]:
            wrong.append("the server started after one person's override")
        if lift(data, "admin")[0] != 0:
            wrong.append("two people could not lift the freeze")
        began, said = starts(data)
        if not began:
            wrong.append(f"the server did not start after the override: {said[-200:]}")
        with database.read() as session:
            rows = session.scalars(select(AuditEntry).where(AuditEntry.action == "safekeeping.freeze.overridden")).all()
        if [row.detail.get("sittings") for row in rows] != [[sitting_id]]:
            wrong.append("the override is not on record")
    return wrong


def closing_database(database: Database) -> Any:
    class _Closer:
        def close(self) -> None:
            database.dispose()

    return closing(_Closer())


@fault(
    "F41", "开考期间尝试升级", "Upgrade attempted in an open exam", promises=(),
    goal="refused with what to do, by one person too; two people's override works and is on record",
    repetitions=Repetitions(short=0, full=1, fixed_s=2, each_s=60),
    control="without the freeze the server must start and change the schema under the open sitting",
)  # fmt: skip
def upgrade_refused(case: FaultCase) -> Measured:
    wrong = upgrade_in_an_open_exam(case.folder, older_schema=True, older_version=False)
    case.progress(1, 2, "another schema")
    wrong += upgrade_in_an_open_exam(case.folder, older_schema=False, older_version=True)
    return Measured(
        passed=not wrong, n=2, worst=wrong[0] if wrong else "refused, and let in by two people: 2 of 2",
        figures={"wrong": len(wrong)}, remark="a pending migration; another version of the program",
    )  # fmt: skip


@control_of("F41")
def without_freeze(case: FaultCase) -> ControlMeasured:
    data = case.folder / "control"
    open_site(data, older_schema=True, older_version=False)
    database = Database(f"sqlite:///{data / 'mingyuan.db'}")
    with closing_database(database):
        before = present_revision(database)
        began, _ = starts(data, "no_freeze")
        after = present_revision(database)
    return ControlMeasured(began and after != before, f"without the freeze the schema went from {before} to {after}")
