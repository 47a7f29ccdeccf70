"""Write a migration from the difference between the models and an upgraded empty database: `make migration NAME=…`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from server.migrations import config, upgrade
from server.storage.database import Database


def main() -> None:
    """`new_migration.py "add a column"`."""
    message = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        versions = Path(__file__).parents[2] / "server" / "migrations" / "versions"
        if any(versions.glob("*.py")):
            upgrade(database)
        with database.write_connection() as connection:
            command.revision(
                config(connection), message, autogenerate=True, rev_id=f"{len(list(versions.glob('*.py'))) + 1:04d}"
            )
        database.dispose()


if __name__ == "__main__":
    main()
