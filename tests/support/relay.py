"""The relay of `mingyuan rehearse`."""

from server.rehearsal.relay import Relay

__all__ = ["Relay"]
