"""PINs of admission tickets: random, printed once, stored as a keyed hash (security-and-reliability.md 7.1)."""

from __future__ import annotations

import hmac
import secrets

from server.adapters.vault import Vault

PIN_DIGITS = 6


def new_pin() -> str:
    """Six random decimal digits."""
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"


def pin_hmac(vault: Vault, ticket_number: str, pin: str) -> str:
    """What is stored of a PIN; bound to its ticket, so equal PINs do not show."""
    return vault.keyed_hash("ticket-pin", ticket_number + pin)


def pin_matches(vault: Vault, ticket_number: str, pin: str, stored: str) -> bool:
    """Compare in constant time. For an unknown ticket pass any `stored`: the work is the same."""
    return hmac.compare_digest(pin_hmac(vault, ticket_number, pin), stored)
