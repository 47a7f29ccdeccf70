"""The score list for people and the signed package for machines."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from scoring.domain.canonical import canonical_json
from scoring.domain.export_columns import SCORE_LIST_COLUMNS
from scoring.score_list import write_score_list
from scoring.services.confirm_results import confirm_results
from scoring.services.export_results import ID_TYPE_NAMES, ExportKind, export_results
from scoring.services.release_results import release_results
from scoring.services.score_sitting import score_sitting
from scoring.signatures import is_signed_by
from server.audit.actions import AuditAction
from server.audit.models import AuditEntry
from server.core.errors import Forbidden
from server.scheduling.domain.id_document import IdType
from server.scheduling.id_numbers import open_id_number
from server.scheduling.models import Candidate
from tests.factories.scoring import ALL_RIGHT, ENDS_AT, a_sat_sitting

FORMULA = '=HYPERLINK("http://evil.test","点我")'
NAMES = [FORMULA, "阿卜杜拉·买买提", "𠮷野"]


@pytest.fixture
def released(uow, vault, clerk, office_head):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT, {0: frozenset("B")}, None], names=NAMES)
    score_sitting(uow, vault, sat.id)
    confirm_results(uow, sat.id, clerk)
    release_results(uow, sat.id, office_head)
    return sat


def read(content: bytes):
    rows = list(load_workbook(io.BytesIO(content)).active.iter_rows())
    keys = [column.key for column in SCORE_LIST_COLUMNS]
    return [dict(zip(keys, row, strict=True)) for row in rows]


def test_the_list_has_chinese_headers_and_a_line_for_everybody_in_ticket_order(uow, vault, released, clerk):
    export = export_results(uow, vault, released.id, ExportKind.XLSX, clerk)
    head, *lines = read(export.content)
    assert [cell.value for cell in head.values()][:5] == ["序号", "姓名", "证件类型", "证件号码", "准考证号"]
    assert [line["name"].value for line in lines] == NAMES
    assert [line["theory_score"].value for line in lines] == [100, 25, None]
    assert [line["theory_outcome"].value for line in lines] == ["合格", "不合格", "缺考"]
    assert lines[0]["exam_date"].value == "2026-05-16"
    assert lines[0]["level"].value == "四级/中级工"
    assert lines[0]["certificate_number"].value is None
    assert lines[0]["id_type"].value == "居民身份证"
    assert export.file_name.endswith(".xlsx")


def test_every_kind_of_document_has_a_name_on_the_list():
    assert set(ID_TYPE_NAMES) == set(IdType)


def test_id_and_ticket_numbers_are_text_and_survive(uow, vault, released, clerk):
    _, *lines = read(export_results(uow, vault, released.id, ExportKind.XLSX, clerk).content)
    with uow.read() as session:
        numbers = {open_id_number(vault, c.id, c.id_number_cipher) for c in session.scalars(select(Candidate))}
    assert {line["id_number"].value for line in lines} == numbers
    assert all(line[key].data_type == "s" for line in lines for key in ("id_number", "ticket_number", "name"))


def test_what_a_person_typed_never_becomes_a_formula_or_a_link(uow, vault, released, clerk):
    content = export_results(uow, vault, released.id, ExportKind.XLSX, clerk).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "<hyperlink" not in sheet
        assert "HYPERLINK" in archive.read("xl/sharedStrings.xml").decode()


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "http://x.test", "mailto:a@b", "0012", "{=1}", "\t=1"]
)
def test_every_dangerous_beginning_stays_text(text):
    _, line = read(write_score_list("t", [{"serial": 1, "name": text}], ENDS_AT))
    assert line["name"].data_type == "s"
    assert line["name"].value == text


def test_equal_results_give_equal_bytes():
    rows = [{"serial": 1, "name": "陈小明", "theory_score": 59_99}]
    assert write_score_list("t", rows, ENDS_AT) == write_score_list("t", rows, ENDS_AT)


def test_the_package_is_signed_over_its_body(uow, vault, released, clerk):
    document = json.loads(export_results(uow, vault, released.id, ExportKind.JSON, clerk).content)
    body = document["body"]
    assert body["count"] == len(body["results"]) == 3
    assert is_signed_by(document["key"], canonical_json(body), document["signature"])
    body["results"][1]["result"]["theory_score"] = "60.00"
    assert not is_signed_by(document["key"], canonical_json(body), document["signature"])


@pytest.mark.parametrize("kind", list(ExportKind))
def test_nothing_is_exported_before_the_release_not_even_for_the_clerk(uow, vault, clerk, kind):
    with uow() as work:
        sat = a_sat_sitting(work.session, vault, [ALL_RIGHT])
    score_sitting(uow, vault, sat.id)
    confirm_results(uow, sat.id, clerk)
    with pytest.raises(Forbidden) as refusal:
        export_results(uow, vault, sat.id, kind, clerk)
    assert refusal.value.code == "NOT_PUBLISHED"


def test_every_export_is_in_the_audit_log(uow, vault, released, clerk):
    export_results(uow, vault, released.id, ExportKind.XLSX, clerk)
    with uow.read() as session:
        query = select(AuditEntry.actor).where(AuditEntry.action == AuditAction.RESULTS_RESULTS_EXPORTED)
        assert list(session.scalars(query)) == [clerk.id]
