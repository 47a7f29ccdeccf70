"""Fixtures for every test. What a fixture starts, it stops by its own pid at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

from tests.support import chromium, network_guard, postgres, redis_server
from tests.support.paths import find_shared_data
from tests.support.processes import find_free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from server.storage.database import Database
    from tests.support.live_server import LiveServer

SHARED_DATA = find_shared_data()
CHROMIUM = chromium.find_chromium()

# Which tools a test needs follows from the fixtures it asks for, so that `-m "not browser"` leaves out the right ones.
MARK_OF_FIXTURE = {
    "chromium_path": "browser",
    "postgres_cluster": "postgres",
    "redis_process": "redis",
    "live_exam": "live",
}

hypothesis_settings.register_profile("mingyuan", deadline=None, print_blob=True)
hypothesis_settings.load_profile("mingyuan")


def pytest_configure() -> None:
    network_guard.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, mark in MARK_OF_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own MINGYUAN_… settings never reach a test."""
    for name in list(os.environ):
        if name.startswith("MINGYUAN_"):
            monkeypatch.delenv(name)


# --- Places -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real banks, packages and response matrices, for reading only."""
    if SHARED_DATA is None:
        pytest.skip("the shared test data is not beside the repository (or name it: MINGYUAN_SHARED)")
    return SHARED_DATA


@pytest.fixture
def free_port() -> int:
    return find_free_port()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where private servers keep their files. Not pytest's own folder, which other users may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="mingyuan-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


# --- Databases --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_cluster(server_folder: Path) -> Iterator[postgres.PostgresCluster]:
    """One cluster for each worker of the test run. Tests that stop or kill a cluster make their own."""
    reason = postgres.why_not()
    if reason:
        pytest.skip(reason)
    cluster = postgres.PostgresCluster(server_folder / "postgres")
    cluster.create()
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def postgres_url(postgres_cluster: postgres.PostgresCluster) -> Iterator[str]:
    """A fresh, empty database."""
    name = postgres_cluster.create_database()
    yield postgres_cluster.url(name)
    postgres_cluster.drop_database(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'mingyuan.sqlite3'}"


ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database; the test runs once on each engine."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture(scope="session")
def sqlite_with_tables(server_folder: Path) -> Path:
    """A file with every table and no row, to be copied: quicker than making the tables for each test."""
    path = server_folder / "with-tables.sqlite3"
    _make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_with_tables(postgres_cluster: postgres.PostgresCluster) -> str:
    """Likewise, as a template database."""
    name = postgres_cluster.create_database(name="with_tables")
    _make_tables(postgres_cluster.url(name))
    return name


def _make_tables(url: str) -> None:
    import server.schema  # noqa: F401 - every folder's tables
    from server.storage.database import Database

    database = Database(url)
    database.create_all()
    database.dispose()


@pytest.fixture
def sqlite_database(sqlite_with_tables: Path, tmp_path: Path) -> Iterator[Database]:
    """Every table, on SQLite."""
    path = tmp_path / "mingyuan.sqlite3"
    shutil.copy(sqlite_with_tables, path)
    yield from _opened(f"sqlite:///{path}")


@pytest.fixture
def postgres_database(postgres_cluster: postgres.PostgresCluster, postgres_with_tables: str) -> Iterator[Database]:
    """Every table, on PostgreSQL."""
    name = postgres_cluster.create_database(template=postgres_with_tables)
    yield from _opened(postgres_cluster.url(name))
    postgres_cluster.drop_database(name)


def _opened(url: str) -> Iterator[Database]:
    from server.storage.database import Database

    database = Database(url)
    yield database
    database.dispose()


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Database:
    """Every table; the test runs once on each engine."""
    opened: Database = request.getfixturevalue(f"{'sqlite' if request.param == 'sqlite' else 'postgres'}_database")
    return opened


# --- Redis ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_process(server_folder: Path) -> Iterator[redis_server.RedisServer]:
    """One Redis for each worker of the test run. Tests that kill it make their own."""
    reason = redis_server.why_not()
    if reason:
        pytest.skip(reason)
    running = redis_server.RedisServer(server_folder / "redis")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def redis_url(redis_process: redis_server.RedisServer) -> str:
    """An empty Redis."""
    redis_process.empty()
    return redis_process.url


# --- A real exam ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def live_exam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LiveServer]]:
    """Starts prepared exams for one module (arguments: `tests.support.live_server.live_server`)."""
    from tests.support.live_server import live_server

    with ExitStack() as running:
        yield lambda **day: running.enter_context(live_server(tmp_path_factory.mktemp("exam"), **day))


# --- Browser ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium_path() -> str:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (make test-tools)")
    return CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """Chromium without a window. For one module: while it is open, asyncio.run() cannot be used beside it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=chromium.ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of an ordinary exam PC: 1366 x 768, Chinese, nothing remembered."""
    context = browser.new_context(
        viewport={"width": 1366, "height": 768}, locale="zh-CN", timezone_id="Asia/Shanghai", ignore_https_errors=True
    )
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()
