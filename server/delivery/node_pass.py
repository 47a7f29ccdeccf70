"""What a candidate's page shows at a node it did not come from: cookies do not follow it there.

A pass is the name of one log-in (the SHA-256 of its token, as stored) with a keyed hash of it under the server's own
key. It is good at every node, as long as that log-in lasts, and reading the database does not let anybody make one.
"""

from __future__ import annotations

import hmac
import re

from server.adapters.vault import Vault

SCHEME = "NodePass"
_PURPOSE = "delivery/node-pass"
_SHAPE = re.compile(r"([a-f0-9]{64})\.([a-f0-9]{64})")


def issue_pass(vault: Vault, token_hash: str) -> str:
    """The pass of a log-in, 129 characters."""
    return f"{token_hash}.{vault.keyed_hash(_PURPOSE, token_hash)}"


def read_pass(vault: Vault, text: str) -> str | None:
    """The log-in's token hash; None when the pass is not one of ours."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    token_hash, mac = found.groups()
    return token_hash if hmac.compare_digest(mac, vault.keyed_hash(_PURPOSE, token_hash)) else None


def pass_in_header(vault: Vault, header: str) -> str | None:
    """Likewise, from `Authorization: NodePass …`."""
    scheme, _, text = header.partition(" ")
    return read_pass(vault, text.strip()) if scheme == SCHEME else None
