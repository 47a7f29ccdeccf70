"""`mingyuan analyse sitting`: the same analyses on the answers of real sittings, stored with the items and the sitting."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from server.cli.context import DataOption, JsonOption, platform_at, signed_in, tell
from server.core.actor import Actor
from server.core.permissions import Permission, Role, may
from server.webkit.platform import Platform

#: who runs it at the console without a log-in sees what the bank sees: items, no scores, no pairs
CONSOLE = Actor("system", Role.BANK_KEEPER, "命令行", machine="command line")
PARTS = {
    "collect": "读取作答 reading the answers",
    "items": "逐题分析 analysing the items",
    "calibration": "标定 calibrating",
    "behaviour": "作答行为 behaviour",
    "similarity": "比较试卷 comparing the papers",
}


def sitting(
    sittings: Annotated[
        list[str], typer.Argument(metavar="SITTING…", help="场次编号；多场合并分析时不入库 Ids of sittings.")
    ],
    report: Annotated[Path | None, typer.Option("--report", help="写出 PDF 报告 Write the report as PDF.")] = None,
    login: Annotated[
        str | None, typer.Option("--login", help="执行人的登录名；不写则不含成绩与雷同对 Who does it.")
    ] = None,
    password: Annotated[str, typer.Option(envvar="MINGYUAN_STAFF_PASSWORD", help="该登录名的密码 Password.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse a sitting that has ended and store it; several ids: together, with drift, stored nowhere."""
    with platform_at(data) as platform, _person(platform, login, password) as actor:
        heard = ""

        def told(part: str, _done: int, _total: int) -> None:
            # from a thread of the operating system: a line, and no moving bar with locks of its own
            nonlocal heard
            if part != heard:
                heard = part
                print(PARTS.get(part, part), file=sys.stderr, flush=True)

        if len(sittings) > 1:
            answer = _together(platform, sittings, actor, told)
        else:
            answer = _one(platform, sittings[0], actor, told)
            if report is not None:
                from scoring.services.print_analysis import print_analysis

                report.write_bytes(print_analysis(platform.uow, platform.vault, sittings[0], actor).content)
                answer["report"] = str(report)
    tell(answer, as_json, _words(answer))


@contextmanager
def _person(platform: Platform, login: str | None, password: str) -> Iterator[Actor]:
    if login is None:
        yield CONSOLE
        return
    with signed_in(platform, login, password, Permission.ANALYSIS_SITTING_START) as actor:
        yield actor


def _one(platform: Platform, sitting_id: str, actor: Actor, told: Any) -> dict[str, Any]:
    from scoring.analysis.sealed import open_figures
    from scoring.models import SimilarityRun, SittingAnalysis
    from scoring.services.analyse_sitting import analyse_sitting

    done = analyse_sitting(platform.uow, platform.vault, sitting_id, actor, told)
    with platform.database.read() as session:
        row = session.get_one(SittingAnalysis, sitting_id)
        document = open_figures(platform.vault, row)
        similarity = session.get_one(SimilarityRun, row.summary["run_id"]).document
    return {**asdict(done), **_shown(document, similarity, actor)}


def _together(platform: Platform, sitting_ids: list[str], actor: Actor, told: Any) -> dict[str, Any]:
    from scoring.analysis.collect import collect_sittings
    from scoring.analysis.compute import compute_analysis
    from scoring.permissions import require_permission

    require_permission(actor, Permission.ANALYSIS_SITTING_START)
    with platform.database.read() as session:
        collected = collect_sittings(session, platform.vault, sitting_ids, told)
    made = compute_analysis(collected, told)
    return {
        "input_digest": made.input_digest,
        "digest": made.digest,
        "similarity_digest": made.similarity_digest,
        "flagged_pairs": made.similarity["flagged"],
        **_shown(made.document, made.similarity, actor),
    }


def _shown(document: dict[str, Any], similarity: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """Without what only some may see: abilities are scores by another name, and pairs are for who opens cases."""
    hidden = {"abilities", "behaviour", "basis"}
    shown = {name: value for name, value in document.items() if name not in hidden}
    shown["similarity"] = {
        name: value
        for name, value in similarity.items()
        if may(actor.role, Permission.ANALYSIS_PAIR_READ) or name not in {"pairs", "clusters"}
    }
    return shown


def _words(answer: dict[str, Any]) -> str:
    test = answer["tests"][0]
    alpha = "—" if test["alpha"] is None else f"{test['alpha']:.3f}"
    lines = [f"{answer['candidates']} 人，{len(answer['items'])} 题，α {alpha}；提请复核 {answer['flagged_pairs']} 对"]
    lines += answer["notices"]
    for line in answer["items"]:
        lines += [
            f"{line['label']} {line['item_version_id']}  ! {flag['words_zh']}" for flag in line["figures"]["flags"]
        ]
    lines += [
        f"{each['item']}  ! 各场得分率上升，疑似泄露 became easier, exposure suspected (z = {each['z']:.1f})"
        for each in answer.get("drift", [])
        if each["suspected"]
    ]
    if "report" in answer:
        lines.append(f"报告 {answer['report']}")
    return "\n".join(lines)
