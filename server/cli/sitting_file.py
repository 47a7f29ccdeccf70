"""The description file of a sitting (TOML), as `deploy/docs/rosters.md` shows it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy import select

from server.core.actor import Actor
from server.core.errors import InvalidInput
from server.scheduling.domain.rule_profile import RuleProfile, load_profile
from server.scheduling.models import Centre, Room
from server.scheduling.services.create_centre import create_centre
from server.scheduling.services.create_room import create_room
from server.storage.unit_of_work import UnitOfWork

#: A start without a time zone is wall time in China.
CHINA = timezone(timedelta(hours=8))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RoomPart(_Part):
    """`[[rooms]]`."""

    name: str
    number: int
    rows: int
    columns: int
    aisles_after: list[int] = []
    spare: int = 0
    empty_places: list[tuple[int, int]] = []


class CentrePart(_Part):
    """`[centre]`."""

    name: str
    institution_code: str = ""


class SittingFile(_Part):
    """The whole file. `profile` is the name of a shipped profile or a path beside the file ending in `.toml`."""

    name: str
    occupation_code: str
    occupation_name: str
    level: int
    starts_at: datetime
    duration_minutes: int = Field(gt=0)
    profile: str = "default"
    plan_number: str = ""
    session_number: int = 0
    is_rehearsal: bool = False
    centre: CentrePart
    rooms: list[RoomPart] = Field(min_length=1)

    @field_validator("starts_at")
    @classmethod
    def _in_china(cls, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)

    @property
    def duration(self) -> timedelta:
        """Length of the exam."""
        return timedelta(minutes=self.duration_minutes)

    def find_or_create_places(self, uow: UnitOfWork, actor: Actor) -> tuple[str, list[str]]:
        """Ids of centre and rooms; those that exist by name are used as they stand.

        Raises:
            InvalidInput, Conflict: as `create_centre` and `create_room`.
        """
        with uow.read() as session:
            centre = session.scalars(select(Centre).where(Centre.name == self.centre.name)).one_or_none()
        if centre is None:
            centre = create_centre(uow, self.centre.name, actor, self.centre.institution_code)
        with uow.read() as session:
            known = {room.name: room.id for room in session.scalars(select(Room).where(Room.centre_id == centre.id))}
        ids = []
        for wanted in self.rooms:
            if wanted.name not in known:
                room = create_room(
                    uow, centre.id, wanted.name, wanted.number, wanted.rows, wanted.columns, actor,
                    wanted.aisles_after, wanted.spare, wanted.empty_places,
                )  # fmt: skip
                known[wanted.name] = room.id
            ids.append(known[wanted.name])
        return centre.id, ids


def read_sitting_file(document: Mapping[str, Any]) -> SittingFile:
    """Check the parsed file.

    Raises:
        InvalidInput: `SITTING_FILE_WRONG`; data `problems`: every wrong key with its path.
    """
    try:
        return SittingFile.model_validate(dict(document))
    except ValidationError as error:
        problems = [
            {"key": ".".join(str(part) for part in problem["loc"]), "problem": problem["msg"]}
            for problem in error.errors(include_url=False, include_context=False)
        ]
        words = "; ".join(f"{one['key']}: {one['problem']}" for one in problems)
        raise InvalidInput(
            "SITTING_FILE_WRONG",
            f"场次描述文件有误，未建立场次，请按列出的键改正：{words}",
            f"The description file is wrong and nothing was planned: {words}",
            problems=problems,
        ) from None


def profile_from(wanted: SittingFile, description: Path) -> RuleProfile:
    """The rule profile the file names.

    Raises:
        NotFound: `PROFILE_UNKNOWN`.
        InvalidInput: `PROFILE_INVALID`, `PROFILE_FILE_UNREADABLE`.
    """
    if not wanted.profile.endswith(".toml"):
        return load_profile(wanted.profile)
    try:
        document = tomllib.loads((description.parent / wanted.profile).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(
            "PROFILE_FILE_UNREADABLE", f"规则模板文件无法读取：{error}", f"The profile file cannot be read: {error}"
        ) from None
    return RuleProfile.from_document(document)
