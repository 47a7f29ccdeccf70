"""The ground the other tests stand on: servers start, the browser opens, locks hold hashes and no addresses."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy as sa
from playwright.sync_api import Browser, Page

from server.schema import metadata
from server.storage.database import Database
from tests.support.network_guard import OtherHostError
from tests.support.paths import ROOT
from tests.support.postgres import PostgresCluster
from tests.support.processes import Child
from tests.support.redis_server import RedisServer

PYTHON_LOCKS = ["requirements.lock", "requirements-dev.lock"]


def test_postgres_accepts_a_connection_and_is_durable(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SHOW fsync")).scalar() == "on"
        assert connection.execute(sa.text("SHOW server_encoding")).scalar() == "UTF8"
    engine.dispose()


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_of_its_own(database_url: str, turn: int) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE seat (name TEXT)"))
        connection.execute(sa.text("INSERT INTO seat VALUES ('张𠮷')"))
        assert connection.execute(sa.text("SELECT name FROM seat")).scalars().all() == ["张𠮷"]
    engine.dispose()


def test_a_killed_postgres_comes_back_with_what_was_committed(
    server_folder: Path, postgres_cluster: PostgresCluster
) -> None:
    cluster = PostgresCluster(server_folder / "postgres-to-kill")
    cluster.create()
    cluster.start()
    try:
        cluster.execute("CREATE TABLE answer AS SELECT 41 AS seq")
        cluster.crash()
        with pytest.raises(psycopg.OperationalError):
            cluster.execute("SELECT 1")
        cluster.start()
        assert cluster.execute("SELECT seq FROM answer") == [(41,)]
    finally:
        cluster.stop()


def test_a_database_with_tables_is_ready_on_each_engine(database: Database) -> None:
    database.check_durability()
    assert set(sa.inspect(database.engine).get_table_names()) == set(metadata.tables)


def test_redis_answers_and_starts_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.dbsize() == 0


def test_a_killed_redis_starts_again_on_its_port(tmp_path: Path, redis_process: RedisServer) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        server.crash()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
    finally:
        server.stop()


def test_the_browser_opens_a_page_with_the_size_of_an_exam_pc(page: Page) -> None:
    page.goto("about:blank")
    assert page.evaluate("[innerWidth, innerHeight, navigator.language]") == [1366, 768, "zh-CN"]


def test_the_browser_is_newer_than_the_oldest_we_support(browser: Browser) -> None:
    assert int(browser.version.split(".")[0]) >= 87


def test_a_child_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    child = Child(["sh", "-c", "echo no paper >&2; exit 3"], log=tmp_path / "log")
    with pytest.raises(RuntimeError, match=r"ended with 3\nno paper"):
        child.wait_until(lambda: False, seconds=5)


def test_tests_do_not_leave_this_machine() -> None:
    with socket.socket() as outgoing, pytest.raises(OtherHostError):
        outgoing.connect(("192.0.2.1", 9))


def test_shared_data_is_described(shared_data: Path) -> None:
    assert (shared_data / "README.md").is_file()


@pytest.mark.parametrize("name", PYTHON_LOCKS)
def test_every_locked_package_carries_hashes(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text())
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert len(pinned) > 30
    assert [entry.split()[0] for entry in pinned if "--hash=sha256:" not in entry or "==" not in entry] == []


@pytest.mark.parametrize("name", [*PYTHON_LOCKS, "pyproject.toml", ".npmrc"])
def test_no_python_or_npm_setting_names_an_address(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()


def test_the_development_lock_holds_the_same_versions() -> None:
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), re.MULTILINE))

    assert versions("requirements.lock") <= versions("requirements-dev.lock")


def test_page_packages_carry_hashes_and_no_addresses() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    installed = {path: entry for path, entry in packages.items() if path}
    assert len(installed) > 50
    assert [path for path, entry in installed.items() if "resolved" in entry] == []
    assert [path for path, entry in installed.items() if not entry.get("integrity", "").startswith("sha512-")] == []


def test_no_page_package_runs_a_script_of_its_own() -> None:
    assert "ignore-scripts=true" in (ROOT / ".npmrc").read_text().splitlines()
