"""One spelling of a document, so that equal documents have equal digests and signatures."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(document: Any) -> bytes:
    """UTF-8 JSON with sorted keys, no blanks, Chinese as itself, no floats that are not numbers."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def canonical_digest(document: Any) -> str:
    """Hex SHA-256 of `canonical_json`."""
    return hashlib.sha256(canonical_json(document)).hexdigest()
