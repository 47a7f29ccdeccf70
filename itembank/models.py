"""Spec tables, items and their versions, papers, forms, sealed packages, scripts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.storage.base import Base, Id


class SpecTable(Base):
    """认定要素细目表 of one occupation and level, one version."""

    __tablename__ = "spec_table"
    __table_args__ = (UniqueConstraint("occupation_code", "level", "version"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # a short name for scripts, e.g. "demo"
    name: Mapped[str] = mapped_column(String(60), unique=True)
    occupation_code: Mapped[str] = mapped_column(String(20))
    occupation_name: Mapped[str] = mapped_column(String(80))
    level: Mapped[int]
    version: Mapped[int]
    # paper plan: quotas by type, points each, minutes (itembank/domain/paper_plan.py)
    paper_plan: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class SpecNode(Base):
    """A range 鉴定范围 or a point 鉴定点; `path` like "B/02/003" of any depth."""

    __tablename__ = "spec_node"

    spec_table_id: Mapped[str] = mapped_column(ForeignKey("spec_table.id"), primary_key=True)
    path: Mapped[str] = mapped_column(String(80), primary_key=True)
    # range | point
    kind: Mapped[str] = mapped_column(String(6))
    name: Mapped[str] = mapped_column(String(200))
    # percent of the paper in 1/100 percent; ranges only
    weight: Mapped[int | None]
    # X core, Y general, Z auxiliary; points only
    importance: Mapped[str | None] = mapped_column(String(1))
    # row order in the table
    position: Mapped[int]


class Item(Base):
    """An item 试题: what stays the same over its versions."""

    __tablename__ = "item"
    __table_args__ = (Index("ix_item_bank", "occupation_code", "level", "state"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    occupation_code: Mapped[str] = mapped_column(String(20))
    level: Mapped[int]
    # path of the point it measures
    point: Mapped[str] = mapped_column(String(80))
    # single | multiple | true_false
    kind: Mapped[str] = mapped_column(String(12))
    # ItemState of itembank/domain/states.py
    state: Mapped[str] = mapped_column(String(12))
    # items with the same mark are enemies 互斥题: never on one form
    enemy_group: Mapped[str | None] = mapped_column(String(60))
    # 1 (easy) … 5 (hard), the expert's step
    difficulty: Mapped[int]
    current_version_id: Mapped[str | None] = mapped_column(Id)
    # number in the source it came from, for re-imports
    source_ref: Mapped[str] = mapped_column(String(120), default="")
    author: Mapped[str] = mapped_column(String(64), default="")
    used_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class ItemVersion(Base):
    """The content of an item, encrypted with row-bound associated data. Immutable once used."""

    __tablename__ = "item_version"
    __table_args__ = (UniqueConstraint("item_id", "version"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("item.id"))
    version: Mapped[int]
    # ItemContent (itembank/domain/item.py) as canonical JSON, key included, under AES-GCM
    cipher: Mapped[bytes] = mapped_column(LargeBinary)
    # keyed hashes of the normalised stem + option set, for exact duplicates without decrypting
    fingerprint: Mapped[str] = mapped_column(String(64), index=True)
    made_at: Mapped[datetime]


class ItemSignature(Base):
    """A step of the item's way: who proofed, reviewed, accepted it."""

    __tablename__ = "item_signature"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    step: Mapped[str] = mapped_column(String(12))
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class Paper(Base):
    """A paper: parallel forms and backups from one spec table, one seed, one state of the bank."""

    __tablename__ = "paper"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    spec_table_id: Mapped[str] = mapped_column(ForeignKey("spec_table.id"))
    # PaperState of itembank/domain/paper_states.py
    state: Mapped[str] = mapped_column(String(12))
    plan: Mapped[dict[str, Any]]
    seed: Mapped[int]
    bank_digest: Mapped[str] = mapped_column(String(64))
    # digest over forms and their items: same seed and bank, same digest
    digest: Mapped[str] = mapped_column(String(64))
    # what the independent checker said
    check_report: Mapped[dict[str, Any]]
    # measured difficulties it was assembled with, {digest, p: {item version id: share}}; None: the experts' steps alone
    statistics: Mapped[dict[str, Any] | None]
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class PaperForm(Base):
    """A parallel form 平行卷. `items`: [[item_version_id, points in 1/100], …] in canonical order."""

    __tablename__ = "paper_form"
    __table_args__ = (UniqueConstraint("paper_id", "label"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("paper.id"), index=True)
    # A, B, C, D; backups S1, S2
    label: Mapped[str] = mapped_column(String(4))
    is_backup: Mapped[bool]
    items: Mapped[list[Any]]


class Package(Base):
    """A sealed bag 试卷袋 for one room: scripts under one package key that two secrets together unlock."""

    __tablename__ = "package"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    paper_id: Mapped[str] = mapped_column(ForeignKey("paper.id"))
    # words on the bag, e.g. "第一机房 正卷"
    label: Mapped[str] = mapped_column(String(120))
    is_backup: Mapped[bool] = mapped_column(default=False)
    # sealed | opened | retired
    state: Mapped[str] = mapped_column(String(10))
    script_count: Mapped[int]
    # digest of the manifest: forms, counts, file digests
    digest: Mapped[str] = mapped_column(String(64))
    # Ed25519 signature of the institution over the digest, hex
    signature: Mapped[str] = mapped_column(String(128), default="")
    # package key wrapped so that both opening secrets are needed: {format, kdf, salt, wrapped}
    lock: Mapped[dict[str, Any]]
    sealed_by: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    # the package key under the server's own key, from the opening on: any node can serve, and a restart too
    opened_key: Mapped[bytes | None] = mapped_column(LargeBinary)


class Script(Base):
    """One candidate's copy 一份试卷: order of items and options fixed at sealing, content in an encrypted file."""

    __tablename__ = "script"
    __table_args__ = (UniqueConstraint("package_id", "serial"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    package_id: Mapped[str] = mapped_column(ForeignKey("package.id"))
    form_id: Mapped[str] = mapped_column(ForeignKey("paper_form.id"))
    form_label: Mapped[str] = mapped_column(String(4))
    serial: Mapped[int]
    # [{ref, item_version_id, kind, points, options: {opaque ref: option id}}] in displayed order: identities, no text
    layout: Mapped[list[Any]]
    # the script's own AES key, wrapped by the package key
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    # <sha256>.bin under data/papers: AES-GCM(CandidatePaper JSON)
    file_name: Mapped[str] = mapped_column(String(80))
    taken_by: Mapped[str | None] = mapped_column(Id, unique=True)
    note: Mapped[str] = mapped_column(Text, default="")


class ItemStatistics(Base):
    """What use has shown of an item version, all sittings together. Replaced whenever one of its sittings is analysed anew."""

    __tablename__ = "item_statistics"

    item_version_id: Mapped[str] = mapped_column(ForeignKey("item_version.id"), primary_key=True)
    # candidates who had it on their paper; of those in sittings that were analysed
    exposures: Mapped[int]
    sittings: Mapped[int]
    # answers the figures rest on
    n: Mapped[int]
    # share of the marks obtained, 0 … 1
    p: Mapped[float | None]
    d27: Mapped[float | None]
    item_rest_r: Mapped[float | None]
    # of the calibration with the most answers; logits, D = 1
    a: Mapped[float | None]
    b: Mapped[float | None]
    se_a: Mapped[float | None]
    se_b: Mapped[float | None]
    # options, omitted, flags, median seconds: sealed, because they tell the key (scoring/analysis/sealed.py)
    cipher: Mapped[bytes] = mapped_column(LargeBinary)
    # hex SHA-256 over the digests of the inputs of its sittings
    input_digest: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class ItemSittingStatistics(Base):
    """The same of one sitting: the item's history."""

    __tablename__ = "item_sitting_statistics"

    item_version_id: Mapped[str] = mapped_column(ForeignKey("item_version.id"), primary_key=True)
    # the sitting; scheduling's table, which the bank does not know
    sitting_id: Mapped[str] = mapped_column(Id, primary_key=True)
    n: Mapped[int]
    p: Mapped[float | None]
    d27: Mapped[float | None]
    item_rest_r: Mapped[float | None]
    a: Mapped[float | None]
    b: Mapped[float | None]
    se_a: Mapped[float | None]
    se_b: Mapped[float | None]
    # options, omitted, flags, median seconds, curve: sealed
    cipher: Mapped[bytes] = mapped_column(LargeBinary)
    input_digest: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class ItemProposal(Base):
    """A proposal from use to take an item out of papers. Only a person of the bank accepts or rejects it."""

    __tablename__ = "item_proposal"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    item_id: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    item_version_id: Mapped[str] = mapped_column(ForeignKey("item_version.id"))
    # ProposalKind, ProposalState of itembank/domain/proposals.py
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(10), index=True)
    # why, in both languages, and the figures behind it: {words_zh, words_en, …}
    evidence: Mapped[dict[str, Any]]
    sitting_id: Mapped[str] = mapped_column(Id)
    made_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
