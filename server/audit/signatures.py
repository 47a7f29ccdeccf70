"""Checking Ed25519 signatures of audit heads; needs nothing but the public key."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.audit.domain.chain import HeadSignature, head_message


def is_signed_by(head: HeadSignature) -> bool:
    """True when the signature of `head` was made with the private half of the key it names."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(head.public_key))
        key.verify(bytes.fromhex(head.signature), head_message(head.seq, head.hash, head.at, head.node_id))
    except (InvalidSignature, ValueError):
        return False
    return True
