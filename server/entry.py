"""The command `mingyuan`. Sockets are made cooperative before anything else is imported: psycopg looks only once."""

import gc

from gevent import monkey

monkey.patch_all()
#: importing makes much and drops little: the collector's walks are a fifth of a start. A server sets its own (steady_memory.py).
gc.set_threshold(100_000, 20, 20)


def main() -> None:
    """Run the command line."""
    from server.cli import app

    app()


if __name__ == "__main__":
    main()
