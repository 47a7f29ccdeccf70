"""When a bank may be used, and for how many papers it lasts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from itembank.domain.readiness import StockItem, count_possible_papers, judge_readiness
from itembank.domain.spec_table import Importance, SpecPoint, SpecRange
from tests.factories.itembank import a_small_spec

TABLE = a_small_spec(
    ranges=(SpecRange("A", "甲", 5000), SpecRange("B", "乙", 5000)),
    points=(SpecPoint("A/001", "一", Importance.CORE), SpecPoint("B/001", "二", Importance.CORE)),
)
QUOTAS = {"single": 8, "true_false": 2}


def stock(singles: int, judges: int, ranges: str = "AB") -> list[StockItem]:
    return [
        StockItem(kind, f"{path}/001", f"{kind}{path}{number}")
        for path in ranges
        for kind, count in (("single", singles), ("true_false", judges))
        for number in range(count)
    ]


def test_a_bank_of_exactly_one_paper_gives_one_paper() -> None:
    assert count_possible_papers(stock(4, 1), TABLE, QUOTAS) == 1


def test_two_papers_sharing_a_fifth_need_one_point_eight_papers_of_items() -> None:
    assert count_possible_papers(stock(7, 2), TABLE, QUOTAS) == 1
    assert count_possible_papers(stock(8, 2), TABLE, QUOTAS) == 2


def test_a_range_without_items_allows_no_paper() -> None:
    assert count_possible_papers(stock(100, 100, ranges="A"), TABLE, QUOTAS) == 0


def test_a_missing_kind_allows_no_paper() -> None:
    assert count_possible_papers(stock(100, 0), TABLE, QUOTAS) == 0


def test_items_that_exclude_one_another_do_not_fill_a_paper() -> None:
    enemies = [StockItem(item.kind, item.point, item.fingerprint, "one group") for item in stock(100, 10)]
    assert count_possible_papers(enemies, TABLE, QUOTAS) == 0


@given(singles=st.integers(0, 40), judges=st.integers(0, 10), more=st.integers(0, 10))
def test_more_items_never_mean_fewer_papers(singles: int, judges: int, more: int) -> None:
    before = count_possible_papers(stock(singles, judges), TABLE, QUOTAS)
    assert count_possible_papers(stock(singles + more, judges), TABLE, QUOTAS) >= before


def test_duplicates_count_once() -> None:
    items = stock(600, 100)
    found = judge_readiness([*items, *items[:50]], TABLE, QUOTAS, 1200, 4)
    assert (found.accepted, found.duplicates, found.ready) == (1400, 50, True)
    assert judge_readiness(items[:1000] * 2, TABLE, QUOTAS, 1200, 4).ready is False


def test_what_is_lacking_is_named() -> None:
    found = judge_readiness(stock(1, 1), TABLE, QUOTAS, 1200, 4)
    assert [lack.code for lack in found.lacks] == ["TOO_FEW_ITEMS", "POINTS_SHORT", "NO_PAPER_POSSIBLE"]
    assert [(row.point, row.accepted, row.required) for row in found.by_point] == [("A/001", 2, 4), ("B/001", 2, 4)]
    assert "NO_SPEC_TABLE" in {lack.code for lack in judge_readiness(stock(1000, 500), None, {}, 1200, 4).lacks}
