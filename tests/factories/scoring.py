"""A sitting that has been sat, for tests of scores and results: rows made directly, no delivery needed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from itembank.content import fingerprint, seal_content
from itembank.domain.item import ItemContent, ItemKind, ItemOption, true_false
from itembank.models import Item, ItemVersion, Package, Paper, PaperForm, Script, SpecTable
from server.adapters.vault import Vault
from server.core.ids import new_id
from server.delivery.models import Attempt, JournalEntry
from server.delivery.queries import answers_digest, counted_responses
from server.scheduling.models import AdmissionTicket
from tests.factories.scheduling import STARTS_AT, FurnishedSitting, a_furnished_sitting

#: kind → key; 4 items of 25 points make 100.
KEYS: tuple[tuple[str, str], ...] = (("single", "B"), ("single", "C"), ("multiple", "AC"), ("true_false", "T"))
POINTS = 25_00
ALL_RIGHT = {n: frozenset(key) for n, (_, key) in enumerate(KEYS)}
ENDS_AT = STARTS_AT + timedelta(minutes=90)


@dataclass
class APaper:
    """A paper of one form with as many scripts as asked for. `versions`: item version ids in canonical order."""

    id: str
    package_id: str
    versions: list[str]
    scripts: list[Script]


@dataclass
class SatSitting:
    """Everybody has a ticket and an attempt; `attempts` in ticket order."""

    furnished: FurnishedSitting
    paper: APaper
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.furnished.id


def a_paper(session: Session, vault: Vault, scripts: int, seed: int = 1) -> APaper:
    """Item rows with sealed contents, one form A, one opened package, shuffled scripts."""
    source = random.Random(seed)
    spec = SpecTable(
        id=new_id(),
        name=f"spec-{new_id()[:8]}",
        occupation_code=f"6-{new_id()[:6]}",
        occupation_name="电工",
        level=4,
        version=1,
        paper_plan={},
        created_at=STARTS_AT,
    )
    session.add(spec)
    session.flush()
    versions = [_an_item_version(session, vault, kind, key, spec.occupation_code) for kind, key in KEYS]
    paper_id, form_id, package_id = new_id(), new_id(), new_id()
    session.add(
        Paper(
            id=paper_id, spec_table_id=spec.id, state="opened", plan={}, seed=seed, bank_digest="0" * 64,
            digest="0" * 64, check_report={}, made_by="test", made_at=STARTS_AT,
        )
    )  # fmt: skip
    session.flush()
    items = [[version, POINTS] for version in versions]
    session.add(PaperForm(id=form_id, paper_id=paper_id, label="A", is_backup=False, items=items))
    session.add(
        Package(
            id=package_id, paper_id=paper_id, label="第一机房 正卷", state="opened", script_count=scripts, digest="0" * 64,
            lock={}, sealed_by="test", sealed_at=STARTS_AT, opened_at=STARTS_AT, opened_key=None,
        )
    )  # fmt: skip
    session.flush()
    made = [_a_script(source, package_id, form_id, versions, serial) for serial in range(1, scripts + 1)]
    session.add_all(made)
    session.flush()
    return APaper(paper_id, package_id, versions, made)


def a_sat_sitting(
    session: Session,
    vault: Vault,
    answers: list[Mapping[int, frozenset[str]] | None],
    *,
    names: list[str] | None = None,
    seed: int = 1,
) -> SatSitting:
    """A sitting in which the n-th candidate gave `answers[n]` (index of the item → option ids); None: absent."""
    furnished = a_furnished_sitting(session, vault, rooms=1, candidates_per_room=len(answers), rows=6, columns=6)
    for name, candidate in zip(names or [], furnished.rooms[0].candidates, strict=False):
        candidate.name = name
    sat = SatSitting(furnished, a_paper(session, vault, len(answers), seed))
    for ticket, script, given in zip(furnished.tickets, sat.paper.scripts, answers, strict=True):
        sat.attempts.append(_an_attempt(session, ticket, script if given is not None else None, given))
    return sat


def answer(
    session: Session,
    attempt: Attempt,
    script: Script,
    n: int,
    options: frozenset[str],
    seq: int,
    *,
    epoch: int = 1,
    standing: str = "counted",
    page_id: str = "",
) -> None:
    """One journal line of the n-th item in canonical order, by option identity."""
    item = next(item for item in script.layout if item["item_version_id"] == versions_of(script)[n])
    session.add(
        JournalEntry(
            attempt_id=attempt.id,
            page_id=page_id or f"{epoch:032x}",
            client_seq=seq,
            epoch=epoch,
            kind="answer",
            item_ref=item["ref"],
            value=sorted(ref for ref, option in item["options"].items() if option in options),
            client_time_ms=0,
            client_monotonic_ms=0,
            received_at=STARTS_AT + timedelta(minutes=10, seconds=seq),
            standing=standing,
            node_id="node",
        )
    )


def versions_of(script: Script) -> list[str]:
    """Item version ids in canonical order; the note keeps them apart from the displayed order."""
    return script.note.split()


def _an_attempt(
    session: Session, ticket: AdmissionTicket, script: Script | None, given: Mapping[int, frozenset[str]] | None
) -> Attempt:
    attempt = Attempt(
        id=new_id(),
        ticket_id=ticket.id,
        sitting_id=ticket.sitting_id,
        room_id=ticket.room_id,
        seat_id=ticket.seat_id,
        script_id=script.id if script else None,
        state="submitted" if script else "absent",
        epoch=1,
        started_at=STARTS_AT if script else None,
        ended_at=ENDS_AT,
        end_how="submit" if script else None,
        preferences={},
    )
    session.add(attempt)
    session.flush()
    if script is not None and given is not None:
        for seq, (n, options) in enumerate(given.items(), start=1):
            answer(session, attempt, script, n, options, seq)
        session.flush()
        attempt.answers_digest = answers_digest(counted_responses(session, attempt.id))
    return attempt


def _a_script(source: random.Random, package_id: str, form_id: str, versions: list[str], serial: int) -> Script:
    layout = []
    for n in source.sample(range(len(KEYS)), len(KEYS)):
        kind, _ = KEYS[n]
        identities = "TF" if kind == "true_false" else "ABCD"
        refs = {f"o{source.randrange(16**6):06x}": option for option in source.sample(identities, len(identities))}
        ref = f"i{source.randrange(16**6):06x}"
        layout.append({"ref": ref, "item_version_id": versions[n], "kind": kind, "points": POINTS, "options": refs})
    return Script(
        id=new_id(),
        package_id=package_id,
        form_id=form_id,
        form_label="A",
        serial=serial,
        layout=layout,
        wrapped_key=b"",
        file_name=f"{serial}.bin",
        note=" ".join(versions),
    )


def _an_item_version(session: Session, vault: Vault, kind: str, key: str, occupation_code: str) -> str:
    item_id, version_id = new_id(), new_id()
    if kind == "true_false":
        content = true_false(f"判断 {version_id}", right=key == "T")
    else:
        options = tuple(ItemOption(option, f"选项 {option} {version_id}") for option in "ABCD")
        content = ItemContent(ItemKind(kind), f"题干 {version_id}", options, frozenset(key))
    session.add(
        Item(
            id=item_id, occupation_code=occupation_code, level=4, point="A/01/001", kind=kind, state="accepted",
            difficulty=3, current_version_id=version_id, created_at=STARTS_AT,
        )
    )  # fmt: skip
    session.flush()
    session.add(
        ItemVersion(
            id=version_id, item_id=item_id, version=1, cipher=seal_content(vault, version_id, content),
            fingerprint=fingerprint(vault, content), made_at=STARTS_AT,
        )
    )  # fmt: skip
    session.flush()
    return version_id
