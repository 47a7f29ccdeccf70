"""What a drill looks at: health addresses, a room's board, or a person who says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import httpx

from server.rehearsal.staff import StaffMember, StaffRefused

LOOK_TIMEOUT_S = 1.5
NOT_WELL = frozenset({"suspended"})


class HealthWatch:
    """Well while every node's health address answers."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._http = httpx.Client(timeout=LOOK_TIMEOUT_S)

    def look(self) -> bool | None:
        """Ask all of them."""
        try:
            return all(self._http.get(f"{address}/healthz").status_code == 200 for address in self._addresses)
        except httpx.HTTPError:
            return None

    def close(self) -> None:
        """Close the lines."""
        self._http.close()


class BoardWatch:
    """Well while nobody of the room is between two machines: no seat released, nobody suspended."""

    def __init__(self, address: str, login: str, password: str, sitting_id: str, room_id: str) -> None:
        """Raises StaffRefused, httpx.HTTPError: the sign-in failed."""
        self._person = StaffMember(address, login, password)
        self._where = (sitting_id, room_id)

    def look(self) -> bool | None:
        """Read the board."""
        try:
            statuses = self._person.board(*self._where)["statuses"]
        except (StaffRefused, httpx.HTTPError):
            return None
        return not any(one["released"] or one["state"] in NOT_WELL for one in statuses)

    def close(self) -> None:
        """Leave the board."""
        self._person.close()


class PersonWatch:
    """What no machine can see from here: a person says when it is well again."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._looks = 0

    def look(self) -> bool | None:
        """Well before, disturbed once it has begun, and well again as soon as the person says so."""
        self._looks += 1
        if self._looks == 3:
            self._ask()
        return self._looks != 2

    def close(self) -> None:
        """Nothing to close."""
