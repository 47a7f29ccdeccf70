"""I1–I8 of security-and-reliability.md 3, over the simulated world, by what the candidates themselves know."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from server.delivery.domain.responses import digest_responses
from server.delivery.domain.states import AttemptState
from tests.simulation.truth import MS, Counted, count_time, require, total_ms

if TYPE_CHECKING:
    from tests.simulation.exam import Stored
    from tests.simulation.world import Pc, Person, World

Spans = list[tuple[datetime, datetime | None]]

#: I5, I6: a second; what a measurement may be wrong about one outage
SECOND_MS = 1000
#: a room's cut is measured by life signs, every 5 s of simulated time
SWEEP_MS = 5_000
#: shorter cuts of a room than this are not found (15 s of silence, and a sweep)
CUT_FOUND_MS = 21_000


def check_now(world: World) -> None:
    """After everything that happens: stored deadlines are what the ledger amounts to, counted another way (I5)."""
    for person in world.people:
        attempt = person.attempt
        if attempt.state is not AttemptState.ANSWERING and attempt.state is not AttemptState.SUSPENDED:
            continue
        now = world.server_now()
        counted = count_time(world.exam, attempt, attempt.room, now)
        if counted.stands_still:
            require(attempt.deadline_at is None, "I5", f"{attempt.id} has a deadline while the clock stands still")
        elif attempt.deadline_at is not None and counted.remaining > 0:
            end = now + counted.remaining * MS
            wrong = abs(attempt.deadline_at - end)
            require(wrong <= timedelta(seconds=1), "I5", f"{attempt.id} ends {wrong} away from what the ledger says")
        if counted.remaining > 0 and not counted.stands_still:
            require(attempt.deadline_at is not None, "I5", f"{attempt.id} runs without a deadline")


def check_record(
    world: World, person: Person, pc: Pc, stored: Stored, *, repeat: bool, deadline: datetime | None
) -> None:
    """One line was judged, at the true moment `world.now`."""
    entry, attempt = stored.entry, person.attempt
    require(person.sent.get((entry.page, entry.seq)) == entry, "I2", f"{attempt.id} stores what it never sent")
    if repeat:
        return
    if stored.standing == "counted":
        require(pc.device == person.pen, "I7", f"{attempt.id}: an old page's answer was counted")
        require(entry.epoch == attempt.epoch, "I7", f"{attempt.id}: an answer of epoch {entry.epoch} counted")
    elif stored.standing == "superseded":
        require(
            pc.device != person.pen or entry.epoch != attempt.epoch, "I7", f"{attempt.id} holds the pen and is refused"
        )
    if not attempt.state.holds_paper:
        require(stored.standing != "counted", "I8", f"{attempt.id} has ended and an answer was counted")
        return
    if stored.standing not in ("counted", "late"):
        return
    # The true moment, whatever the server's clock says.
    counted = count_time(world.exam, attempt, attempt.room, world.now)
    over_by = counted.exam_time - counted.allotted
    grace = world.profile.network_grace // MS
    covered = _was_away(world, person, counted)
    if stored.standing == "counted":
        good = counted.stands_still or over_by <= grace + SECOND_MS or covered
        require(good, "I6", f"{attempt.id}: counted {over_by} ms after the end")
    else:
        good = not counted.stands_still and over_by >= grace - SECOND_MS
        require(good, "I6", f"{attempt.id}: refused for time {-over_by} ms before the end")
        away = _seat_row_covers(world, person)
        require(not away, "I6", f"{attempt.id}: late, although an interruption on record covers the gap")


def _was_away(world: World, person: Person, counted: Counted) -> bool:
    return _seat_row_covers(world, person) or any(
        row.attempt_id in (None, person.attempt.id)
        and row.room_id == person.attempt.room
        and row.kind == "interruption"
        for row in world.exam.ledger.values()
        if row.from_at is not None and (row.to_at is None or row.to_at + world.profile.network_grace >= world.now)
    )


def _seat_row_covers(world: World, person: Person) -> bool:
    """A row of this seat, nobody has taken it back, begins clearly before the end and lasts until now."""
    attempt = person.attempt
    if attempt.deadline_at is None:
        return False
    gone = {row.reverses_id for row in world.exam.ledger.values() if row.kind == "reversal"}
    return any(
        row.attempt_id == attempt.id and row.kind == "interruption" and row.id not in gone
        and row.from_at is not None and row.from_at < attempt.deadline_at
        and (row.to_at is None or row.to_at >= world.server_now())
        for row in world.exam.ledger.values()
    )  # fmt: skip


def check_entry(world: World, person: Person, refusal: str | None, was: AttemptState) -> None:
    """Late entry: by the room's own exam time (30:00 enters)."""
    if was is not AttemptState.EXPECTED:
        return
    room = count_time(world.exam, None, person.attempt.room, world.now)
    late_by = room.exam_time - world.profile.late_entry_within // MS
    if refusal is None:
        require(late_by <= SECOND_MS, "I6", f"{person.attempt.id} entered {late_by} ms too late")
    elif refusal == "LATE_ENTRY_REFUSED":
        mine = count_time(world.exam, person.attempt, person.attempt.room, world.now)
        require(
            late_by >= -SECOND_MS or mine.remaining == 0, "I6", f"{person.attempt.id} was refused {-late_by} ms early"
        )


def check_submit(world: World, person: Person, refusal: str | None) -> None:
    """Earliest submission: by the candidate's own exam time (29:59 does not)."""
    mine = count_time(world.exam, person.attempt, person.attempt.room, world.now)
    early_by = world.profile.earliest_submission_after // MS - mine.exam_time
    if refusal is None and mine.remaining > 0:
        require(early_by <= SECOND_MS, "I6", f"{person.attempt.id} handed in {early_by} ms too early")
    elif refusal == "TOO_EARLY_TO_LEAVE":
        require(early_by >= -SECOND_MS, "I6", f"{person.attempt.id} was kept {-early_by} ms too long")


def check_day(world: World) -> None:
    """At the end of the day."""
    check_now(world)
    exam = world.exam
    for person in world.people:
        attempt = person.attempt
        require(len(person.scripts) <= 1, "I4", f"{attempt.id} saw several papers")
        ends = [how for _, how in attempt.ends if how != "void"]
        require(len(ends) <= 1, "I8", f"{attempt.id} ended {ends}")
        keys = [(stored.entry.page, stored.entry.seq) for stored in exam.journal.get(attempt.id, ())]
        require(len(keys) == len(set(keys)), "I2", f"{attempt.id}: an entry is stored twice")
        stored_keys = {(s.entry.page, s.entry.seq) for s in exam.journal.get(attempt.id, ()) if s.standing == "counted"}
        require(person.acked <= stored_keys, "I1", f"{attempt.id}: acknowledged and gone")
        responses = exam.responses(attempt)
        best: dict[str, tuple[int, int, tuple[str, ...]]] = {}
        for page, seq in stored_keys:
            entry = person.sent[page, seq]
            best[entry.item] = max(best.get(entry.item, (0, 0, ())), (entry.epoch, entry.seq, entry.value))
        for item, (epoch, seq, value) in best.items():
            require(responses[item].value == value, "I1", f"{attempt.id}/{item}: not the newest ({epoch}, {seq})")
        if ends and attempt.ended_at is not None:
            at_end = {s for s in exam.journal.get(attempt.id, ()) if s.standing == "counted"}
            require(
                all(s.received_at <= attempt.ended_at for s in at_end), "I8", f"{attempt.id}: counted after its end"
            )
            require(attempt.digest == digest_responses(responses), "I8", f"{attempt.id}: the digest is another's")
        require(not attempt.state.holds_paper, "I8", f"{attempt.id} was never ended")
    for room in world.rooms:
        _check_given_back(world, room)


def _check_given_back(world: World, room: str) -> None:
    """I5: what the ledger gives a room is what was really injected into it, and nothing else."""
    begin = world.exam.starts_at
    ended = [p.attempt.ended_at for p in world.people if p.attempt.room == room and p.attempt.ended_at is not None]
    if not ended or world.doubtful_ms[room] >= 10**9:
        return
    # Only what happened while somebody's time ran: the earliest end, less the grace after which the sweeper comes.
    until = min(ended) - world.profile.network_grace - timedelta(seconds=7)
    if until <= begin:
        return
    # What of a cut the servers' own silence, or a proctor who stops the room, hides leaves pieces; a piece too short to be found is told by
    # the pages' own gaps, which are no part of the engine.
    holes = [*world.down.spans, *world.stopped[room].spans]
    cuts = _without(world.room_away[room].spans, holes, world.now)
    long_cuts = [span for span in cuts if span[1] - span[0] >= CUT_FOUND_MS * MS]
    doubt = sum((b - a) // MS for a, b in cuts if (a, b) not in long_cuts)
    away = [span for person in world.people if person.attempt.room == room for span in person.away.spans]
    if len(away) > 1:  # seats that fail together cannot be told from a room that is cut off
        doubt += total_ms(away, begin, until)
    if not _room_was_full(world, room):
        doubt += total_ms(list(long_cuts), begin, until)
        injected = total_ms([*world.down.spans, *world.stopped[room].spans], begin, until)
    else:
        injected = total_ms([*world.down.spans, *world.stopped[room].spans, *long_cuts], begin, until)
    recorded = total_ms(
        [
            (row.from_at, row.to_at) for row in world.exam.ledger.values()
            if row.attempt_id is None and row.room_id == room and row.kind == "interruption" and row.from_at is not None
        ],
        begin, until,
    )  # fmt: skip
    allowed = SECOND_MS * (1 + world.outages) + SWEEP_MS * len(cuts) + doubt
    require(
        abs(recorded - injected) <= allowed, "I5",
        f"{room}: {injected} ms were taken, {recorded} ms are on record, {allowed} ms may differ",
    )  # fmt: skip


def _without(spans: Spans, holes: Spans, now: datetime) -> list[tuple[datetime, datetime]]:
    """What is left of the spans outside the holes."""
    left = [(from_at, to_at or now) for from_at, to_at in spans]
    for hole_from, hole_to in ((from_at, to_at or now) for from_at, to_at in holes):
        left = [
            piece for low, high in left
            for piece in ((low, min(high, hole_from)), (max(low, hole_to), high)) if piece[0] < piece[1]
        ]  # fmt: skip
    return left


def _room_was_full(world: World, room: str) -> bool:
    """Everybody of the room sat and answered all along: then its silence says something about the room."""
    people = [person for person in world.people if person.attempt.room == room]
    first_cut = world.room_away[room].spans[0][0] if world.room_away[room].spans else world.now
    return all(
        person.attempt.started_at is not None and person.attempt.started_at <= first_cut
        and not person.away.spans and len(person.pcs) == 1
        and not any(r.attempt_id == person.attempt.id for r in world.exam.ledger.values() if r.kind == "interruption")
        for person in people
    )  # fmt: skip
