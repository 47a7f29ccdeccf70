"""Ways out of the house: HTTP and a watched folder. Each delivers one signed document and brings a receipt back."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import httpx

from server.settings import Settings

#: Bounds of one delivery: a receiver that hangs must not hold the queue.
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
MAX_REPLY_BYTES = 64 * 1024
MAX_RECEIPT_LENGTH = 200
#: 4xx answers that say "later", not "never".
TRANSIENT_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """Canonical JSON, its Ed25519 signature and the public key, both in hex."""

    idempotency_key: str
    body: bytes
    signature: str
    public_key: str


class DeliveryFailedError(Exception):
    """Not delivered. `is_final`: the receiver will never take it as it is; otherwise it is tried again."""

    def __init__(self, message: str, *, is_final: bool = False, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.retry_after = retry_after


class Connector(Protocol):
    """One way of delivery."""

    def deliver(self, document: SignedDocument) -> str:
        """Deliver and return the receipt (at most 200 characters). The same key may be delivered again.

        Raises:
            DeliveryFailedError: with whether it is final.
        """
        ...


class HttpConnector:
    """POST of the signed JSON. Follows no redirect, uses no proxy of the environment, waits a bounded time."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False, transport=transport)

    def deliver(self, document: SignedDocument) -> str:
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": document.idempotency_key,
            "X-Mingyuan-Signature": document.signature,
            "X-Mingyuan-Key": document.public_key,
        }
        try:
            with self._client.stream("POST", self.url, content=document.body, headers=headers) as response:
                body = _read_bounded(response)
        except httpx.HTTPError as error:
            raise DeliveryFailedError(f"{type(error).__name__}: {error}") from error
        status = response.status_code
        if response.is_success:
            return _receipt_in(body)
        is_final = response.is_client_error and status not in TRANSIENT_STATUSES
        reply = body[:200].decode("utf-8", "replace")
        raise DeliveryFailedError(f"HTTP {status}: {reply}", is_final=is_final, retry_after=_retry_after(response))

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()


class FolderConnector:
    """A watched folder: `<key>.json` appears complete or not at all, its signature `<key>.json.sig` just before it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deliver(self, document: SignedDocument) -> str:
        name = f"{document.idempotency_key}.json"
        signature = {"signature": document.signature, "key": document.public_key}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._place(f"{name}.sig", json.dumps(signature, sort_keys=True).encode())
            self._place(name, document.body)
        except OSError as error:
            raise DeliveryFailedError(f"{type(error).__name__}: {error}") from error
        return f"file:{name}:{hashlib.sha256(document.body).hexdigest()[:16]}"

    def _place(self, name: str, content: bytes) -> None:
        partial = self.folder / f".{name}.part"
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / name)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class EveryConnector:
    """Delivered when everyone has it; after a failure all are tried again, which receivers tolerate."""

    def __init__(self, connectors: Sequence[Connector]) -> None:
        self.connectors = connectors

    def deliver(self, document: SignedDocument) -> str:
        return " ".join(connector.deliver(document) for connector in self.connectors)[:MAX_RECEIPT_LENGTH]


def connector_from(settings: Settings) -> Connector | None:
    """What the settings name; None when results are handed over by hand (`results export`)."""
    connectors: list[Connector] = []
    if settings.certification_url:
        connectors.append(HttpConnector(settings.certification_url))
    if settings.certification_folder is not None:
        connectors.append(FolderConnector(settings.certification_folder))
    if len(connectors) > 1:
        return EveryConnector(connectors)
    return connectors[0] if connectors else None


def _read_bounded(response: httpx.Response) -> bytes:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise DeliveryFailedError(f"HTTP {response.status_code}: the reply is longer than {MAX_REPLY_BYTES} bytes")
    return body


def _receipt_in(body: bytes) -> str:
    # "200 OK" of some box in between is not a receipt; only the receiver's own word ends the retries.
    try:
        document: Any = json.loads(body)
    except ValueError:
        document = None
    receipt = document.get("receipt") if isinstance(document, dict) else None
    if not isinstance(receipt, str) or not 0 < len(receipt) <= MAX_RECEIPT_LENGTH:
        raise DeliveryFailedError("the receiver's reply has no receipt")
    return receipt


def _retry_after(response: httpx.Response) -> timedelta | None:
    seconds = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(seconds)) if seconds.isascii() and seconds.isdigit() and len(seconds) < 6 else None
