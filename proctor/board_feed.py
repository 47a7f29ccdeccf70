"""Coalesced deltas of committed state for the rooms somebody watches on this node."""

from __future__ import annotations


class BoardFeed:
    """One a process; made by `proctor.socket.register`."""
