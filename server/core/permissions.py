"""Who may do what: permissions `<context>:<thing>:<action>`, roles, and the reach of a role.

Least privilege (domain.md 6). Reach says *where* a permission holds: everywhere on the site, in the
rooms a person is assigned to, or in the one attempt a candidate sits.
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """Everything that can be allowed; sorted."""

    ACCOUNTS_ACCOUNT_MANAGE = "accounts:account:manage"
    ANALYSIS_CASE_OPEN = "analysis:case:open"
    ANALYSIS_CASE_REVIEW = "analysis:case:review"
    ANALYSIS_PAIR_READ = "analysis:pair:read"
    ANALYSIS_PROPOSAL_DECIDE = "analysis:proposal:decide"
    ANALYSIS_SITTING_READ = "analysis:sitting:read"
    ANALYSIS_SITTING_START = "analysis:sitting:start"
    AUDIT_LOG_READ = "audit:log:read"
    BANK_ITEM_ACCEPT = "bank:item:accept"
    BANK_ITEM_IMPORT = "bank:item:import"
    BANK_ITEM_READ = "bank:item:read"
    BANK_PAPER_ASSEMBLE = "bank:paper:assemble"
    BANK_PAPER_SEAL = "bank:paper:seal"
    DELIVERY_ANSWER_RECORD = "delivery:answer:record"
    DELIVERY_ATTEMPT_READ_OWN = "delivery:attempt:read_own"
    PROCTOR_ATTEMPT_COLLECT = "proctor:attempt:collect"
    PROCTOR_BOARD_READ = "proctor:board:read"
    PROCTOR_IDENTITY_CHECK = "proctor:identity:check"
    PROCTOR_INCIDENT_RECORD = "proctor:incident:record"
    PROCTOR_JOURNAL_IMPORT = "proctor:journal:import"
    PROCTOR_MESSAGE_SEND = "proctor:message:send"
    PROCTOR_PAPER_OPEN = "proctor:paper:open"
    PROCTOR_RECORD_SIGN = "proctor:record:sign"
    PROCTOR_SEAT_RELEASE = "proctor:seat:release"
    PROCTOR_TIME_GRANT = "proctor:time:grant"
    RESULTS_RESULT_CONFIRM = "results:result:confirm"
    RESULTS_RESULT_READ = "results:result:read"
    RESULTS_RESULT_RELEASE = "results:result:release"
    SAFEKEEPING_FREEZE_OVERRIDE = "safekeeping:freeze:override"
    SAFEKEEPING_READINESS_READ = "safekeeping:readiness:read"
    SCHEDULING_SITTING_PLAN = "scheduling:sitting:plan"
    SCHEDULING_SITTING_READ = "scheduling:sitting:read"
    SCHEDULING_TIME_CONFIRM = "scheduling:time:confirm"
    TAKEOVER_STANDBY_DECIDE = "takeover:standby:decide"


class Role(StrEnum):
    """Roles of domain.md 6 that have a log-in, and the candidate."""

    SITE_HEAD = "site_head"  # 所长
    OFFICE_HEAD = "office_head"  # 办公室主任
    EXAM_CLERK = "exam_clerk"  # 考务员
    BANK_KEEPER = "bank_keeper"  # 题库管理员
    PROCTOR = "proctor"  # 监考员
    INSPECTOR = "inspector"  # 巡考
    SUPERVISOR = "supervisor"  # 质量督导员, read-only
    SYSADMIN = "sysadmin"  # 系统管理员
    SECADMIN = "secadmin"  # 安全管理员
    AUDITADMIN = "auditadmin"  # 审计管理员
    CANDIDATE = "candidate"  # 考生


class Reach(StrEnum):
    """Where a role's permissions hold."""

    SITE = "site"
    ROOM = "room"
    ATTEMPT = "attempt"


_P = Permission
_PROCTOR_ACTS = frozenset(p for p in Permission if p.value.startswith("proctor:"))
_READINESS = frozenset({_P.SAFEKEEPING_READINESS_READ})

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.SITE_HEAD: frozenset(
        {_P.RESULTS_RESULT_RELEASE, _P.RESULTS_RESULT_READ, _P.SCHEDULING_SITTING_READ, _P.SCHEDULING_TIME_CONFIRM}
        | _READINESS
        | {_P.SAFEKEEPING_FREEZE_OVERRIDE, _P.TAKEOVER_STANDBY_DECIDE}
        | {_P.ANALYSIS_SITTING_READ, _P.ANALYSIS_PAIR_READ, _P.ANALYSIS_CASE_REVIEW}
    ),
    Role.OFFICE_HEAD: frozenset(
        {
            _P.ANALYSIS_CASE_OPEN,
            _P.ANALYSIS_CASE_REVIEW,
            _P.ANALYSIS_PAIR_READ,
            _P.ANALYSIS_SITTING_READ,
            _P.ANALYSIS_SITTING_START,
            _P.RESULTS_RESULT_RELEASE,
            _P.RESULTS_RESULT_READ,
            _P.SCHEDULING_SITTING_PLAN,
            _P.SCHEDULING_SITTING_READ,
            _P.SCHEDULING_TIME_CONFIRM,
            _P.PROCTOR_BOARD_READ,
            _P.PROCTOR_JOURNAL_IMPORT,
            _P.SAFEKEEPING_FREEZE_OVERRIDE,
            _P.TAKEOVER_STANDBY_DECIDE,
        }
        | _READINESS
    ),
    Role.EXAM_CLERK: frozenset(
        {_P.SCHEDULING_SITTING_PLAN, _P.SCHEDULING_SITTING_READ, _P.RESULTS_RESULT_CONFIRM, _P.RESULTS_RESULT_READ}
        | {_P.ANALYSIS_CASE_REVIEW}
        | _READINESS
    ),
    Role.BANK_KEEPER: frozenset(
        {_P.BANK_ITEM_ACCEPT, _P.BANK_ITEM_IMPORT, _P.BANK_ITEM_READ, _P.BANK_PAPER_ASSEMBLE, _P.BANK_PAPER_SEAL}
        | {_P.ANALYSIS_SITTING_READ, _P.ANALYSIS_SITTING_START, _P.ANALYSIS_PROPOSAL_DECIDE}
    ),
    Role.PROCTOR: _PROCTOR_ACTS,
    Role.INSPECTOR: frozenset({_P.PROCTOR_BOARD_READ, _P.PROCTOR_INCIDENT_RECORD, _P.PROCTOR_JOURNAL_IMPORT}),
    Role.SUPERVISOR: frozenset({_P.PROCTOR_BOARD_READ, _P.SCHEDULING_SITTING_READ}),
    Role.SYSADMIN: frozenset(
        {_P.ACCOUNTS_ACCOUNT_MANAGE, _P.SAFEKEEPING_FREEZE_OVERRIDE, _P.TAKEOVER_STANDBY_DECIDE} | _READINESS
    ),
    Role.SECADMIN: frozenset(),
    Role.AUDITADMIN: frozenset({_P.AUDIT_LOG_READ}),
    Role.CANDIDATE: frozenset({_P.DELIVERY_ANSWER_RECORD, _P.DELIVERY_ATTEMPT_READ_OWN}),
}

ROLE_REACH: dict[Role, Reach] = {
    **dict.fromkeys(Role, Reach.SITE),
    Role.PROCTOR: Reach.ROOM,
    Role.CANDIDATE: Reach.ATTEMPT,
}

#: Roles that one account must never hold together (等保 level 3, three administrators).
EXCLUSIVE_ROLES: frozenset[Role] = frozenset({Role.SYSADMIN, Role.SECADMIN, Role.AUDITADMIN})


def may(role: Role, permission: Permission) -> bool:
    """Deny by default: true only when the role's table holds the permission."""
    return permission in ROLE_PERMISSIONS.get(role, frozenset())
