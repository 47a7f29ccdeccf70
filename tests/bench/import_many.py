"""`python -m tests.bench.import_many DATA FILE [COUNT]`: what a keeper does in mid-exam: `mingyuan bank import` of a large made-up file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

MANY = 1_200


def write_file(file: Path, count: int = MANY) -> None:
    """Made-up items, all of them sound."""
    lines = ["题型,题干,选项A,选项B,选项C,选项D,答案"]
    lines += [
        f"单选,第 {number} 号示例设备的额定值是（　）。,{number} 伏,{number + 1} 安,{number + 2} 瓦,{number + 3} 欧,{'ABCD'[number % 4]}"
        for number in range(count)
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def start_import(data: Path, file: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """The command itself, as a process of its own."""
    command = [
        sys.executable, "-m", "server.entry", "bank", "import", str(file), "--occupation", "6-31-01-09", "--level", "3",
        "--data", str(data), "--json",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def wait_for(process: subprocess.Popen[bytes], seconds: float = 60) -> float:
    """How long it still took; raises when it failed."""
    began = time.monotonic()
    status = process.wait(seconds)
    if status:
        raise RuntimeError(f"the import ended with {status}")
    return time.monotonic() - began
