"""The invariants I1 to I10 and I12 over what a fault run left behind: history, database, nemesis log, receiver.

Each invariant is a function that returns what it found wrong, in words; an empty list is a whole world. Counting answers is
`server.rehearsal.history.check`'s; the rest is here. Nothing here asks a server: the database is the witness.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from scoring.models import Result
from server.audit.log import verify
from server.audit.models import AuditEntry
from server.delivery.domain.states import AttemptState
from server.delivery.domain.time_ledger import covers_gap
from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import answers_digest, counted_responses, ledger_rows
from server.delivery.time_keeping import read_clock
from server.rehearsal.history import History, Verdict, check
from server.scheduling.models import Sitting
from server.scheduling.queries import sitting_profile
from server.storage.unit_of_work import UnitOfWork

ENDINGS = ("delivery.attempt.submitted", "delivery.attempt.timed_out", "delivery.attempt.collected")
TOLERANCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Read:
    """What a client was shown of an item: the number of the answer, and when (any clock of one client)."""

    attempt_id: str
    item: str
    epoch: int
    seq: int
    at: float


@dataclass(frozen=True, slots=True)
class InjectedOutage:
    """What the nemesis took from whom: `room_id` None: from everybody."""

    from_at: datetime
    to_at: datetime
    room_id: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a receiver of results did: result id, revision, score."""

    result_id: str
    revision: int
    attempt_id: str


@dataclass
class Evidence:
    """Everything there is; what a run did not look at stays empty and is not judged."""

    uow: UnitOfWork
    history: History
    #: attempt → digest of the paper at every admission
    papers: Mapping[str, list[str]] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    outages: list[InjectedOutage] = field(default_factory=list)
    #: how exactly the outages are known; None: they are not to be compared
    outage_tolerance: timedelta | None = None
    effects: list[Effect] = field(default_factory=list)
    #: seconds from the end of each fault to a healthy system, and the most that is allowed
    healed_s: list[float] = field(default_factory=list)
    heal_within_s: float = 30.0
    _verdict: Verdict | None = None

    @property
    def verdict(self) -> Verdict:
        if self._verdict is None:
            self._verdict = check(self.history, self.uow)
        return self._verdict


def final_values_stand(evidence: Evidence) -> list[str]:
    """I1: the final value of every item is that of the highest acknowledged number, or of a higher unknown one."""
    found = evidence.verdict
    return _counted(lost=found.lost, wrong_final=found.wrong_final)


def nothing_from_nowhere(evidence: Evidence) -> list[str]:
    """I2: every stored answer was sent by that attempt, once."""
    found = evidence.verdict
    return _counted(foreign=found.foreign, duplicated=found.duplicated)


def reads_never_go_back(evidence: Evidence) -> list[str]:
    """I3: what a client is shown of an item never gets older."""
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    wrong = []
    for read in sorted(evidence.reads, key=lambda one: one.at):
        key, shown = (read.attempt_id, read.item), (read.epoch, read.seq)
        if shown < newest.get(key, (-1, -1)):
            wrong.append(f"{read.item} of {read.attempt_id} went back from {newest[key]} to {shown}")
        newest[key] = max(shown, newest.get(key, (-1, -1)))
    return wrong


def papers_stay_the_same(evidence: Evidence) -> list[str]:
    """I4: the same items and options in the same order, at every admission."""
    return [
        f"{attempt} got {len(set(seen))} different papers"
        for attempt, seen in evidence.papers.items()
        if len(set(seen)) > 1
    ]


def time_is_given_back(evidence: Evidence) -> list[str]:
    """I5: the window for writing is the allotted time and what the ledger gives; the ledger gives what was taken."""
    wrong = []
    with evidence.uow.read() as session:
        for attempt in session.scalars(
            select(Attempt).where(Attempt.deadline_at.is_not(None), Attempt.started_at.is_not(None))
        ):
            clock = read_clock(session, attempt, attempt.deadline_at - timedelta(microseconds=1))
            if abs(clock.ends_at - attempt.deadline_at) > TOLERANCE:
                wrong.append(
                    f"{attempt.id}: the ledger says {clock.ends_at}, the stored deadline {attempt.deadline_at}"
                )
        if evidence.outage_tolerance is None:
            return wrong
        for sitting_id in session.scalars(select(Sitting.id)):
            rows = [
                row for row in ledger_rows(session, sitting_id) if row.kind == "interruption" and row.scope != "attempt"
            ]
            for room_id in {row.room_id for row in rows} | {one.room_id for one in evidence.outages if one.room_id}:
                given = sum(
                    ((row.to_at - row.from_at) for row in rows if row.room_id == room_id and row.to_at and row.from_at),
                    timedelta(),
                )
                taken = sum(
                    (one.to_at - one.from_at for one in evidence.outages if one.room_id in (None, room_id)), timedelta()
                )
                if abs(given - taken) > evidence.outage_tolerance:
                    wrong.append(
                        f"room {room_id}: {taken.total_seconds():.1f} s taken, {given.total_seconds():.1f} s given back"
                    )
    return wrong


def nothing_after_the_deadline(evidence: Evidence) -> list[str]:
    """I6: nothing counted that came too late without a recorded interruption to explain it; nothing refused that came in time."""
    wrong = []
    with evidence.uow.read() as session:
        sittings = session.scalars(select(Sitting.id)).all()
        graces = {one: sitting_profile(session, one).network_grace for one in sittings}
        ledgers = {one: ledger_rows(session, one) for one in sittings}
        rows = session.execute(
            select(JournalEntry.standing, JournalEntry.late_by_ms, JournalEntry.received_at, Attempt).join(
                Attempt, Attempt.id == JournalEntry.attempt_id
            )
        )
        for standing, late_by_ms, received_at, attempt in rows:
            grace, deadline_at = graces[attempt.sitting_id], attempt.deadline_at
            if standing == "late" and timedelta(milliseconds=late_by_ms) <= grace:
                wrong.append(f"{attempt.id}: refused for time though only {late_by_ms} ms late")
            if standing != "counted" or deadline_at is None or received_at - deadline_at <= grace:
                continue
            is_covered = covers_gap(
                ledgers[attempt.sitting_id], room_id=attempt.room_id, attempt_id=attempt.id, deadline_at=deadline_at,
                received_at=received_at, grace=grace,
            )  # fmt: skip
            if not is_covered:
                wrong.append(
                    f"{attempt.id}: counted {(received_at - deadline_at).total_seconds():.1f} s after its deadline"
                )
    return wrong


def one_epoch_writes(evidence: Evidence) -> list[str]:
    """I7: once a page of a newer epoch has written, no older one's answers count."""
    wrong = []
    newest: dict[str, int] = {}
    with evidence.uow.read() as session:
        rows = session.execute(
            select(
                JournalEntry.attempt_id, JournalEntry.epoch, JournalEntry.client_seq, JournalEntry.standing
            ).order_by(JournalEntry.entry_no)
        )
        for attempt_id, epoch, seq, standing in rows:
            if standing != "counted":
                continue
            if epoch < newest.get(attempt_id, epoch):
                wrong.append(
                    f"{attempt_id}: number {seq} of epoch {epoch} counted after epoch {newest[attempt_id]} had written"
                )
            newest[attempt_id] = max(epoch, newest.get(attempt_id, epoch))
    return wrong


def ended_once(evidence: Evidence) -> list[str]:
    """I8: one ending an attempt, and its digest computed again is equal."""
    endings = endings_of(evidence.uow)
    wrong = [f"{attempt} ended {count} times" for attempt, count in endings.items() if count > 1]
    with evidence.uow.read() as session:
        for attempt in session.scalars(select(Attempt).where(Attempt.answers_digest.is_not(None))):
            if answers_digest(counted_responses(session, attempt.id)) != attempt.answers_digest:
                wrong.append(f"{attempt.id}: its answers are not those of its receipt")
            if endings.get(attempt.id, 0) == 0 and AttemptState(attempt.state).is_final:
                wrong.append(f"{attempt.id} ended and no ending is on record")
    return wrong


def endings_of(uow: UnitOfWork) -> Counter[str]:
    """Attempt → endings on record."""
    with uow.read() as session:
        subjects = session.scalars(select(AuditEntry.subject).where(AuditEntry.action.in_(ENDINGS))).all()
    return Counter(subject.removeprefix("attempt:") for subject in subjects)


def audit_is_whole(evidence: Evidence) -> list[str]:
    """I9: no gap, the chain verifies, one entry for each change that somebody was told of."""
    with evidence.uow.read() as session:
        found = verify(session)
        wrong = [] if found.ok else [f"entry {found.first_bad}: {found.problem}"]
        recorded = Counter(
            session.scalars(select(AuditEntry.subject).where(AuditEntry.action == "delivery.attempt.started")).all()
        )
        started = session.scalars(select(Attempt.id).where(Attempt.started_at.is_not(None))).all()
    wrong += [
        f"{one} started, which is on record {recorded[f'attempt:{one}']} times"
        for one in started
        if recorded[f"attempt:{one}"] != 1
    ]
    return wrong


def results_arrive_once(evidence: Evidence) -> list[str]:
    """I10: the receiver holds our released results, each once, in the newest revision."""
    if not evidence.effects:
        return []
    held: dict[str, list[Effect]] = defaultdict(list)
    for effect in evidence.effects:
        held[effect.result_id].append(effect)
    with evidence.uow.read() as session:
        ours = {
            row.id: row.revision
            for row in session.scalars(select(Result).where(Result.state.in_(("released", "amended"))))
        }
    wrong = [f"result {one} never arrived" for one in ours if one not in held]
    wrong += [f"result {one} is not ours" for one in held if one not in ours]
    wrong += [
        f"result {one} took effect {len(effects)} times" for one, effects in held.items()
        if len({effect.revision for effect in effects}) != len(effects)
    ]  # fmt: skip
    return wrong


def heals_by_itself(evidence: Evidence) -> list[str]:
    """I12: healthy again within the stated time after each fault."""
    return [f"healthy only after {seconds:.1f} s" for seconds in evidence.healed_s if seconds > evidence.heal_within_s]


#: I11, what nobody may see before the opening, is tests/security's: it reads every byte that leaves the server
INVARIANTS: dict[str, Callable[[Evidence], list[str]]] = {
    "I1": final_values_stand,
    "I2": nothing_from_nowhere,
    "I3": reads_never_go_back,
    "I4": papers_stay_the_same,
    "I5": time_is_given_back,
    "I6": nothing_after_the_deadline,
    "I7": one_epoch_writes,
    "I8": ended_once,
    "I9": audit_is_whole,
    "I10": results_arrive_once,
    "I12": heals_by_itself,
}


def find_violations(evidence: Evidence, only: Iterable[str] = INVARIANTS) -> dict[str, list[str]]:
    """Invariant → what is wrong; those that hold are left out."""
    judged = {name: INVARIANTS[name](evidence) for name in only}
    return {name: wrong for name, wrong in judged.items() if wrong}


def _counted(**counts: int) -> list[str]:
    return [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count]


__all__ = ["INVARIANTS", "Effect", "Evidence", "InjectedOutage", "Read", "endings_of", "find_violations"]
