"""One history for the whole database: `upgrade` brings any older database, or an empty one, to the present schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from server.storage.database import Database

#: any number; all nodes that start at once on PostgreSQL stand in line behind it
UPGRADE_LOCK = 20_261_121


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["connection"] = connection
    return made


def upgrade(database: Database) -> None:
    """Run what is missing; quick when nothing is."""
    if present_revision(database) == newest_revision():
        return
    with database.write_connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
        command.upgrade(config(connection), "head")


def newest_revision() -> str:
    """The schema this program brings."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def present_revision(database: Database) -> str | None:
    """The schema the database has; None: it is empty."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return revision
