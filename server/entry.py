"""The command `mingyuan`. Sockets are made cooperative before anything else is imported: psycopg looks only once."""

from gevent import monkey

monkey.patch_all()


def main() -> None:
    """Run the command line."""
    from server.cli import app

    app()


if __name__ == "__main__":
    main()
