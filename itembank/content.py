"""Sealing item contents into `ItemVersion` rows and opening them again; keyed fingerprints."""

from __future__ import annotations

from itembank.domain.duplicates import identity_text
from itembank.domain.item import ItemContent
from itembank.models import ItemVersion
from server.adapters.vault import Vault


def content_aad(version_id: str) -> str:
    """What binds a ciphertext to its row: moved elsewhere it does not open."""
    return f"item_version:{version_id}:content"


def seal_content(vault: Vault, version_id: str, content: ItemContent) -> bytes:
    """The `cipher` column of the version with that id."""
    return vault.seal(content.to_bytes(), content_aad(version_id))


def open_content(vault: Vault, version: ItemVersion) -> ItemContent:
    """What a version says, the key included.

    Raises:
        Forbidden: `CIPHERTEXT_REJECTED` when the row was moved or changed.
    """
    return ItemContent.from_bytes(vault.open(version.cipher, content_aad(version.id)))


def fingerprint(vault: Vault, content: ItemContent) -> str:
    """Keyed hash that same items share whatever their option order and key; 64 hexadecimal digits."""
    return vault.keyed_hash("item/fingerprint/1", identity_text(content))
