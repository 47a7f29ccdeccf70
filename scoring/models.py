"""Key versions, scores, results, the outbox toward the certification workflow, analyses and cases of similar papers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id


class MarkScheme(Base):
    """A version of the answer keys and marking rules of one paper. Encrypted; never changed, only followed."""

    __tablename__ = "mark_scheme"
    __table_args__ = (UniqueConstraint("paper_id", "version"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("paper.id"))
    version: Mapped[int]
    # JSON: {item_version_id: {kind, key: [option ids], points, rule, decision}} under the bank's envelope
    cipher: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(String(64))
    # None until a second person approved a correction; version 1 is the sealed paper's own key and needs none
    approved_by: Mapped[str | None] = mapped_column(String(64))
    # the version a correction was made from; it can only be approved while that one is in force
    based_on: Mapped[int | None]
    made_at: Mapped[datetime]


class AttemptScore(Base):
    """A score: a pure function of (answers digest, form, mark scheme version, rule version). Units: 1/100 point."""

    __tablename__ = "attempt_score"
    __table_args__ = (UniqueConstraint("attempt_id", "mark_scheme_id", "rule_version"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    mark_scheme_id: Mapped[str] = mapped_column(ForeignKey("mark_scheme.id"))
    rule_version: Mapped[str] = mapped_column(String(20))
    answers_digest: Mapped[str] = mapped_column(String(64))
    score: Mapped[int] = mapped_column(Integer)
    full_score: Mapped[int] = mapped_column(Integer)
    # [{item_ref, n, mark, full, reason}] in paper order; no key in it
    marks: Mapped[list[Any]]
    # hex SHA-256 over everything above
    digest: Mapped[str] = mapped_column(String(64))
    scored_at: Mapped[datetime]


class Result(Base):
    """What is told to the world about one candidate and sitting. Absent and void have no score."""

    __tablename__ = "result"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id"), unique=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    # ResultState of scoring/domain/states.py
    state: Mapped[str] = mapped_column(String(12))
    # taken | absent | void
    attendance: Mapped[str] = mapped_column(String(8))
    score_id: Mapped[str | None] = mapped_column(ForeignKey("attempt_score.id"))
    # 1/100 point, after the one rounding of the profile
    score: Mapped[int | None]
    passed: Mapped[bool | None]
    # 1 at the first release, raised by every amendment: the receiver keeps the highest
    revision: Mapped[int] = mapped_column(default=1)
    confirmed_by: Mapped[str | None] = mapped_column(Id)
    confirmed_at: Mapped[datetime | None]
    released_by: Mapped[str | None] = mapped_column(Id)
    released_at: Mapped[datetime | None]


class OutboxMessage(Base):
    """Something to deliver: written with the change it reports, kept until the receiver's receipt."""

    __tablename__ = "outbox_message"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # stable across every retry; the receiver's key against doubles
    idempotency_key: Mapped[str] = mapped_column(String(80), unique=True)
    topic: Mapped[str] = mapped_column(String(40))
    # the result it reports
    subject_id: Mapped[str] = mapped_column(Id, index=True)
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    last_error: Mapped[str] = mapped_column(Text, default="")
    # the receiver refused it for good; a person has to look (dead letter)
    dead_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    receipt: Mapped[str | None] = mapped_column(String(200))


class SittingAnalysis(Base):
    """The last analysis of a sitting: what its item, paper and room pages are drawn from."""

    __tablename__ = "sitting_analysis"

    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), primary_key=True)
    # running | done | failed
    state: Mapped[str] = mapped_column(String(10))
    # {part, done, total} while it runs
    progress: Mapped[dict[str, Any]]
    # when it began, or last said how far it is: one that is silent for long has died with its process
    heard_at: Mapped[datetime]
    # code and words of the refusal when it failed, else {}
    refusal: Mapped[dict[str, Any]]
    # {candidates, flagged, run_id, basis} of the last one that came to an end; {} before
    summary: Mapped[dict[str, Any]]
    # items, forms, behaviour: sealed, because figures of options tell the key (scoring/analysis/sealed.py)
    cipher: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    # over answers, forms and keys; and over the document
    input_digest: Mapped[str] = mapped_column(String(64), default="")
    digest: Mapped[str] = mapped_column(String(64), default="")
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime | None]


class SimilarityRun(Base):
    """One comparison of a sitting's papers; kept, because cases refer to it."""

    __tablename__ = "similarity_run"
    __table_args__ = (UniqueConstraint("sitting_id", "digest"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"))
    # pairs by attempt, clusters, families, null
    document: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class SimilarityCase(Base):
    """Two papers that a person looks at because they are alike. No number closes it, and it voids nothing."""

    __tablename__ = "similarity_case"
    __table_args__ = (UniqueConstraint("attempt_a", "attempt_b"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("similarity_run.id"))
    # the smaller id first
    attempt_a: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    attempt_b: Mapped[str] = mapped_column(ForeignKey("attempt.id"))
    # CaseState of scoring/domain/cases.py
    state: Mapped[str] = mapped_column(String(14))
    # the pair's line as it was when the case was opened
    figures: Mapped[dict[str, Any]]
    reviewer_id: Mapped[str] = mapped_column(Id, index=True)
    opened_by: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]
    # no_finding | referred
    conclusion: Mapped[str | None] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
