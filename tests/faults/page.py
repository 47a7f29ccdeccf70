"""`deploy/docs/faults.md`, rendered from the records and nothing else."""

from __future__ import annotations

from tests.faults.catalogue import TITLES
from tests.faults.records import FAIL, NOT_RUN, PASS, Machine, Record, Records

HEAD = """\
# Fault runs 故障实测

> Every row is measured: `make faults` makes the fault on real servers, checks what was promised, then takes the protection
> away and checks that the loss is found (negative control). This page is written from `faults.json` by that command; nobody edits it.
> 本页由 `make faults` 依实测数据生成，不手工填写。
"""

HOW = """\
## How to run 如何运行

```
make faults                                  # the whole matrix, full form
make faults ARGS="--short"                   # a few repetitions each, what CI does
make faults ARGS="--only F1,F5 --seed 7"     # some rows; the other rows keep what they have
make faults ARGS="--full-time-budget 35"     # the whole matrix in about so many minutes
make faults ARGS="--list"                    # what there is
```

Some rows need root (power cuts, networks) or programs (`make test-tools`); where they are missing the row says `not run` and why.

## How to read 如何读

- **Result**: `pass`: the goal was met *and* the negative control found damage. `fail`: the goal was missed, or the control found nothing,
  so that the run proves nothing. `not run`: not on this machine, or not yet.
- **N**: repetitions at random moments (minutes, where a fault lasts). The moments come from the **seed**: the same seed makes the same run.
- **Worst figure**: the worst of all repetitions, not a mean.
- **Control**: what was taken away from the product, and what the same checker then saw.
- **Load**: the machine's load average (1 min) before and after. Above 2 on two cores, times are worse than the product.
- An answer counts as *acknowledged* when the server said so to a client; it is *lost* when the database does not count it afterwards.
  A reply that never came is an unknown outcome: stored or not, both are right.
"""

TABLE_HEAD = (
    "| # | Result 结果 | Fault 故障 | N | Seed | Worst figure 最差值 | Negative control 反证 | Run 时间 | Load | Remark 备注 |\n"
    "|---|---|---|--:|--:|---|---|---|---|---|"
)


def render_page(records: Records) -> str:
    """The whole page."""
    rows = [_row(row, records.runs.get(row), is_registered=row in records.registered) for row in TITLES]
    parts = [HEAD, _totals(records), HOW, "## The matrix 故障矩阵\n", TABLE_HEAD, *rows, "", _goals(records)]
    return "\n".join(parts).rstrip() + "\n"


def _totals(records: Records) -> str:
    runs = [run for row, run in records.runs.items() if row in TITLES]
    counts = {what: sum(run.result == what for run in runs) for what in (PASS, FAIL)}
    not_run = len(TITLES) - counts[PASS] - counts[FAIL]
    acked, lost = (sum(int(run.figures.get(name, 0)) for run in runs) for name in ("acked", "lost"))
    lines = [
        "## Totals 合计\n",
        f"- **{counts[PASS]}** pass, **{counts[FAIL]}** fail, **{not_run}** not run, of {len(TITLES)} faults.",
        f"- Acknowledged answers over all runs 已确认答案: **{acked:,}**; lost 丢失: **{lost:,}**.",
    ]
    if runs:
        times = sorted(run.at for run in runs)
        commits = ", ".join(f"`{commit}`" for commit in sorted({run.commit for run in runs}))
        lines.append(f"- Runs from {times[0]} to {times[-1]}, commit {commits}.")
    if records.machine:
        lines += _machine(records.machine)
    return "\n".join(lines) + "\n"


def _machine(machine: Machine) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return [
        f"- Machine 机器: {machine.cores} cores ({machine.processor}), {machine.memory_gib} GiB, {machine.system}.",
        "- Servers, databases and simulated candidates share the machine.",
        f"- Software 版本: {versions}.",
    ]


def _row(row: str, run: Record | None, *, is_registered: bool) -> str:
    zh, en = TITLES[row]
    title = f"{zh}<br>{en}"
    if run is None:
        reason = "has not run yet" if is_registered else "no run is written for it yet"
        return _cells(row, NOT_RUN, title, "", "", "", "", "", "", reason)
    return _cells(
        row, run.result, title, str(run.n), str(run.seed), run.worst, _control(run), f"{run.at}<br>{run.form}, {run.wall_s:g} s",
        f"{run.load_average[0]:g} → {run.load_average[1]:g}", run.remark,
    )  # fmt: skip


def _control(run: Record) -> str:
    if run.control is None:
        return "–"
    found = "damage found" if run.control.found_damage else "no damage found"
    tries = f" (try {run.control.tries})" if run.control.tries > 1 else ""
    return f"{found}{tries}: {run.control.what}"


def _goals(records: Records) -> str:
    lines = ["## Goals and controls 目标与反证\n", "| # | Promises | Goal | Control |", "|---|---|---|---|"]
    ran = [(row, records.runs[row]) for row in TITLES if row in records.runs]
    lines += [_cells(f"{row} goal", ", ".join(run.promises), run.goal, run.control_text or "–") for row, run in ran]
    return "\n".join(lines)


def _cells(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"
