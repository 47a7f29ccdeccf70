"""Candidate sessions: a random token in a cookie, its SHA-256 in the database."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.core.actor import Actor
from server.core.clock import Clock
from server.core.errors import NotSignedIn
from server.core.events import AttemptChanged, Event
from server.core.permissions import Role
from server.delivery.models import Attempt, CandidateSession

TOKEN_BYTES = 32
REMEMBERED_S = 15.0
MOST_REMEMBERED = 5_000
#: changes of an attempt that say nothing about who may write for it
HARMLESS = frozenset({"seen", "answers"})


def cookie_name(*, secure: bool) -> str:
    """`__Host-` where browsers reach us by https (they refuse that prefix over plain http)."""
    return "__Host-mingyuan-candidate" if secure else "mingyuan-candidate"


def hash_of(secret: str) -> str:
    """SHA-256 in hex: what is stored of tokens and device secrets."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SignedInCandidate:
    """Whose browser this is."""

    attempt_id: str
    sitting_id: str
    room_id: str
    epoch: int
    machine: str

    @property
    def actor(self) -> Actor:
        return Actor(id=self.attempt_id, role=Role.CANDIDATE, name="", machine=self.machine)


def begin_session(session: Session, attempt: Attempt, device_hash: str, machine: str, now: datetime) -> str:
    """End every older session of the attempt and return a fresh token (checklist A6, A8)."""
    session.execute(
        update(CandidateSession)
        .where(CandidateSession.attempt_id == attempt.id, CandidateSession.ended_at.is_(None))
        .values(ended_at=now)
    )
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        CandidateSession(
            token_hash=hash_of(token),
            attempt_id=attempt.id,
            epoch=attempt.epoch,
            device_hash=device_hash,
            machine=machine,
            created_at=now,
            ended_at=None,
        )
    )
    return token


def end_session(session: Session, token_hash: str, now: datetime) -> None:
    """The candidate leaves this browser; the attempt, its device and its answers stay as they are."""
    session.execute(
        update(CandidateSession)
        .where(CandidateSession.token_hash == token_hash, CandidateSession.ended_at.is_(None))
        .values(ended_at=now)
    )


def candidate_of(session: Session, token_hash: str) -> SignedInCandidate:
    """Whose log-in it is; `token_hash` as `hash_of` makes it, or as a node pass names it.

    Raises:
        NotSignedIn: `SESSION_ENDED`, or `SESSION_MOVED` when another device has taken over.
    """
    row = session.execute(
        select(
            CandidateSession.ended_at,
            Attempt.id,
            Attempt.sitting_id,
            Attempt.room_id,
            CandidateSession.epoch,
            CandidateSession.machine,
        )
        .join(Attempt, Attempt.id == CandidateSession.attempt_id)
        .where(CandidateSession.token_hash == token_hash)
    ).one_or_none()
    if row is None:
        raise NotSignedIn(
            "SESSION_ENDED", "尚未登录或登录已结束，请重新登录。", "Not signed in, or the log-in has ended."
        )
    ended_at, attempt_id, sitting_id, room_id, epoch, machine = row
    if ended_at is not None:
        raise NotSignedIn(
            "SESSION_MOVED",
            "您的考试已转到另一台电脑或另一个窗口继续，本页不再保存作答。如非本人操作请举手。",
            "Your exam goes on on another computer or window; this page saves nothing any more. Raise your hand if that was not you.",
        )
    return SignedInCandidate(attempt_id, sitting_id, room_id, epoch, machine)


class RememberedLogins:
    """Who held a log-in a moment ago, so that an answer by plain HTTP costs no more than one by the live channel.

    Whatever happens to the attempt is heard from the bus and ends the memory at once; should that be lost, it ends by itself.
    A page on the live channel is remembered for as long as it stays connected, so this is not the weaker of the two.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[SignedInCandidate, float]] = {}
        self._logins_of: dict[str, set[str]] = {}

    def keep(self, login: str, candidate: SignedInCandidate) -> None:
        """Remember what the database has just said."""
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
            self._logins_of.clear()
        self._known[login] = (candidate, self._clock.monotonic())
        self._logins_of.setdefault(candidate.attempt_id, set()).add(login)

    def recall(self, login: str) -> SignedInCandidate | None:
        """Whose it is, None when the database has to be asked."""
        known = self._known.get(login)
        if known is None or self._clock.monotonic() - known[1] > REMEMBERED_S:
            return None
        return known[0]

    def forget(self, event: Event) -> None:
        """Bus handler."""
        if isinstance(event, AttemptChanged) and event.what not in HARMLESS:
            for login in self._logins_of.pop(event.attempt_id, ()):
                self._known.pop(login, None)

    def drop(self, login: str) -> None:
        """Signed out."""
        self._known.pop(login, None)
