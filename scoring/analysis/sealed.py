"""Figures at rest. Which option goes with a high score tells the key, so figures of options are sealed as keys are."""

from __future__ import annotations

import json
import zlib
from typing import Any

from itembank.models import ItemSittingStatistics, ItemStatistics
from scoring.domain.canonical import canonical_json
from scoring.models import SittingAnalysis
from server.adapters.vault import Vault

Row = ItemStatistics | ItemSittingStatistics | SittingAnalysis


def figures_aad(row: Row) -> str:
    """What binds a row's figures to the row: moved elsewhere they do not open."""
    if isinstance(row, SittingAnalysis):
        return f"sitting_analysis:{row.sitting_id}:figures"
    sitting = row.sitting_id if isinstance(row, ItemSittingStatistics) else "all"
    return f"item_statistics:{row.item_version_id}:{sitting}"


def seal_figures(vault: Vault, row: Row, document: dict[str, Any]) -> None:
    """Put the document into the row."""
    row.cipher = vault.seal(zlib.compress(canonical_json(document)), figures_aad(row))


def open_figures(vault: Vault, row: Row) -> dict[str, Any]:
    """The document in the row; {} when there is none yet.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED` when the row was moved or changed.
    """
    if row.cipher is None:
        return {}
    document: dict[str, Any] = json.loads(zlib.decompress(vault.open(row.cipher, figures_aad(row))))
    return document
