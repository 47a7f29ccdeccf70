"""HTTP of papers: which there are, and assembling one by spec table. Numbers only; no item leaves through here."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask, Response, jsonify
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.models import Paper, PaperForm, SpecTable
from itembank.services.assemble_paper import assemble_paper
from server.core.permissions import Permission
from server.webkit.guards import current_actor, require
from server.webkit.parsing import parse
from server.webkit.platform import Platform

PAPERS_SHOWN = 200


class PaperWanted(BaseModel):
    """POST /api/bank/assemble-paper. Without a seed chance chooses one, and it is kept with the paper."""

    model_config = ConfigDict(extra="forbid")

    spec_table_id: str = Field(max_length=64)
    forms: int = Field(4, ge=1, le=26)
    backups: int = Field(1, ge=0, le=10)
    seed: int | None = Field(None, ge=0, lt=2**31)


def register(app: Flask, platform: Platform) -> None:
    """Attach `/api/bank/papers` and `/api/bank/assemble-paper`."""

    @app.get("/api/bank/papers")
    @require(Permission.BANK_PAPER_ASSEMBLE)
    def papers() -> Response:
        with platform.uow.read() as session:
            return jsonify(papers=_papers(session))

    @app.post("/api/bank/assemble-paper")
    @require(Permission.BANK_PAPER_ASSEMBLE)
    def assemble() -> Response:
        wanted = parse(PaperWanted)
        seed = secrets.randbelow(2**31) if wanted.seed is None else wanted.seed
        made = assemble_paper(
            platform.uow, platform.vault, wanted.spec_table_id, wanted.forms, wanted.backups, seed, current_actor()
        )
        return jsonify(
            paper_id=made.paper_id,
            violations=made.violations,
            notices=made.notices,
            max_overlap_items=made.max_overlap,
            forms=[{"label": form.label, "is_backup": form.is_backup, "items": len(form.items)} for form in made.forms],
        )


def _papers(session: Session) -> list[dict[str, Any]]:
    """Papers with their forms and state, latest first."""
    forms: dict[str, list[str]] = {}
    for paper_id, label in session.execute(
        select(PaperForm.paper_id, PaperForm.label).where(PaperForm.is_backup.is_(False)).order_by(PaperForm.label)
    ):
        forms.setdefault(paper_id, []).append(label)
    query = select(Paper, SpecTable).join(SpecTable, SpecTable.id == Paper.spec_table_id).order_by(Paper.made_at.desc())
    return [
        {
            "id": paper.id,
            "occupation_code": table.occupation_code,
            "occupation_name": table.occupation_name,
            "level": table.level,
            "state": paper.state,
            "forms": forms.get(paper.id, []),
            "made_at": paper.made_at.isoformat(),
            "digest": paper.digest,
            "violations": len(paper.check_report.get("violations") or []),
        }
        for paper, table in session.execute(query.limit(PAPERS_SHOWN))
    ]
