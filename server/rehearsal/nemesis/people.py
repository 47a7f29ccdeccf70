"""A candidate's PC dies and is swapped for another."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx

from server.rehearsal.installation import Installation
from server.rehearsal.load import RunningLoad
from server.rehearsal.nemesis.moments import wait_for_the_moment
from server.rehearsal.staff import StaffMember, StaffRefused

#: a proctor walks there, looks, presses
PROCTOR_AFTER_S = 1.0
RESUMED_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class PcSwap:
    """Some PCs die with what they have not sent; proctors release the seats, candidates go on at other PCs."""

    at: Installation
    how_many: int = 3
    name: str = "pc-swap"

    def strike(self, run: RunningLoad) -> None:
        """So many candidates, one after the other."""
        assert run.site is not None
        wait_for_the_moment(run, self.how_many * (PROCTOR_AFTER_S + 2))
        for seat in run.random.sample(run.seats, min(self.how_many, len(run.seats))):
            room = next(one for one in run.site.demo.rooms if one.room_id == seat["room"])
            run.say(f"换机 PC swapped: {seat['ticket']}")
            began = time.monotonic()
            run.swap(seat["ticket"])
            run.sleep(PROCTOR_AFTER_S)
            proctor = StaffMember(self.at.node_urls[0], room.chief.login_name, room.chief.password)
            try:
                self._swap(run, proctor, room.room_id, seat["ticket"])
            finally:
                proctor.close()
            # a seat's time is proposed to the proctor and counts only when confirmed (architecture 4.6)
            run.note(self.name, seat["ticket"], began, time.monotonic(), cut_off="nobody", gives_back=False)

    def _swap(self, run: RunningLoad, proctor: StaffMember, room_id: str, ticket: str) -> None:
        assert run.site is not None
        sitting = run.site.sitting_id
        board = proctor.board(sitting, room_id)
        attempt_id = next(one["attempt_id"] for one in board["seats"] if one["ticket_number"] == ticket)
        proctor.command(
            sitting, room_id, "release-seat", {"attempt_id": attempt_id, "to_seat_id": None, "reason": "演练换机"}
        )
        end = time.monotonic() + RESUMED_WITHIN_S
        while time.monotonic() < end and not run.over.is_set():
            status = next(one for one in proctor.board(sitting, room_id)["statuses"] if one["attempt_id"] == attempt_id)
            if status["state"] == "answering":
                return
            if status["state"] == "suspended" and not status["released"]:
                try:
                    proctor.command(sitting, room_id, "resume", {"attempt_id": attempt_id, "reason": "演练换机完成"})
                except (StaffRefused, httpx.HTTPError):
                    run.sleep(0.3)
                continue
            run.sleep(0.3)
