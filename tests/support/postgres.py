"""PostgreSQL for tests: the same own cluster that `mingyuan rehearse` starts."""

from server.rehearsal.own_services import OWNER, RUN_AS, SETTINGS, PostgresCluster, find_programs
from server.rehearsal.own_services import why_no_postgres as why_not

__all__ = ["OWNER", "RUN_AS", "SETTINGS", "PostgresCluster", "find_programs", "why_not"]
