"""Sealed packages: two people, two secrets, nothing readable before."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import text

from itembank import queries
from itembank.domain.sealing import open_paper
from itembank.models import Item, Package, Paper, Script
from itembank.services.check_paper import check_paper
from itembank.services.unlock_package import prepare_opening, read_manifest, unlock_package
from server.audit.models import AuditEntry
from server.core.actor import SYSTEM
from server.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from server.storage.database import Database
from tests.factories.paper_rows import MARKER, PaperWorld, a_paper_world


@pytest.fixture
def world(database: Database, tmp_path: Path) -> PaperWorld:
    return a_paper_world(database, tmp_path / "papers")


@pytest.fixture
def embedded_world(sqlite_database: Database, tmp_path: Path) -> PaperWorld:
    """Where the engine makes no difference."""
    return a_paper_world(sqlite_database, tmp_path / "papers")


def _unlock(world: PaperWorld, package_id: str, one: str, other: str):
    with world.uow() as work:
        return unlock_package(work, world.vault, package_id, one, other, SYSTEM)


def _script_of(world: PaperWorld, package_id: str, form: str = "A", attempt: str = "attempt-1") -> Script:
    with world.uow() as work:
        return queries.take_script(work.session, package_id, form, attempt)


def test_two_secrets_open_a_package_and_every_script_is_read(world: PaperWorld) -> None:
    paper = world.assemble()
    sealed = world.seal(paper.paper_id)
    opened = _unlock(world, sealed.package_id, *sealed.opening_secrets)
    assert (opened.digest, opened.script_count) == (sealed.digest, 4)

    script = _script_of(world, sealed.package_id)
    with world.uow.read() as session:
        key = queries.script_key(session, world.vault, script.id)
        layout = queries.script_layout(session, script.id)
    document = open_paper(key, script.id, (world.folder / script.file_name).read_bytes())
    shown = [item for section in document["sections"] for item in section["items"]]
    assert [item["ref"] for item in shown] == list(layout.items)
    assert [item["n"] for item in shown] == list(range(1, 11))
    assert document["total_points"] == layout.total_points == 1200
    assert all(MARKER in item["stem"] for item in shown)


def test_the_candidates_paper_has_no_other_fields(embedded_world: PaperWorld) -> None:
    world = embedded_world
    sealed = world.seal(world.assemble().paper_id)
    _unlock(world, sealed.package_id, *sealed.opening_secrets)
    script = _script_of(world, sealed.package_id)
    with world.uow.read() as session:
        key = queries.script_key(session, world.vault, script.id)
    document = open_paper(key, script.id, (world.folder / script.file_name).read_bytes())
    section = document["sections"][0]
    assert set(document) == {"title", "total_points", "sections"}
    assert set(section) == {"title", "kind", "points_each", "instruction", "items"}
    assert set(section["items"][0]) == {"ref", "n", "kind", "stem", "options"}
    assert set(section["items"][0]["options"][0]) == {"ref", "text"}
    assert "解析" not in json.dumps(document, ensure_ascii=False)


def test_the_secrets_may_come_in_either_order_and_as_people_type_them(embedded_world: PaperWorld) -> None:
    world = embedded_world
    sealed = world.seal(world.assemble().paper_id)
    first, second = sealed.opening_secrets
    typed = second.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert _unlock(world, sealed.package_id, typed, first).script_count == 4


@pytest.mark.parametrize("choose", [
    lambda a, b: (a, a),
    lambda a, b: (b, b),
    lambda a, b: (a, "0000-0000-0000-0000"),
    lambda a, b: ("", b),
    lambda a, b: (a + b, ""),
], ids=["first twice", "second twice", "one wrong", "one missing", "both by one person"])  # fmt: skip
def test_anything_but_the_two_secrets_is_refused(embedded_world: PaperWorld, choose) -> None:
    world = embedded_world
    sealed = world.seal(world.assemble().paper_id)
    with pytest.raises(Forbidden) as refusal:
        _unlock(world, sealed.package_id, *choose(*sealed.opening_secrets))
    assert refusal.value.code == "OPENING_SECRET_WRONG"
    with world.uow.read() as session:
        package = session.get_one(Package, sealed.package_id)
        assert (package.state, package.opened_key, package.opened_at) == ("sealed", None, None)


def test_no_key_leaves_before_the_opening(world: PaperWorld) -> None:
    sealed = world.seal(world.assemble().paper_id)
    script = _script_of(world, sealed.package_id)
    with world.uow.read() as session, pytest.raises(Conflict) as refusal:
        queries.script_key(session, world.vault, script.id)
    assert refusal.value.code == "SEALED"


def test_the_slow_half_can_be_done_outside_the_transaction(embedded_world: PaperWorld) -> None:
    world = embedded_world
    sealed = world.seal(world.assemble().paper_id)
    with world.uow.read() as session:
        prepared = prepare_opening(session, sealed.package_id, *sealed.opening_secrets)
    with world.uow() as work:
        opened = unlock_package(work, world.vault, sealed.package_id, "", "", SYSTEM, prepared=prepared)
    assert opened.digest == sealed.digest
    assert prepared.package_key.hex() not in repr(prepared)


def test_opening_twice_changes_nothing(embedded_world: PaperWorld) -> None:
    world = embedded_world
    sealed = world.seal(world.assemble().paper_id)
    _unlock(world, sealed.package_id, *sealed.opening_secrets)
    world.uow.clock.advance(60)
    assert _unlock(world, sealed.package_id, *sealed.opening_secrets).digest == sealed.digest
    with world.uow.read() as session:
        package = session.get_one(Package, sealed.package_id)
        assert package.opened_at == package.sealed_at
        actions = [entry.action for entry in session.query(AuditEntry).order_by(AuditEntry.seq)]
    assert actions == ["bank.paper.assembled", "bank.package.sealed", "bank.package.opened"]


def test_a_backup_has_its_own_key(embedded_world: PaperWorld) -> None:
    world = embedded_world
    paper = world.assemble()
    sealed, backup = world.seal(paper.paper_id), world.seal(paper.paper_id, is_backup=True, S1=3)
    with pytest.raises(Forbidden):
        _unlock(world, backup.package_id, *sealed.opening_secrets)
    _unlock(world, sealed.package_id, *sealed.opening_secrets)
    script = _script_of(world, backup.package_id, "S1")
    with world.uow.read() as session, pytest.raises(Conflict):
        queries.script_key(session, world.vault, script.id)
    with pytest.raises(InvalidInput, match="BACKUP_MIXED"):
        world.seal(paper.paper_id, is_backup=True, A=1)


def test_a_ciphertext_moved_to_another_script_does_not_open(embedded_world: PaperWorld) -> None:
    world = embedded_world
    sealed = world.seal(world.assemble().paper_id)
    _unlock(world, sealed.package_id, *sealed.opening_secrets)
    one, other = _script_of(world, sealed.package_id), _script_of(world, sealed.package_id, attempt="attempt-2")
    with world.uow.read() as session:
        key = queries.script_key(session, world.vault, one.id)
    with pytest.raises(Forbidden):
        open_paper(key, one.id, (world.folder / other.file_name).read_bytes())
    with pytest.raises(Forbidden):
        open_paper(key, other.id, (world.folder / one.file_name).read_bytes())
    with world.uow() as work:
        work.session.get_one(Script, other.id).wrapped_key = one.wrapped_key
    with world.uow.read() as session, pytest.raises(Forbidden):
        queries.script_key(session, world.vault, other.id)


def test_an_exchanged_script_keeps_the_package_closed(world: PaperWorld) -> None:
    sealed = world.seal(world.assemble().paper_id)
    with world.uow() as work:
        script = work.session.query(Script).filter_by(package_id=sealed.package_id, serial=1).one()
        script.file_name = "0" * 64 + ".bin"
    with pytest.raises(Conflict) as refusal:
        _unlock(world, sealed.package_id, *sealed.opening_secrets)
    assert refusal.value.code == "PACKAGE_CHANGED"


def test_no_text_is_readable_anywhere_before_the_opening(embedded_world: PaperWorld, tmp_path: Path) -> None:
    world = embedded_world
    world.seal(world.assemble().paper_id)
    with world.uow.read() as session:
        session.execute(text("SELECT 1"))
    marker = MARKER.encode()
    escaped = json.dumps(MARKER).strip('"').encode()
    looked_at = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".bin" for path in looked_at)
    assert any("sqlite" in path.name for path in looked_at)
    for path in looked_at:
        data = path.read_bytes()
        assert marker not in data, path
        assert escaped not in data, path


def test_files_are_named_by_their_content_and_the_manifest_is_signed(embedded_world: PaperWorld) -> None:
    world = embedded_world
    sealed = world.seal(world.assemble().paper_id)
    names = sorted(path.name for path in world.folder.iterdir())
    assert len(names) == 4
    for name in names:
        assert name == hashlib.sha256((world.folder / name).read_bytes()).hexdigest() + ".bin"
    with world.uow.read() as session:
        package = session.get_one(Package, sealed.package_id)
        manifest, signature = read_manifest(session, package), package.signature
    assert manifest.digest == sealed.digest
    assert manifest.as_dict()["forms"] == {"A": 2, "B": 2}
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(world.vault.public_key_hex()))
    key.verify(bytes.fromhex(signature), manifest.signed_message())


def test_a_script_is_handed_out_once_and_to_the_same_attempt_again(world: PaperWorld) -> None:
    sealed = world.seal(world.assemble().paper_id)
    first = _script_of(world, sealed.package_id)
    assert _script_of(world, sealed.package_id).id == first.id
    assert _script_of(world, sealed.package_id, attempt="attempt-2").id != first.id
    with pytest.raises(Conflict) as refusal:
        _script_of(world, sealed.package_id, attempt="attempt-3")
    assert refusal.value.code == "FORM_MISMATCH"
    with pytest.raises(Conflict, match="SCRIPT_ALREADY_TAKEN"):
        _script_of(world, sealed.package_id, form="B")


def test_two_nodes_never_hand_out_the_same_script(postgres_database: Database, tmp_path: Path) -> None:
    world = a_paper_world(postgres_database, tmp_path / "papers")
    sealed = world.seal(world.assemble().paper_id)
    with world.uow() as one, world.uow() as other:
        first = queries.take_script(one.session, sealed.package_id, "A", "attempt-1")
        second = queries.take_script(other.session, sealed.package_id, "A", "attempt-2")
    assert first.id != second.id


def test_keys_for_scoring_name_options_by_identity(world: PaperWorld) -> None:
    paper = world.assemble()
    with world.uow.read() as session:
        keys = queries.answer_keys(session, world.vault, paper.paper_id)
    assert len(keys) == 30
    assert {entry.key for entry in keys.values() if entry.kind == "multiple"} == {frozenset("AC")}
    assert {entry.points for entry in keys.values() if entry.kind == "multiple"} == {200}


def test_used_items_become_live_once(embedded_world: PaperWorld) -> None:
    world = embedded_world
    paper = world.assemble()
    world.seal(paper.paper_id)
    world.seal(paper.paper_id)
    on_forms = {item for form in paper.forms if not form.is_backup for item in form.items}
    with world.uow.read() as session:
        live = {item.id: item.used_count for item in session.query(Item).filter_by(state="live")}
        assert session.get_one(Paper, paper.paper_id).state == "sealed"
    assert live == dict.fromkeys(on_forms, 1)


def test_a_paper_with_violations_is_neither_approved_nor_sealed(embedded_world: PaperWorld) -> None:
    world = embedded_world
    paper = world.assemble()
    assert not check_paper(world.uow, paper.paper_id, SYSTEM, approve=True).hard
    with world.uow() as work:
        work.session.query(Item).filter_by(id=paper.forms[0].items[0]).update({"point": "B/009"})
    with pytest.raises(Conflict, match="PAPER_HAS_VIOLATIONS"):
        check_paper(world.uow, paper.paper_id, SYSTEM, approve=True)
    report = check_paper(world.uow, paper.paper_id, SYSTEM)
    assert {violation.code for violation in report.hard} >= {"POINT_UNKNOWN"}
    with pytest.raises(Conflict, match="PAPER_HAS_VIOLATIONS"):
        world.seal(paper.paper_id)
    assert not list(world.folder.iterdir()) if world.folder.exists() else True


def test_unknown_papers_forms_and_packages_are_not_found(embedded_world: PaperWorld) -> None:
    world = embedded_world
    paper = world.assemble()
    with pytest.raises(NotFound, match="FORM_NOT_FOUND"):
        world.seal(paper.paper_id, Z=1)
    with pytest.raises(NotFound, match="PAPER_NOT_FOUND"):
        world.seal("nothing")
    with pytest.raises(NotFound, match="PACKAGE_NOT_FOUND"):
        _unlock(world, "nothing", "", "")
