"""Create an exam room with its seats."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict, InvalidInput, NotFound
from server.core.ids import new_id
from server.scheduling.models import Centre, Room, Seat
from server.storage.unit_of_work import UnitOfWork

MOST_ROWS = 40
MOST_COLUMNS = 40
MOST_SEATS = 400


def create_room(
    uow: UnitOfWork,
    centre_id: str,
    name: str,
    number: int,
    rows: int,
    columns: int,
    actor: Actor,
    aisles_after: Collection[int] = (),
    spare: int = 0,
    empty_places: Collection[tuple[int, int]] = (),
) -> Room:
    """A room 考场 with a seat at every place of its grid, numbered row by row from the front left.

    Args:
        number: used in ticket numbers, unique within the centre.
        aisles_after: columns (1-based) behind which an aisle runs.
        spare: so many of the last seats are kept free for machine swaps 备用机.
        empty_places: `(row, column)` where nothing stands.

    Raises:
        NotFound: `CENTRE_NOT_FOUND`.
        InvalidInput: `ROOM_SHAPE_WRONG`.
        Conflict: `ROOM_EXISTS`: name or number is taken in this centre.
    """
    absent = set(empty_places)
    places = [(row, col) for row in range(1, rows + 1) for col in range(1, columns + 1) if (row, col) not in absent]
    is_grid = 1 <= rows <= MOST_ROWS and 1 <= columns <= MOST_COLUMNS and 1 <= number <= 999
    if not is_grid or not name.strip() or len(name) > 60 or len(places) > MOST_SEATS or not 0 <= spare < len(places):
        raise InvalidInput(
            "ROOM_SHAPE_WRONG",
            f"考场参数不合理：行、列 1–{MOST_ROWS}，编号 1–999，座位不超过 {MOST_SEATS} 个，备用机位少于座位数。",
            f"Rows and columns 1 to {MOST_ROWS}, number 1 to 999, at most {MOST_SEATS} seats, fewer spare seats than seats.",
        )
    with uow() as work:
        if work.session.get(Centre, centre_id) is None:
            raise NotFound("CENTRE_NOT_FOUND", "没有找到这个考点。", "There is no such centre.")
        same = select(Room.id).where(Room.centre_id == centre_id, (Room.name == name) | (Room.number == number))
        if work.session.scalars(same).first():
            raise Conflict(
                "ROOM_EXISTS",
                f"该考点已有名为“{name}”或编号为 {number} 的考场。",
                "The name or number is taken in this centre.",
            )
        room = Room(
            id=new_id(),
            centre_id=centre_id,
            name=name,
            number=number,
            rows=rows,
            columns=columns,
            aisles_after=sorted(column for column in set(aisles_after) if 1 <= column < columns),
        )
        work.session.add(room)
        work.session.flush()
        first_spare = len(places) - spare
        for index, (row, column) in enumerate(places):
            work.session.add(
                Seat(
                    id=new_id(),
                    room_id=room.id,
                    number=index + 1,
                    row=row,
                    column=column,
                    is_spare=index >= first_spare,
                )
            )
        record(
            work, actor, AuditAction.SCHEDULING_ROOM_CREATED, f"room:{room.id}", {"seats": len(places), "spare": spare}
        )
    return room
