"""Imports every table, so that `metadata` is the whole schema. Migrations, tests and tools start here."""

from __future__ import annotations

import itembank.models
import proctor.models
import scoring.models
import server.accounts.models
import server.audit.models
import server.delivery.models
import server.safekeeping.models
import server.scheduling.models
import server.takeover.models
from server.storage.base import Base

metadata = Base.metadata
