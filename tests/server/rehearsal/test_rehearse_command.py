"""`mingyuan rehearse` as people and scripts call it: a real server, real candidates over the wire, the contract of architecture 12."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from server.rehearsal.past_rehearsals import last_rehearsal
from server.rehearsal.server_process import ServerProcess, free_port
from tests.support.paths import ROOT

pytestmark = pytest.mark.live


def mingyuan(*arguments: str, folder: Path, timeout: float = 170) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "server.entry", "rehearse", *arguments],
        capture_output=True, text=True, timeout=timeout, cwd=folder, env={"PATH": "/usr/bin:/bin:/usr/sbin", "PYTHONPATH": str(ROOT)},
        check=False,
    )  # fmt: skip


def refusal_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    told: dict[str, Any] = json.loads(done.stderr.strip().splitlines()[-1])
    return told


@pytest.mark.timeout(300)
def test_a_killed_node_costs_no_answer_and_the_report_can_be_signed(tmp_path: Path) -> None:
    done = mingyuan(
        "--candidates", "20", "--rate", "20", "--seconds", "15", "--fault", "node-kill", "--json", "--seed", "7",
        "--place", "示例考点", "--report", str(tmp_path / "report.pdf"), "--record", str(tmp_path / "site"),
        folder=tmp_path, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert {
        "acked",
        "lost",
        "duplicated",
        "saves_per_s",
        "save_ms",
        "reconnect_s",
        "server_cpu_s",
        "time_error_s_max",
    } <= set(facts)
    assert set(facts["save_ms"]) >= {"p50", "p95", "p99", "max"}
    assert set(facts["reconnect_s"]) >= {"p50", "p95", "max"}
    assert (facts["lost"], facts["duplicated"], facts["foreign"], facts["wrong_final"]) == (0, 0, 0, 0)
    assert facts["acked"] == facts["clicked"] >= 290
    assert facts["reconnects"] >= 20, "everybody lost the channel once"
    assert 0 < facts["reconnect_s"]["p50"] <= facts["reconnect_s"]["max"]
    assert max(facts["save_ms"]["max"] / 1000, facts["lost_time_s_max"]) > 0.3, "the only node was away"
    assert facts["server_cpu_s"] > 0
    assert facts["judged_by"] == "database"
    (event,) = facts["nemesis_log"]
    assert event["fault"] == "node-kill"
    assert 0 < event["began_at"] < 15
    text = "\n".join(page.extract_text() for page in PdfReader(tmp_path / "report.pdf").pages)
    text = text.replace("\x00", "")
    assert str(facts["acked"]) in text
    assert f"{facts['save_ms']['p95']:g} ms" in text
    kept = last_rehearsal(tmp_path / "site")
    assert kept is not None
    assert kept.facts["acked"] == facts["acked"]
    assert not list(tmp_path.glob("*.db")), "a temporary rehearsal leaves no database"


def test_what_is_out_of_bounds_or_foreign_or_unknown_is_refused_before_anything_starts(tmp_path: Path) -> None:
    assert refusal_of(mingyuan("--candidates", "1001", folder=tmp_path))["code"] == "LOAD_OUT_OF_BOUNDS"
    foreign = refusal_of(mingyuan("--address", "http://203.0.113.7", "--tickets", "t.csv", folder=tmp_path))
    assert foreign["code"] == "FOREIGN_ADDRESS"
    assert refusal_of(mingyuan("--fault", "meteor", folder=tmp_path))["code"] == "FAULT_UNKNOWN"


@pytest.mark.timeout(240)
def test_a_drill_without_people_sees_a_server_die_and_come_back(tmp_path: Path) -> None:
    node = ServerProcess(tmp_path, "127.0.0.1", free_port())
    node.start()
    died = threading.Event()

    def kill_and_start() -> None:
        died.wait(12)
        node.kill()
        node.start()

    person = threading.Thread(target=kill_and_start)
    person.start()
    try:
        done = mingyuan(
            "drill", "--address", node.base_url, "--step", "server-kill", "--yes", "--by", "张三", "--wait", "100", "--json",
            "--report", str(tmp_path / "drill.pdf"), folder=tmp_path,
        )  # fmt: skip
    finally:
        person.join()
        node.stop()
    facts = json.loads(done.stdout)
    (step,) = facts["steps"]
    assert step["done_by"] == "张三"
    assert step["recovered_s"] is not None, done.stderr
    assert step["recovered_s"] > 0
    assert done.returncode == (0 if step["recovered_s"] <= step["wanted_s"] else 3)
    text = "\n".join(page.extract_text() for page in PdfReader(tmp_path / "drill.pdf").pages).replace("\x00", "")
    assert f"{step['recovered_s']:g} s" in text
