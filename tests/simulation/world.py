"""The world around a simulated exam: true time, PCs, the network, nodes that die and wake, people who decide.

Every public method is something that happens at one moment; after each, `invariants.check_now` looks. Numbers choose
whom it happens to, so that a generator of tests and a dice can both drive it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from server.delivery.domain.states import AttemptState
from server.scheduling.domain.rule_profile import load_profile
from server.takeover.domain.clock_rules import ClockEvidence
from server.takeover.domain.lease import LeaseState
from tests.simulation import invariants
from tests.simulation.duties import sweep
from tests.simulation.exam import Attempt, Entry, Exam
from tests.simulation.rules import REAL, Rules
from tests.simulation.truth import Injected, require

START = datetime(2026, 11, 14, 1, 0, tzinfo=UTC)
#: 90 minutes in ten; 30 minutes are 200 s
FASTER = 9
DURATION = timedelta(minutes=10)
STEP = timedelta(seconds=5)
AROUND_THE_END_S = (-3, -0.2, 0.2, 6, 9.9, 10.2, 10.6, 13)
ITEMS = ("q1", "q2", "q3")
S = timedelta(seconds=1)


@dataclass
class Pc:
    """A device with the page on it and its own journal."""

    device: str
    page: str
    epoch: int = 0
    next_seq: int = 1
    unsent: dict[int, Entry] = field(default_factory=dict)
    is_on: bool = True
    #: item → (epoch, seq) of what this page last read from the server
    read: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Person:
    attempt: Attempt
    pcs: list[Pc] = field(default_factory=list)
    #: everything ever made: (page, seq) → entry
    sent: dict[tuple[str, int], Entry] = field(default_factory=dict)
    #: acknowledged as counted
    acked: set[tuple[str, int]] = field(default_factory=set)
    #: which device signed in last, by our own count
    pen: str | None = None
    scripts: set[str] = field(default_factory=set)
    away: Injected = field(default_factory=Injected)

    @property
    def pc(self) -> Pc | None:
        return self.pcs[-1] if self.pcs else None


@dataclass
class Node:
    name: str
    is_up: bool = True
    is_frozen: bool = False
    #: its steady clock against true time
    offset: timedelta = timedelta(0)
    #: its machine's wall clock against true time
    wall: timedelta = timedelta(0)
    started_at: datetime = START
    lease: LeaseState | None = None
    turn: int = 0


class World:
    """One exam day. `dice` is used for nothing but the sub-second noise of beats."""

    def __init__(self, rules: Rules = REAL, *, rooms: int = 2, seats: int = 4, nodes: int = 1, seed: int = 0) -> None:
        self.rules, self.dice, self.trace = rules, random.Random(seed), list[str]()
        self.profile = replace(load_profile("default").compressed(FASTER), sources={})
        self.exam = Exam(self.profile, START, DURATION, rules)
        self.now = START - timedelta(seconds=60)
        self.opened_at = self.now
        self.rooms = [f"r{number}" for number in range(rooms)]
        self.people = []
        for room in self.rooms:
            for seat in range(seats):
                extra = timedelta(seconds=60) if seat == seats - 1 else timedelta(0)
                attempt = Attempt(f"{room}-{seat}", room, extra)
                self.exam.attempts[attempt.id] = attempt
                self.people.append(Person(attempt))
        self.has_database_clock = nodes > 1
        self.nodes = [Node(f"n{number}", started_at=self.now) for number in range(nodes)]
        self.database_up = True
        self.cut: set[str] = set()
        self.down, self.room_away = Injected(), {room: Injected() for room in self.rooms}
        self.stopped = {room: Injected() for room in self.rooms}
        #: outages made, for the tolerance: each may be measured a second wrong
        self.outages = 0
        self.doubtful_ms = dict.fromkeys(self.rooms, 0)
        self.bag: list[tuple[Person, Pc, Entry]] = []
        self.judged = {"counted": 0, "late": 0, "superseded": 0, "closed": 0, "repeat": 0}
        for node in self.nodes:
            self.exam.beat(node.name, self.now, starts=True)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def working(self) -> Node | None:
        return next((node for node in self.nodes if self.database_up and node.is_up and not node.is_frozen), None)

    def server_now(self) -> datetime:
        node = self.working()
        return self.now + (node.offset if node else timedelta(0))

    def is_online(self, person: Person) -> bool:
        pc = person.pc
        return pc is not None and pc.is_on and person.attempt.room not in self.cut and self.working() is not None

    def someone(self, number: int) -> Person:
        return self.people[number % len(self.people)]

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def pass_time(self, seconds: float) -> None:
        left = timedelta(seconds=seconds)
        while left > timedelta(0):
            step = min(STEP, left)
            left -= step
            self.now += step
            self._round()

    def _round(self) -> None:
        for node in self.nodes:
            if self.database_up and node.is_up and not node.is_frozen:
                self.exam.beats[node.name] = (self.now + node.offset, False)  # it beat all along
        self._hear_everybody()
        self._duties()

    def _hear_everybody(self) -> None:
        for person in self.people:
            if self.is_online(person) and person.attempt.state.is_open:
                self.exam.heard(person.attempt.id, self.server_now())

    def _duties(self) -> None:
        for node in self.nodes:
            if not (self.database_up and node.is_up and not node.is_frozen):
                continue
            here = self.now + node.offset
            node.lease = self.exam.take_lease(node.name, here) or None
            if node.lease is not None:
                self._sweep(node, node.lease)

    def _sweep(self, node: Node, lease: LeaseState) -> None:
        here = self.now + node.offset
        if self.exam.is_fenced_off(lease, here):
            return
        held = self.exam.lease
        require(
            held is not None and held.generation == lease.generation, "lease", f"{node.name} works under an old lease"
        )
        sweep(self.exam, here, max(self.exam.outage_ends, default=self.opened_at))

    # ── candidates ───────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, number: int) -> None:
        """Sign in and, from the start on, begin: also a page that is loaded again."""
        person = self.someone(number)
        if self.working() is None or person.attempt.room in self.cut:
            return
        if person.pc is None:
            person.pcs.append(Pc(f"{person.attempt.id}-d0", f"{person.attempt.id}-p0"))
        pc = person.pcs[-1]
        if not pc.is_on:
            return
        was = person.attempt.state
        invariants.check_entry(
            self, person, refusal := self.exam.sign_in(person.attempt, pc.device, self.server_now()), was
        )
        if refusal is None:
            person.pen = pc.device
            pc.epoch = person.attempt.epoch
            self._begin(person, pc)

    def _begin(self, person: Person, pc: Pc) -> None:
        if self.exam.begin(person.attempt, pc.epoch, self.server_now()) is not None:
            return
        self.exam.heard(person.attempt.id, self.server_now())
        person.scripts.add(person.attempt.script or "")
        found = self.exam.responses(person.attempt)
        for item, response in found.items():
            new = (response.epoch, response.client_seq)
            require(new >= pc.read.get(item, (0, 0)), "I3", f"{person.attempt.id} read {item} backwards")
            pc.read[item] = new
        pc.next_seq = max(pc.next_seq, person.attempt.last_seq + 1)

    def reload(self, number: int) -> None:
        person = self.someone(number)
        if person.pc is not None and person.pc.is_on:
            person.pc.page = f"{person.pc.page}'"
            self.enter(number)

    def click(self, number: int, option: int, *, fate: str = "ok", pc: Pc | None = None) -> None:
        """An answer is made on a PC and sent. fate: ok · reply_lost · lost · delayed."""
        person = self.someone(number)
        pc = pc or person.pc
        if pc is None or not pc.is_on or pc.epoch == 0:
            return
        value = () if option % 5 == 4 else (f"o{option % 5}",)
        entry = Entry(pc.page, pc.next_seq, pc.epoch, ITEMS[option % len(ITEMS)], value)
        pc.next_seq += 1
        pc.unsent[entry.seq] = entry
        person.sent[entry.page, entry.seq] = entry
        if fate == "delayed":
            self.bag.append((person, pc, entry))
        elif fate != "lost":
            self._send(person, pc, entry, hears=fate == "ok")

    def flush(self, number: int, *, old: bool = False) -> None:
        """A PC sends everything it has no acknowledgement for; `old`: one that was left at a swap wakes up."""
        person = self.someone(number)
        pc = person.pcs[0] if old and person.pcs else person.pc
        for entry in list(pc.unsent.values()) if pc is not None and pc.is_on else []:
            self._send(person, pc, entry, hears=True)  # type: ignore[arg-type]

    def deliver(self, number: int, *, keeps: bool) -> None:
        """A message that was held up arrives; with `keeps` it will arrive once more."""
        if self.bag:
            index = number % len(self.bag)
            person, pc, entry = self.bag[index] if keeps else self.bag.pop(index)
            self._send(person, pc, entry, hears=False)

    def _send(self, person: Person, pc: Pc, entry: Entry, *, hears: bool) -> None:
        if self.working() is None or person.attempt.room in self.cut:
            return
        key = (person.attempt.id, entry.page, entry.seq)
        repeat = key in self.exam.known
        before = person.attempt.deadline_at
        stored = self.exam.record(person.attempt, entry, self.server_now())
        if stored is None:
            return
        self.judged["repeat" if repeat else stored.standing] += 1
        invariants.check_record(self, person, pc, stored, repeat=repeat, deadline=before)
        if hears:
            pc.unsent.pop(entry.seq, None)
            if stored.standing == "counted":
                person.acked.add((entry.page, entry.seq))

    def submit(self, number: int) -> None:
        person = self.someone(number)
        if person.pc is not None and self.is_online(person):
            answer = self.exam.submit(person.attempt, person.pc.epoch, self.server_now())
            invariants.check_submit(self, person, answer)

    def go_near_end(self, person: Person, seconds: float) -> bool:
        """Time passes until so long after this person's end (negative: before); not backwards, not for a stopped clock."""
        end = person.attempt.deadline_at
        if end is None or not person.attempt.state.holds_paper:
            return False
        self.pass_time(max(0.0, (end - self.server_now()).total_seconds() + seconds))
        return True

    def last_moment(self, number: int, option: int) -> None:
        """An answer just before the end, in the network's grace, or after it."""
        if self.go_near_end(self.someone(number), AROUND_THE_END_S[option % len(AROUND_THE_END_S)]):
            self.click(number, option)

    def late_return(self, number: int, option: int) -> None:
        """The PC fails just before the end with an answer on it, and comes back when its silence is on record."""
        if self.go_near_end(self.someone(number), -5 - option % 30):
            self.click(number, option, fate="lost")
            self.seat_dies(number)
            self.pass_time(70 + option % 25)
            self.seat_back(number)
            self.flush(number)

    def seat_dies(self, number: int) -> None:
        person = self.someone(number)
        if person.pc is not None and person.pc.is_on:
            person.pc.is_on = False
            person.away.open(self.now)

    def seat_back(self, number: int) -> None:
        person = self.someone(number)
        if person.pc is not None and not person.pc.is_on:
            person.pc.is_on = True
            person.away.close(self.now)
            self._hear_everybody()

    def swap(self, number: int) -> None:
        """The proctor releases the seat, the candidate signs in at another PC; the old one keeps what it has."""
        person = self.someone(number)
        attempt = person.attempt
        if self.working() is None or person.pc is None or attempt.room in self.cut or not attempt.state.holds_paper:
            return
        attempt.released = True
        person.pcs[-1].is_on = True  # somebody will switch it on again, in the store room
        person.away.close(self.now)
        person.pcs.append(Pc(f"{attempt.id}-d{len(person.pcs)}", f"{attempt.id}-p{len(person.pcs)}"))
        self.enter(number)

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _mark(self) -> None:
        """Note whether anybody can write from now on."""
        if self.working() is None:
            self.down.open(self.now)
        elif self.down.is_open:
            self.down.close(self.now)
            self.outages += 1
            self._hear_everybody()

    def _last_beat(self, node: Node) -> None:
        if node.name in self.exam.beats:
            early = timedelta(milliseconds=self.dice.randrange(500))
            self.exam.beats[node.name] = (self.now + node.offset - early, False)

    def kill(self, number: int, *, kindly: bool = False) -> None:
        node = self.nodes[number % len(self.nodes)]
        if node.is_up:
            if self.database_up and not node.is_frozen:
                self._last_beat(node)
                if kindly:
                    self.exam.beats[node.name] = (self.now + node.offset, True)
            node.is_up, node.is_frozen = False, False
            self._mark()

    def start(self, number: int) -> None:
        node = self.nodes[number % len(self.nodes)]
        if node.is_up or not self.database_up:
            return
        last = self.exam.last_beat()
        seen = ClockEvidence(
            wall=self.now + node.wall,
            database=self.now if self.has_database_clock else None,
            continued=self.now + node.offset,
            last_beat_at=last,
            is_exam_open=any(p.attempt.state in ("admitted", "answering", "suspended") for p in self.people),
        )
        chosen = self.rules.choose_start(seen)
        if chosen.problem is not None:
            return  # somebody sets the clock and tries again
        node.offset = chosen.moment - self.now
        node.turn += 1
        node.name = f"{node.name.split('.')[0]}.{node.turn}"
        node.is_up, node.started_at = True, self.now + node.offset
        self.exam.beat(node.name, self.now + node.offset, starts=True)
        self._mark()

    def freeze(self, number: int) -> None:
        node = self.nodes[number % len(self.nodes)]
        if node.is_up and not node.is_frozen and self.database_up:
            self._last_beat(node)
            node.is_frozen = True
            self._mark()

    def wake(self, number: int) -> None:
        """It goes on where it stood: first it beats, then it would finish its round under the lease it remembers."""
        node = self.nodes[number % len(self.nodes)]
        if node.is_up and node.is_frozen:
            node.is_frozen = False
            if self.database_up:
                self.exam.beat(node.name, self.now + node.offset)
                if node.lease is not None:
                    self._sweep(node, node.lease)
            self._mark()

    def database(self, *, up: bool) -> None:
        if up == self.database_up:
            return
        for node in self.nodes:
            if not up and node.is_up and not node.is_frozen:
                self._last_beat(node)
        self.database_up = up
        for node in self.nodes:
            if up and node.is_up and not node.is_frozen:
                self.exam.beat(node.name, self.now + node.offset)
        self._mark()

    def set_wall(self, number: int, seconds: int) -> None:
        self.nodes[number % len(self.nodes)].wall = timedelta(seconds=seconds)

    def cut_room(self, number: int) -> None:
        room = self.rooms[number % len(self.rooms)]
        if room not in self.cut and self.working() is not None:
            self.cut.add(room)
            self.room_away[room].open(self.now)

    def join_room(self, number: int) -> None:
        room = self.rooms[number % len(self.rooms)]
        if room in self.cut:
            self.cut.discard(room)
            self.room_away[room].close(self.now)
            self._hear_everybody()
            self._duties()

    # ── people who decide ────────────────────────────────────────────────────────────────────────────────────────

    def act(self, what: str, number: int, seconds: int = 30) -> None:
        """suspend · resume · collect · grant · stop_room · start_room · confirm · reverse · extend · cancel"""
        if self.working() is None:
            return
        here, person, room = self.server_now(), self.someone(number), self.rooms[number % len(self.rooms)]
        if what == "suspend":
            self.exam.suspend(person.attempt, here)
        elif what == "resume":
            self.exam.resume(person.attempt, here)
        elif what == "collect":
            self.exam.collect(person.attempt, here)
        elif what == "grant":
            self.exam.grant(person.attempt, seconds * S, here)
        elif what == "stop_room" and self.exam.stop_room(room, here) is None:
            self.stopped[room].open(self.now)
        elif what == "start_room" and self.exam.start_room(room, here) is None:
            if room not in self.exam.waiting_rooms():
                self.stopped[room].close(self.now)
        elif what in ("confirm", "reverse") and (rows := self.exam.undecided()):
            row = rows[number % len(rows)]
            if what == "confirm":
                self.exam.confirm(row, here)
            else:
                self.exam.reverse(row, here)
                self.doubtful_ms[row.room_id or room] += 10**9  # a person took measured time back: no more to compare
        elif what in ("extend", "cancel") and (waiting := self.exam.waiting_rooms()):
            chosen = waiting[number % len(waiting)]
            self.exam.decide(chosen, what, here)
            self.stopped[chosen].close(self.now)
            self.doubtful_ms[chosen] += 10**9  # time until a decision is a person's, not a measured one

    def finish(self) -> None:
        """Faults end, everybody comes back, decisions are made, the time runs out; then everything is looked at once more."""
        self.database(up=True)
        for number in range(len(self.nodes)):
            self.nodes[number].wall = timedelta(0)
            self.start(number)
            self.wake(number)
        for number in range(len(self.rooms)):
            self.join_room(number)
        for number in range(len(self.people)):
            self.seat_back(number)
            self.act("resume", number)
            self.flush(number)
            self.flush(number, old=True)
        while self.bag:
            self.deliver(0, keeps=False)
        for number in range(len(self.rooms)):
            self.act("start_room", number)
        for _ in range(100):
            while self.exam.waiting_rooms():
                self.act("extend", 0)
            if all(
                not p.attempt.state.holds_paper and p.attempt.state is not AttemptState.ADMITTED for p in self.people
            ):
                break
            self.pass_time(60)
        invariants.check_day(self)
