"""ID numbers of candidates: encrypted at rest, found by keyed hash, shown masked (security-and-reliability.md 9)."""

from __future__ import annotations

from server.adapters.vault import Vault


def seal_id_number(vault: Vault, candidate_id: str, id_number: str) -> bytes:
    """Ciphertext bound to the candidate's row."""
    return vault.seal(id_number.encode(), _aad(candidate_id))


def open_id_number(vault: Vault, candidate_id: str, cipher: bytes) -> str:
    """The full number. Only for the printed ticket, the certificate file and a revealed, audited look.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED`.
    """
    return vault.open(cipher, _aad(candidate_id)).decode()


def id_number_hash(vault: Vault, id_type: str, id_number: str) -> str:
    """Equal documents have equal hashes; nothing is learnt without the key."""
    return vault.keyed_hash("id-number", f"{id_type}:{id_number}")


def _aad(candidate_id: str) -> str:
    return f"candidate:{candidate_id}:id_number"
