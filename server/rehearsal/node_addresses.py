"""The nodes in the order in which one simulated person tries them."""

from __future__ import annotations

from collections.abc import Sequence


class NodeAddresses:
    """Everybody begins at a node of their own choice and goes to the next one when it does not answer."""

    def __init__(self, addresses: str | Sequence[str], begin_with: int = 0) -> None:
        addresses = (addresses,) if isinstance(addresses, str) else tuple(addresses)
        turn = begin_with % len(addresses)
        self._addresses = (*addresses[turn:], *addresses[:turn])
        self._turn = 0

    @property
    def current(self) -> str:
        """`http://host:port` of the node to talk to."""
        return self._addresses[self._turn % len(self._addresses)]

    @property
    def moves(self) -> int:
        """How often another node was chosen; stays 0 with one node."""
        return self._turn

    def move_on(self) -> bool:
        """The current node did not answer; False when there is no other."""
        if len(self._addresses) == 1:
            return False
        self._turn += 1
        return True
