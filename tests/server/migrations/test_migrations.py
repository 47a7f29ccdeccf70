"""The schema reached by the migrations is the schema the models state, on both databases, up and down."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from server.migrations import config, upgrade
from server.schema import metadata
from server.storage.database import Database


def test_the_migrated_schema_is_the_schema_of_the_models(database_url: str) -> None:
    database = Database(database_url)
    upgrade(database)

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.dispose()


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    database = Database(database_url)
    upgrade(database)
    upgrade(database)

    with database.engine.connect() as connection:
        assert set(metadata.tables) <= set(inspect(connection).get_table_names())
    database.dispose()


def test_every_migration_can_be_taken_back(database_url: str) -> None:
    database = Database(database_url)
    upgrade(database)

    with database.write_connection() as connection:
        command.downgrade(config(connection), "base")

    with database.engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    database.dispose()
