"""Checking the Ed25519 signature of what we hand over; needs the public key and nothing else."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def is_signed_by(public_key_hex: str, body: bytes, signature_hex: str) -> bool:
    """True when `signature_hex` over exactly these bytes was made with the private half of the key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key_hex))
        key.verify(bytes.fromhex(signature_hex), body)
    except (InvalidSignature, ValueError):
        return False
    return True
