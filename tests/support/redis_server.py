"""Redis for tests: the same own server that `mingyuan rehearse` starts."""

from server.rehearsal.own_services import RedisServer
from server.rehearsal.own_services import why_no_redis as why_not

__all__ = ["RedisServer", "why_not"]
