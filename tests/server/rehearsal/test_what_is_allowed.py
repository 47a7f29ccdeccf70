"""Bounds, addresses, fault names, tickets: what a rehearsal refuses before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.core.errors import Forbidden, InvalidInput
from server.rehearsal.load_plan import LoadPlan
from server.rehearsal.nemesis.catalogue import ELSEWHERE, FAULTS, find_fault
from server.rehearsal.rehearse import Wish
from server.rehearsal.tickets_file import read_tickets
from server.rehearsal.where_allowed import check_addresses


@pytest.mark.parametrize(
    ("candidates", "rate", "seconds", "bound"),
    [
        (0, 1, 1, "candidates"),
        (1_001, 1, 1, "candidates"),
        (10, 10, 7_201, "seconds"),
        (10, 51, 10, "rate"),
        (10, 0, 10, "rate"),
        (1_000, 1_000, 1_001, "rate x seconds"),
    ],
)
def test_a_load_out_of_bounds_is_refused_by_the_name_of_the_bound(
    candidates: int, rate: float, seconds: float, bound: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        LoadPlan(candidates, rate, seconds).check()
    assert refusal.value.code == "LOAD_OUT_OF_BOUNDS"
    assert refusal.value.data["bound"] == bound


def test_a_thousand_candidates_for_half_an_hour_are_within_the_bounds() -> None:
    LoadPlan(1_000, 500, 1_800).check()


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8600", "http://192.168.1.10", "https://10.0.0.3:443/", "http://[::1]:8600", "http://172.16.5.5"],
)
def test_this_machine_and_private_networks_may_be_loaded(address: str) -> None:
    assert check_addresses([address]) == [address.rstrip("/")]


@pytest.mark.parametrize("address", ["http://203.0.113.7", "https://8.8.8.8:8600", "http://0.0.0.0:8600"])
def test_a_foreign_address_is_refused_until_it_is_said_again(address: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        check_addresses([address])
    assert refusal.value.code == "FOREIGN_ADDRESS"
    assert f"--yes-foreign {address}" in refusal.value.message_zh
    with pytest.raises(Forbidden):
        check_addresses([address], ["http://203.0.113.99"])
    assert check_addresses([address], [address]) == [address]


def test_a_name_is_foreign_when_one_of_its_addresses_is() -> None:
    with pytest.raises(Forbidden):
        check_addresses(["http://exam.example"], resolve=lambda _: ["10.0.0.1", "203.0.113.7"])
    with pytest.raises(Forbidden):
        check_addresses(["http://exam.example"], resolve=lambda _: [])
    assert check_addresses(["http://exam.example"], resolve=lambda _: ["10.0.0.1"]) == ["http://exam.example"]


@pytest.mark.parametrize("address", ["127.0.0.1:8600", "ftp://10.0.0.1", "http://10.0.0.1/path", "http://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_addresses([address], [address])
    assert refusal.value.code == "ADDRESS_INVALID"


@pytest.mark.parametrize(
    ("number", "name"),
    [("F1", "node-kill"), ("F2", "server-outage"), ("f4", "freeze"), ("F7", "standby-promote"), ("F8", "database-restart"),
     ("F10", "redis-kill"), ("F11", "redis-deaf"), ("F12", "reply-cut"), ("F13", "reply-delay"), ("F17", "lan-cut"),
     ("F31", "server-outage"), ("F34", "last-second"), ("Node-Kill", "node-kill")],
)  # fmt: skip
def test_numbers_of_the_matrix_are_other_names(number: str, name: str) -> None:
    assert find_fault(number).name == name


def test_an_unknown_fault_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InvalidInput) as refusal:
        find_fault("meteor")
    assert refusal.value.code == "FAULT_UNKNOWN"
    assert all(name in refusal.value.message_zh for name in FAULTS)


@pytest.mark.parametrize("number", sorted(ELSEWHERE))
def test_a_fault_that_cannot_be_made_here_says_why(number: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        find_fault(number)
    assert refusal.value.code == "FAULT_ELSEWHERE"
    assert ELSEWHERE[number] in refusal.value.message_en


def test_every_number_of_the_matrix_is_either_made_or_explained() -> None:
    made = {number for kind in FAULTS.values() for number in kind.numbers}
    assert {f"F{n}" for n in range(1, 43)} == made | set(ELSEWHERE)
    assert not made & set(ELSEWHERE)


def test_faults_bring_what_they_need() -> None:
    plan = LoadPlan(10, 5, 10)
    assert Wish(plan, [find_fault("node-kill")]).needs.database == "sqlite"
    redis = Wish(plan, [find_fault("redis-kill")]).needs
    assert (redis.nodes, redis.database, redis.redis) == (2, "postgres", True)
    both = Wish(plan, [find_fault("lan-cut"), find_fault("standby-promote")]).needs
    assert (both.nodes, both.database, both.ways) == (1, "pair", True)
    with pytest.raises(InvalidInput) as refusal:
        _ = Wish(plan, [find_fault("standby-promote")], database="sqlite").needs
    assert refusal.value.code == "SQLITE_CANNOT"


def test_tickets_are_read_from_a_file_with_a_byte_order_mark_and_more_columns(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    path.write_text(
        "\ufeff姓名,准考证号,密码\n张三,100000000000001,123456\n\n李四,100000000000002, 654321\n", encoding="utf-8"
    )
    assert read_tickets(path) == [("100000000000001", "123456"), ("100000000000002", "654321")]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "ticket,pin\n", "ticket,pin\n123,\n"])
def test_a_tickets_file_without_tickets_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tickets.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as refusal:
        read_tickets(path)
    assert refusal.value.code == "TICKETS_FILE_WRONG"
