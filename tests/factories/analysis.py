"""A sitting large enough to be analysed: simulated candidates in several rooms, rows made directly, no delivery.

Honest 2PL answers; some items are bad on purpose (wrong key, dead distractor, too easy), some pairs copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from itembank.content import fingerprint, seal_content
from itembank.domain.item import ItemContent, ItemKind, ItemOption, true_false
from itembank.models import Item, ItemVersion, Package, Paper, PaperForm, Script, SpecTable
from server.adapters.vault import Vault
from server.core.ids import new_id
from server.delivery.domain.responses import ItemResponse, digest_responses
from server.delivery.models import Attempt, JournalEntry
from server.scheduling.domain.states import SittingState
from server.scheduling.models import SittingRoom
from tests.factories.scheduling import STARTS_AT, FurnishedSitting, a_furnished_sitting

POINTS = 2_00
ENDS_AT = STARTS_AT + timedelta(minutes=90)
SINGLES, JUDGEMENTS, MULTIPLES = 30, 12, 8
KINDS = ("single",) * SINGLES + ("true_false",) * JUDGEMENTS + ("multiple",) * MULTIPLES
#: places of the items that are bad on purpose
WRONG_KEY, DEAD_DISTRACTOR, TOO_EASY = 3, 5, 7


@dataclass
class BankOfItems:
    """Fifty items of one occupation: version ids, keys by option id, and how the simulated candidates find them."""

    occupation_code: str
    spec_id: str
    item_ids: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


@dataclass
class SatHall:
    """Who sat and what the simulation knows. `copied`: attempt ids (source, copier), neighbours in one room."""

    furnished: FurnishedSitting
    bank: BankOfItems
    paper_id: str
    attempts: list[str]
    copied: list[tuple[str, str]]

    @property
    def id(self) -> str:
        return self.furnished.id


def a_bank_of_items(session: Session, vault: Vault, seed: int = 1, occupation_code: str = "") -> BankOfItems:
    """Items with sealed contents; difficulty steps as an expert might have guessed."""
    random = np.random.default_rng(seed)
    bank = BankOfItems(occupation_code or f"6-{new_id()[:6]}", new_id())
    session.add(
        SpecTable(
            id=bank.spec_id, name=f"spec-{bank.spec_id[:8]}", occupation_code=bank.occupation_code, occupation_name="电工",
            level=4, version=1, paper_plan={}, created_at=STARTS_AT,
        )
    )  # fmt: skip
    session.flush()
    items, versions = [], []
    for place, kind in enumerate(KINDS):
        item_id, version_id = new_id(), new_id()
        if kind == "true_false":
            key = "TF"[int(random.integers(2))]
            content = true_false(f"第 {place + 1} 号判断题：模拟试题，仅供演示。", right=key == "T")
        else:
            key = "".join(sorted(random.choice(list("ABCD"), 1 if kind == "single" else 2, replace=False).tolist()))
            options = tuple(ItemOption(each, f"第 {place + 1} 题选项 {each}") for each in "ABCD")
            content = ItemContent(
                ItemKind(kind), f"第 {place + 1} 号选择题：模拟试题，仅供演示。", options, frozenset(key)
            )
        items.append(
            {"id": item_id, "occupation_code": bank.occupation_code, "level": 4, "point": f"A/01/{place + 1:03d}", "kind": kind,
             "state": "live", "difficulty": int(random.integers(1, 6)), "current_version_id": version_id, "source_ref": "",
             "author": "", "used_count": 1, "created_at": STARTS_AT}
        )  # fmt: skip
        versions.append(
            {"id": version_id, "item_id": item_id, "version": 1, "cipher": seal_content(vault, version_id, content),
             "fingerprint": fingerprint(vault, content), "made_at": STARTS_AT}
        )  # fmt: skip
        bank.item_ids.append(item_id)
        bank.versions.append(version_id)
        bank.keys.append(key)
    session.execute(insert(Item), items)
    session.execute(insert(ItemVersion), versions)
    return bank


def a_sat_hall(
    session: Session,
    vault: Vault,
    rooms: int = 8,
    per_room: int = 30,
    copiers: int = 1,
    seed: int = 1,
    bank: BankOfItems | None = None,
    starts_later: timedelta = timedelta(0),
) -> SatHall:
    """Everybody has handed in. Options are shuffled for each candidate; copiers take 90 % of the left neighbour's answers."""
    random = np.random.default_rng(seed)
    bank = bank or a_bank_of_items(session, vault, seed)
    paper_id, form_id, package_id = new_id(), new_id(), new_id()
    session.add(
        Paper(
            id=paper_id, spec_table_id=bank.spec_id, state="opened", plan={}, seed=seed, bank_digest="0" * 64,
            digest="0" * 64, check_report={}, made_by="test", made_at=STARTS_AT,
        )
    )  # fmt: skip
    session.flush()
    session.add(
        PaperForm(id=form_id, paper_id=paper_id, label="A", is_backup=False, items=[[v, POINTS] for v in bank.versions])
    )
    furnished = a_furnished_sitting(
        session, vault, rooms=rooms, candidates_per_room=per_room, rows=5, columns=6, spare=0,
        state=SittingState.SEALED, starts_at=STARTS_AT + starts_later, paper_id=paper_id,
    )  # fmt: skip
    furnished.sitting.occupation_code = bank.occupation_code
    session.add(
        Package(
            id=package_id, paper_id=paper_id, label="正卷", state="opened", script_count=rooms * per_room, digest="0" * 64,
            lock={}, sealed_by="test", sealed_at=STARTS_AT, opened_at=STARTS_AT, opened_key=None,
        )
    )  # fmt: skip
    for room in furnished.rooms:
        session.get_one(SittingRoom, (furnished.id, room.id)).package_id = package_id
        for place, candidate in enumerate(room.candidates):
            candidate.class_name = f"{place % 3 + 1}班"
    session.flush()
    people = [
        (room, seat, ticket) for room in furnished.rooms for seat, ticket in zip(room.seats, room.tickets, strict=False)
    ]
    answers = _answers(random, bank, len(people))
    copied_rows = _copy(random, answers, per_room, copiers)
    scripts, attempts, entries, ids = [], [], [], []
    start = furnished.sitting.starts_at
    for row, (room, seat, ticket) in enumerate(people):
        script_id, attempt_id = new_id(), new_id()
        ids.append(attempt_id)
        layout = _layout(random, bank)
        scripts.append(
            {"id": script_id, "package_id": package_id, "form_id": form_id, "form_label": "A", "serial": row + 1,
             "layout": layout, "wrapped_key": b"", "file_name": f"{script_id}.bin", "taken_by": attempt_id, "note": ""}
        )  # fmt: skip
        responses, moment = {}, start
        for seq, item in enumerate(layout, start=1):
            chosen = answers[row][bank.versions.index(item["item_version_id"])]
            moment += timedelta(seconds=float(random.lognormal(3.4, 0.5)))
            if not chosen:
                continue
            value = sorted(ref for ref, option in item["options"].items() if option in chosen)
            responses[item["ref"]] = ItemResponse(tuple(value), seq, 1)
            entries.append(
                {"attempt_id": attempt_id, "page_id": f"{row:032x}", "client_seq": seq, "epoch": 1, "kind": "answer",
                 "item_ref": item["ref"], "value": value, "client_time_ms": 0, "client_monotonic_ms": 0, "received_at": moment,
                 "late_by_ms": 0, "standing": "counted", "node_id": "node"}
            )  # fmt: skip
        attempts.append(
            {"id": attempt_id, "ticket_id": ticket.id, "sitting_id": furnished.id, "room_id": room.id, "seat_id": seat.id,
             "script_id": script_id, "state": "submitted", "epoch": 1, "started_at": start,
             "ended_at": start + timedelta(minutes=90), "end_how": "submit", "preferences": {},
             "answers_digest": digest_responses(responses), "answered": len(responses), "last_seq": len(layout), "unsent": 0}
        )  # fmt: skip
    session.execute(insert(Script), scripts)
    session.execute(insert(Attempt), attempts)
    session.execute(insert(JournalEntry), entries)
    return SatHall(furnished, bank, paper_id, ids, [(ids[a], ids[b]) for a, b in copied_rows])


def _answers(random: np.random.Generator, bank: BankOfItems, people: int) -> list[list[frozenset[str]]]:
    ability = random.normal(size=people)
    slope, place = random.uniform(0.8, 1.8, len(KINDS)), random.normal(-0.6, 0.9, len(KINDS))
    place[TOO_EASY], slope[TOO_EASY] = -6.0, 1.0
    found = []
    for row in range(people):
        given = []
        for n, (kind, key) in enumerate(zip(KINDS, bank.keys, strict=True)):
            is_right = random.random() < 1 / (1 + np.exp(-slope[n] * (ability[row] - place[n])))
            if n == WRONG_KEY:
                # the bank's key is wrong: those who know choose the option after it
                letter = "ABCD"[("ABCD".index(key) + 1) % 4] if is_right else "ABCD"[int(random.integers(4))]
                given.append(frozenset(letter))
            elif is_right:
                given.append(frozenset(key))
            elif random.random() < 0.03:
                given.append(frozenset())
            elif kind == "true_false":
                given.append(frozenset("F" if key == "T" else "T"))
            elif kind == "single":
                wrong = [each for each in "ABCD" if each != key]
                weights = [0.5, 0.5, 0.0] if n == DEAD_DISTRACTOR else [0.5, 0.3, 0.2]
                given.append(frozenset(random.choice(wrong, p=weights)))
            else:
                size = int(random.integers(1, 4))
                pick = frozenset(random.choice(list("ABCD"), size, replace=False).tolist())
                given.append(pick if pick != frozenset(key) else frozenset("ABCD"))
        found.append(given)
    return found


def _copy(
    random: np.random.Generator, answers: list[list[frozenset[str]]], per_room: int, copiers: int
) -> list[tuple[int, int]]:
    """The n-th room's second candidate copies from the first, a weak one with many wrong answers to share."""
    copied = []
    for n in range(copiers):
        source = n * per_room
        for place in range(len(KINDS)):
            if KINDS[place] == "single" and random.random() < 0.45:
                answers[source][place] = frozenset("ABCD"[int(random.integers(4))])
            if random.random() < 0.95:
                answers[source + 1][place] = answers[source][place]
        copied.append((source, source + 1))
    return copied


def _layout(random: np.random.Generator, bank: BankOfItems) -> list[dict[str, object]]:
    """Sections keep their order, items are shuffled inside, options too."""
    layout = []
    for kind in ("single", "true_false", "multiple"):
        places = [place for place, each in enumerate(KINDS) if each == kind]
        for place in random.permutation(places).tolist():
            identities = list("TF") if kind == "true_false" else random.permutation(list("ABCD")).tolist()
            layout.append(
                {"ref": f"i{place:03d}{int(random.integers(16**4)):04x}", "item_version_id": bank.versions[place], "kind": kind,
                 "points": POINTS, "options": {f"o{n}{int(random.integers(16**4)):04x}": one for n, one in enumerate(identities)}}
            )  # fmt: skip
    return layout
