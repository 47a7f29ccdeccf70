"""What breaks things breaks them as it says, fits the product as it is today, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.nemesis.faketime import WallClock
from tests.faults.nemesis.namespaces import lan
from tests.faults.nemesis.power import cuttable_disk
from tests.faults.nemesis.slow_line import SlowLine
from tests.faults.nemesis.wire_relay import WireRelay
from tests.faults.registry import NotRunHere
from tests.support.paths import ROOT
from tests.support.processes import wait_until

SABOTAGE = "tests.faults.nemesis.sabotage"


def sabotaged(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", SABOTAGE, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_every_sabotage_still_fits_the_product() -> None:
    listed = sabotaged("no-such-sabotage", "--help")
    assert listed.returncode != 0
    names = listed.stderr.partition("there are: ")[2].split("\n")[0].split(", ")
    assert len(names) > 10
    done = sabotaged(",".join(f"{name}=1@/nowhere" for name in names), "--help")
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(f"sabotaged: {name}" in done.stderr for name in names)


def test_the_product_knows_nothing_of_sabotage() -> None:
    for folder in ("server", "itembank", "scoring", "proctor", "exam_client"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert "sabotage" not in text, file
            assert "failpoint" not in text, file


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says everything back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                while data := line.recv(1000):
                    heard.append(data)
                    line.sendall(data)

    heard: list[bytes] = []
    threading.Thread(target=serve, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_cut_reply_means_that_the_server_has_acted_and_the_client_knows_nothing(echo: int) -> None:
    relay = WireRelay(echo)
    port = int(relay.base_url.rpartition(":")[2])
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(b"first")
            assert line.recv(100) == b"first"
            relay.cut_next_reply()
            line.sendall(b"second")
            assert line.recv(100) == b""
        wait_until(lambda: relay.cuts == 1, seconds=5, what="the cut")
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(b"third")
            assert line.recv(100) == b"third", "only one reply is cut"
    finally:
        relay.close()


def test_a_slow_line_keeps_the_order_and_holds_every_byte_back(echo: int) -> None:
    import time

    slow = SlowLine("127.0.0.1", echo, 0.05, 0.04, seed=1)
    try:
        with socket.create_connection(("127.0.0.1", int(slow.base_url.rpartition(":")[2])), timeout=5) as line:
            began = time.monotonic()
            for number in range(20):
                line.sendall(b"%02d," % number)
            said = b""
            while len(said) < 60:
                said += line.recv(100)
            assert said == b"".join(b"%02d," % number for number in range(20))
            assert time.monotonic() - began > 0.02
    finally:
        slow.close()


def test_a_cut_takes_what_was_not_synced_and_leaves_what_was(tmp_path: Path) -> None:
    try:
        with cuttable_disk(tmp_path, "ext4") as disk:
            kept, lost = disk.mount_point / "kept", disk.mount_point / "lost"
            kept.write_bytes(b"x" * 5000)
            fd = os.open(kept, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
            folder = os.open(disk.mount_point, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
            lost.write_bytes(b"y" * 5000)
            disk.cut_power(lambda: None)
            disk.mount()
            assert kept.read_bytes() == b"x" * 5000
            assert not lost.exists() or lost.read_bytes() != b"y" * 5000
            raise ZeroDivisionError
    except NotRunHere as reason:
        pytest.skip(str(reason))
    except ZeroDivisionError:
        assert str(tmp_path) not in Path("/proc/mounts").read_text(), "unmounted although the run broke"


def test_hosts_hear_each_other_until_they_are_cut_and_are_gone_afterwards() -> None:
    namespaces: list[str] = []
    try:
        with lan("one", "two") as hosts:
            namespaces = [host.namespace for host in hosts.hosts.values()]
            assert reaches(hosts["one"].run, hosts["two"].address)
            for cut in (hosts["two"].cut, hosts["two"].go_deaf, hosts["two"].go_mute):
                cut()
                assert not reaches(hosts["one"].run, hosts["two"].address)
                hosts["two"].clear()
            assert reaches(hosts["one"].run, hosts["two"].address)
            raise ZeroDivisionError
    except NotRunHere as reason:
        pytest.skip(str(reason))
    except ZeroDivisionError:
        left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        assert not any(name in left for name in namespaces), "removed although the run broke"


def reaches(run: object, address: str) -> bool:
    """A connection is refused at once where the host is there, and times out where it is not."""
    probe = (
        "import socket,sys\ns=socket.socket(); s.settimeout(0.7)\n"
        f"try: s.connect(('{address}', 9))\nexcept ConnectionRefusedError: print('there')\nexcept OSError: print('away')"
    )
    return str(run(sys.executable, "-c", probe)).strip() == "there"  # type: ignore[operator]


def test_another_wall_clock_for_one_process(tmp_path: Path) -> None:
    try:
        clock = WallClock(tmp_path)
    except NotRunHere as reason:
        pytest.skip(str(reason))
    clock.shift(timedelta(days=1))
    told = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"],
        env={**os.environ, **clock.environment}, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    import time

    assert abs(float(told[0]) - time.time() - 86_400) < 30
    assert abs(float(told[1]) - time.monotonic()) < 30
