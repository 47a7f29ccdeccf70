"""The certification system's side in tests: the product's own reference receiver."""

from __future__ import annotations

from scoring.reference_receiver import ReferenceReceiver

__all__ = ["ReferenceReceiver"]
