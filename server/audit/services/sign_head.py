"""Sign where the audit chain ends now."""

from __future__ import annotations

from server.adapters.vault import Vault
from server.audit.domain.chain import head_message
from server.audit.log import lock_head
from server.audit.models import SignedHead
from server.storage.unit_of_work import UnitOfWork


def sign_head(uow: UnitOfWork, vault: Vault, node_id: str) -> SignedHead | None:
    """Store a signed head, so that a later cut or rewrite of the chain is found. None when the log is empty.

    A head protects once it has left this machine: export it, print it, keep it elsewhere (`export_log`).
    Not itself an audit entry: it would never end.
    """
    with uow() as work:
        head = lock_head(work.session)
        if head.seq == 0:
            return None
        signed = work.session.get(SignedHead, head.seq)
        if signed is None:
            now = work.clock.now()
            signed = SignedHead(
                seq=head.seq,
                hash=head.hash,
                at=now,
                node_id=node_id,
                public_key=vault.public_key_hex(),
                signature=vault.sign(head_message(head.seq, head.hash, now, node_id)),
            )
            work.session.add(signed)
    return signed
