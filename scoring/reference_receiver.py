"""A small receiver of results, as a certification system could build it: for the demonstration and for tests.

POST /results   checks the key, the signature and the idempotency key, answers `{"receipt": …}`
GET  /results   how many results are held; no personal data

It keeps everything in memory. `fail_next` makes it fail on purpose.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify, request

from scoring.signatures import is_signed_by

MAX_BODY_BYTES = 256 * 1024


class ReferenceReceiver:
    """`app` is the WSGI application; the rest lets a test look inside and break things."""

    def __init__(self, trusted_keys: Collection[str]) -> None:
        self.trusted_keys = frozenset(trusted_keys)
        #: idempotency key → document, each once
        self.received: dict[str, dict[str, Any]] = {}
        #: every POST that arrived, refused and repeated ones included
        self.requests = 0
        self._receipts: dict[str, tuple[str, str]] = {}
        self._failures: list[int] = []
        self._lock = threading.Lock()
        self.app = Flask(__name__)
        self.app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
        self.app.add_url_rule("/results", "receive", self._receive, methods=["POST"])
        self.app.add_url_rule("/results", "count", self._count, methods=["GET"])

    def fail_next(self, times: int, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> None:
        """Answer the next `times` requests with `status`, having stored nothing."""
        self._failures.extend([int(status)] * times)

    def latest(self) -> dict[str, dict[str, Any]]:
        """Result id → the document with the highest revision: what takes effect, in whatever order it came."""
        found: dict[str, dict[str, Any]] = {}
        for document in self.received.values():
            result = document["result"]
            known = found.get(result["id"])
            if known is None or known["result"]["revision"] < result["revision"]:
                found[result["id"]] = document
        return found

    def _receive(self) -> tuple[Response, int]:
        body = request.get_data()
        key = request.headers.get("Idempotency-Key", "")
        with self._lock:
            self.requests += 1
            if self._failures:
                return jsonify(code="FAILING_ON_PURPOSE"), self._failures.pop(0)
            public_key = request.headers.get("X-Mingyuan-Key", "")
            if public_key not in self.trusted_keys:
                return jsonify(code="KEY_NOT_TRUSTED"), HTTPStatus.FORBIDDEN
            if not is_signed_by(public_key, body, request.headers.get("X-Mingyuan-Signature", "")):
                return jsonify(code="SIGNATURE_WRONG"), HTTPStatus.FORBIDDEN
            document = json.loads(body)
            if not key or document.get("idempotency_key") != key:
                return jsonify(code="IDEMPOTENCY_KEY_WRONG"), HTTPStatus.BAD_REQUEST
            digest = hashlib.sha256(body).hexdigest()
            if key in self._receipts:
                receipt, known_digest = self._receipts[key]
                if known_digest != digest:
                    return jsonify(code="IDEMPOTENCY_KEY_REUSED"), HTTPStatus.CONFLICT
                return jsonify(receipt=receipt), HTTPStatus.OK
            receipt = f"R{len(self._receipts) + 1:06d}-{digest[:12]}"
            self._receipts[key] = (receipt, digest)
            self.received[key] = document
        return jsonify(receipt=receipt), HTTPStatus.CREATED

    def _count(self) -> Response:
        return jsonify(received=len(self.received), results=len(self.latest()), requests=self.requests)
