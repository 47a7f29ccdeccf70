"""Secrets at rest: AES-256-GCM envelopes, keyed hashes, the institution's Ed25519 signature.

Every ciphertext is bound to its row by associated data `table:row:purpose`: moved elsewhere it does not open
(security-and-reliability.md 8). Layout: one algorithm byte, 12 bytes random nonce, ciphertext with tag.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.core.errors import Forbidden

ALGORITHM_AES_256_GCM = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32


def new_key() -> bytes:
    """A fresh random 256-bit key."""
    return secrets.token_bytes(KEY_BYTES)


def derive_key(secret: bytes, purpose: str, salt: bytes | None = None) -> bytes:
    """HKDF-SHA-256 of `secret` for one purpose, 32 bytes."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=purpose.encode()).derive(secret)


def seal_with(key: bytes, plaintext: bytes, aad: str) -> bytes:
    """Encrypt under `key`, bound to `aad`."""
    nonce = os.urandom(NONCE_BYTES)
    return ALGORITHM_AES_256_GCM + nonce + AESGCM(key).encrypt(nonce, plaintext, aad.encode())


def open_with(key: bytes, cipher: bytes, aad: str) -> bytes:
    """Decrypt what `seal_with` made.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED`: wrong key, moved row, or changed bytes.
    """
    if cipher[:1] != ALGORITHM_AES_256_GCM:
        raise _rejected()
    try:
        return AESGCM(key).decrypt(cipher[1 : 1 + NONCE_BYTES], cipher[1 + NONCE_BYTES :], aad.encode())
    except InvalidTag:
        raise _rejected() from None


def _rejected() -> Forbidden:
    return Forbidden(
        "CIPHERTEXT_REJECTED",
        "密文无法解开：密钥不符或内容被改动。",
        "The ciphertext does not open: wrong key or changed bytes.",
    )


class Vault:
    """The server's own keys, all derived from one master key kept in a file of mode 0600."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != KEY_BYTES:
            raise ValueError("the master key has 32 bytes")
        self._envelope = derive_key(master_key, "mingyuan/envelope/1")
        self._hash = derive_key(master_key, "mingyuan/keyed-hash/1")
        self._signer = Ed25519PrivateKey.from_private_bytes(derive_key(master_key, "mingyuan/signature/1"))

    @classmethod
    def load_or_create(cls, key_file: Path) -> Vault:
        """Read the master key, or make it on the very first start."""
        if not key_file.exists():
            key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(new_key().hex().encode())
                file.flush()
                os.fsync(file.fileno())
        return cls(bytes.fromhex(key_file.read_text().strip()))

    def seal(self, plaintext: bytes, aad: str) -> bytes:
        """Encrypt under the server's envelope key, bound to `aad`."""
        return seal_with(self._envelope, plaintext, aad)

    def open(self, cipher: bytes, aad: str) -> bytes:
        """Decrypt what `seal` made.

        Raises:
            Forbidden: `CIPHERTEXT_REJECTED`.
        """
        return open_with(self._envelope, cipher, aad)

    def keyed_hash(self, purpose: str, text: str) -> str:
        """HMAC-SHA-256 in hex: equal texts are found again, nothing is learnt without the key."""
        return hmac.new(self._hash, f"{purpose}\x00{text}".encode(), hashlib.sha256).hexdigest()

    def sign(self, message: bytes) -> str:
        """Ed25519 signature in hex."""
        return self._signer.sign(message).hex()

    def public_key_hex(self) -> str:
        """The key that verifies `sign`, 32 bytes in hex."""
        return self._signer.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
