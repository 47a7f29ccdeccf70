"""Where a rehearsal may send its load: this machine, private networks; elsewhere only when told twice."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from server.core.errors import Forbidden, InvalidInput


def _resolve(host: str) -> list[str]:
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None)})
    except OSError:
        return []


def check_addresses(
    addresses: Sequence[str], told_again: Sequence[str] = (), resolve: Callable[[str], list[str]] = _resolve
) -> list[str]:
    """The addresses without a slash at the end, if load may go there.

    Args:
        told_again: foreign addresses repeated on purpose (`--yes-foreign`).

    Raises:
        InvalidInput: `ADDRESS_INVALID`.
        Forbidden: `FOREIGN_ADDRESS`: neither loopback nor private, and not repeated.
    """
    repeated = {one.rstrip("/") for one in told_again}
    allowed = []
    for address in addresses:
        plain = address.rstrip("/")
        parts = urlsplit(plain)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
            raise InvalidInput(
                "ADDRESS_INVALID",
                f"地址应写成 http://主机:端口，收到：{address}",
                f"Write http://host:port, not {address}.",
            )
        found = [parts.hostname] if _is_ip(parts.hostname) else resolve(parts.hostname)
        if not (found and all(_is_near(one) for one in found)) and plain not in repeated:
            raise Forbidden(
                "FOREIGN_ADDRESS",
                f"{plain} 不是本机或内网地址，演练拒绝向它发送负载。确属您的服务器时，请再写一次：--yes-foreign {plain}",
                f"{plain} is neither this machine nor a private network. If it is yours, say it again: --yes-foreign {plain}",
                address=plain,
            )
        allowed.append(plain)
    return allowed


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_near(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    documentation = (
        ipaddress.ip_network("192.0.2.0/24"),
        ipaddress.ip_network("198.51.100.0/24"),
        ipaddress.ip_network("203.0.113.0/24"),
    )
    if found.version == 4 and any(found in network for network in documentation):
        return False  # private by the letter, and nobody's LAN
    return (found.is_loopback or found.is_private or found.is_link_local) and not found.is_unspecified
