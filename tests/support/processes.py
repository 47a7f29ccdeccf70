"""Child processes and ports: the product's own (`mingyuan rehearse` starts servers and databases as tests do)."""

from server.rehearsal.child_process import (
    Child,
    accepts_connections,
    as_unprivileged,
    find_free_port,
    hand_over,
    wait_until,
)

__all__ = ["Child", "accepts_connections", "as_unprivileged", "find_free_port", "hand_over", "wait_until"]
