"""Use case: a person of the bank accepts or rejects a proposal to take an item out of papers."""

from __future__ import annotations

from itembank.domain.proposals import ProposalAction, ProposalState, advance_proposal
from itembank.domain.states import ItemAction, ItemState, advance_item
from itembank.models import Item, ItemProposal, ItemSignature
from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Forbidden, InvalidInput, NotFound
from server.core.ids import new_id
from server.core.permissions import Permission, may
from server.storage.unit_of_work import UnitOfWork


def decide_proposal(uow: UnitOfWork, proposal_id: str, accept: bool, reason: str, actor: Actor) -> ItemProposal:
    """Accepting suspends the item with this person's signature; rejecting leaves it as it is. Both say why.

    Raises:
        Forbidden: `FORBIDDEN`.
        InvalidInput: `REASON_REQUIRED`.
        NotFound: `PROPOSAL_NOT_FOUND`.
        Conflict: `TRANSITION_REFUSED`: decided already, or the item cannot be suspended any more.
    """
    if not may(actor.role, Permission.ANALYSIS_PROPOSAL_DECIDE):
        raise Forbidden("FORBIDDEN", "您的岗位没有这项权限。", "Your role does not allow this.")
    if not reason.strip():
        raise InvalidInput(
            "REASON_REQUIRED", "请写明原因，原因会写入审计日志。", "Give a reason; it goes into the audit log."
        )
    with uow() as work:
        proposal = work.session.get(ItemProposal, proposal_id, with_for_update=True)
        if proposal is None:
            raise NotFound("PROPOSAL_NOT_FOUND", "没有这条建议。", "There is no such proposal.")
        action = ProposalAction.ACCEPT if accept else ProposalAction.REJECT
        proposal.state = advance_proposal(ProposalState(proposal.state), action).value
        now = work.clock.now()
        proposal.decided_by, proposal.decided_at, proposal.reason = actor.id, now, reason.strip()
        item = work.session.get_one(Item, proposal.item_id, with_for_update=True)
        # another proposal about the same item may have suspended it already: then there is nothing left to do
        if accept and item.state != ItemState.SUSPENDED:
            item.state = advance_item(ItemState(item.state), ItemAction.SUSPEND).value
            work.session.add(
                ItemSignature(id=new_id(), item_id=item.id, step=ItemAction.SUSPEND.value, by=actor.id, at=now)
            )
        work.session.flush()
        record(
            work,
            actor,
            AuditAction.ANALYSIS_PROPOSAL_ACCEPTED if accept else AuditAction.ANALYSIS_PROPOSAL_REJECTED,
            f"item:{item.id}",
            {"proposal": proposal.id, "kind": proposal.kind, "item_state": item.state},
            reason=reason.strip(),
        )
    return proposal
