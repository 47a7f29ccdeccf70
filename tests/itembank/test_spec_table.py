"""The rules a spec table keeps (domain.md 2), and tables read from files."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from itembank.domain.chapter_spec import flat_spec_table
from itembank.domain.item import ItemKind
from itembank.domain.spec_table import (
    Importance,
    SpecPoint,
    SpecRange,
    SpecTable,
    find_capacity_problems,
    find_problems,
    find_supply_problems,
    percent,
)
from itembank.importers.bank_files import read_spec_file
from itembank.models import SpecNode
from itembank.services.create_spec_table import create_spec_table
from server.core.errors import Conflict, InvalidInput
from server.storage.database import Database
from tests.factories.itembank import KEEPER, a_small_spec, a_uow


def codes(table: SpecTable) -> set[str]:
    return {problem.code for problem in find_problems(table)}


def test_a_sound_table_has_no_problems() -> None:
    table = a_small_spec()
    assert find_problems(table) == []
    assert (table.depth(), table.xyz("A"), [each.path for each in table.leaf_ranges()]) == (2, (1, 1, 0), ["A/01", "B"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ranges": (SpecRange("A", "甲", 4000), SpecRange("A/01", "基础", 3000), SpecRange("B", "乙", 6000))}, "WEIGHTS_DO_NOT_ADD_UP"),
        ({"ranges": (SpecRange("A", "甲", 4000), SpecRange("A/01", "基础", 4000), SpecRange("B", "乙", 5000))}, "WEIGHTS_NOT_100"),
        ({"ranges": (SpecRange("A/01", "基础", 4000), SpecRange("B", "乙", 6000))}, "PARENT_MISSING"),
        ({"ranges": (SpecRange("A", "甲", 4000, declared_points=3), SpecRange("A/01", "基础", 4000), SpecRange("B", "乙", 6000))}, "POINT_COUNT_DIFFERS"),
        ({"ranges": (SpecRange("A", "甲", 4000, declared_xyz=(2, 0, 0)), SpecRange("A/01", "基础", 4000), SpecRange("B", "乙", 6000))}, "XYZ_DIFFERS"),
        ({"points": (SpecPoint("B/001", "一", Importance.CORE), SpecPoint("B/001", "二", Importance.CORE))}, "CODE_REPEATED"),
        ({"points": (SpecPoint("B/001", "一", Importance.CORE),)}, "RANGE_WITHOUT_POINTS"),
        ({"points": ()}, "SPEC_EMPTY"),
    ],
)  # fmt: skip
def test_each_broken_rule_is_named(changes: dict[str, object], code: str) -> None:
    assert code in codes(a_small_spec(**changes))


def test_points_and_ranges_short_of_items_are_named() -> None:
    table = a_small_spec()
    held = {"A/01/001": 4, "A/01/002": 3, "B/001": 9}
    assert [problem.path for problem in find_supply_problems(table, held)] == ["A/01/002"]
    assert [problem.path for problem in find_capacity_problems(table, held, {"A": 8, "B": 9})] == ["A"]


def test_half_percents_are_written_as_people_do() -> None:
    assert [percent(weight) for weight in (2500, 350, 25)] == ["25", "3.5", "0.25"]


def test_a_flat_table_of_chapters_weighs_exactly_one_hundred() -> None:
    kinds = frozenset({ItemKind.SINGLE, ItemKind.TRUE_FALSE})
    table, paths = flat_spec_table("x", "4-07-03-01", "示例", 3, {"甲": 1, "乙": 1, "丙": 1}, kinds)
    assert find_problems(table) == []
    assert paths == {"甲": "C01/001", "乙": "C02/001", "丙": "C03/001"}
    assert [each.weight for each in table.ranges] == [3334, 3333, 3333]


def test_a_table_is_stored_once(database: Database) -> None:
    uow = a_uow(database)
    table_id = create_spec_table(uow, a_small_spec(), KEEPER)
    with database.read() as session:
        nodes = session.scalars(select(SpecNode).where(SpecNode.spec_table_id == table_id).order_by(SpecNode.position))
        assert [node.path for node in nodes] == ["A", "A/01", "B", "A/01/001", "A/01/002", "B/001"]
    with pytest.raises(Conflict, match="SPEC_EXISTS"):
        create_spec_table(uow, a_small_spec(version=2), KEEPER)


def test_an_unsound_table_is_not_stored(sqlite_database: Database) -> None:
    with pytest.raises(InvalidInput, match="SPEC_INVALID") as refused:
        create_spec_table(a_uow(sqlite_database), a_small_spec(points=()), KEEPER)
    assert refused.value.data["problems"]
    with sqlite_database.read() as session:
        assert session.scalars(select(SpecNode)).all() == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name = ", "FILE_NOT_TOML"),
        ('name = "x"', "SPEC_FILE_INVALID"),
        ("\x00", "FILE_TYPE_REFUSED"),
        ("", "FILE_EMPTY"),
    ],
)
def test_a_broken_spec_file_is_refused_in_words(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=code):
        read_spec_file(path)
