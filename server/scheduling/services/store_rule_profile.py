"""Keep a version of a rule profile."""

from __future__ import annotations

from server.audit.actions import AuditAction
from server.audit.log import record
from server.core.actor import Actor
from server.core.errors import Conflict
from server.scheduling.domain.rule_profile import RuleProfile, document_digest
from server.scheduling.models import RuleProfileVersion
from server.storage.unit_of_work import Work


def store_rule_profile(work: Work, profile: RuleProfile, actor: Actor) -> RuleProfileVersion:
    """Keep this version in the caller's transaction; keeping the same once more changes nothing.

    Raises:
        Conflict: `PROFILE_VERSION_TAKEN`: another document has this name and version.
    """
    document = profile.to_document()
    digest = document_digest(document)
    stored = work.session.get(RuleProfileVersion, (profile.name, profile.version))
    if stored is None:
        stored = RuleProfileVersion(
            name=profile.name, version=profile.version, document=document, digest=digest, created_at=work.clock.now()
        )
        work.session.add(stored)
        work.session.flush()
        subject = f"rule_profile:{profile.name}/{profile.version}"
        record(work, actor, AuditAction.SCHEDULING_RULE_PROFILE_STORED, subject, {"digest": digest})
    elif stored.digest != digest:
        raise Conflict(
            "PROFILE_VERSION_TAKEN",
            f"规则模板“{profile.name}”第 {profile.version} 版已存在且内容不同；请提高版本号。",
            f"Rule profile '{profile.name}' version {profile.version} exists with other content. Raise the version.",
        )
    return stored
