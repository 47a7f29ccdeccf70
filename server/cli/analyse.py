"""`mingyuan analyse`: item analysis, calibration, DIF and similar papers on plain CSV files, without a server; `sitting`: on real ones."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from scoring.analysis_files import read_parameters, read_responses
from scoring.domain.statistics.classical import analyse_classically
from scoring.domain.statistics.dif import compare_groups
from scoring.domain.statistics.irt_2pl import calibrate_2pl
from scoring.domain.statistics.irt_3pl import calibrate_3pl
from scoring.domain.statistics.irt_model import Abilities, Calibration, estimate_abilities
from scoring.domain.statistics.item_fit import calibrated_decision, conditional_errors, judge_fit
from scoring.domain.statistics.linking import Link, link_calibration
from scoring.domain.statistics.reliability import CUT_SHARE
from scoring.domain.statistics.response_matrix import ResponseMatrix
from scoring.domain.statistics.similarity.coded_answers import coded_answers
from scoring.domain.statistics.similarity.corroboration import Evidence
from scoring.domain.statistics.similarity.report import LISTED, find_similar_papers
from scoring.similarity_files import read_displayed, read_nominal_model, read_seating, read_seconds, read_theta
from server.cli.analyse_sitting import sitting
from server.cli.analysis_progress import AnalysisProgress
from server.cli.analysis_words import (
    dif_document,
    dif_words,
    irt_document,
    irt_words,
    items_document,
    items_words,
    similarity_document,
    similarity_words,
)
from server.cli.context import REFUSED, JsonOption
from server.core.clock import SystemClock
from server.core.errors import InvalidInput, MingyuanError

app = typer.Typer(help="作答分析 What the answers say.", no_args_is_help=True)
app.command()(sitting)

MODELS = ("2pl", "3pl", "rasch")
#: an answer file for comparing papers may lack a few items of the key (those nobody chose an option of)
SPARE_KEY_ITEMS = 0.1

ResponsesArgument = Annotated[Path, typer.Argument(metavar="RESPONSES.csv", help="作答 CSV Responses.")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="答案 CSV：item,key[,marks,type,options] The key.")]
PersonOption = Annotated[str | None, typer.Option("--person", help="考生列名 Name of the person column.")]


@contextmanager
def refusals_told() -> Iterator[None]:
    """Refusals are printed in both languages on standard error and end the command with status 1."""
    try:
        yield
    except MingyuanError as refusal:
        print(json.dumps(refusal.as_dict(), ensure_ascii=False), file=sys.stderr)
        raise typer.Exit(REFUSED) from None


def answer(document: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    """One JSON object (never a NaN), or lines for people."""
    print(json.dumps(document, ensure_ascii=False, allow_nan=False) if as_json else "\n".join(lines))


@app.command()
def items(
    responses: ResponsesArgument,
    key: KeyOption = None,
    person: PersonOption = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="不是试题的列 A column that is no item.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Difficulty, discrimination, options, reliability, what to look at. Without a key every column is scored 0/1."""
    with refusals_told(), AnalysisProgress() as progress:
        progress.stage("读取作答 reading the responses")
        read = read_responses(responses, key, person, ignore or ())
        progress.stage("逐题分析 analysing the items")
        report = analyse_classically(read.matrix)
        report = replace(report, notices=(*read.notices, *report.notices))
    answer(items_document(report), as_json, items_words(report))


@app.command()
def irt(
    responses: ResponsesArgument,
    key: KeyOption = None,
    model: Annotated[str, typer.Option("--model", help="2pl · 3pl（每题至少 3000 人）· rasch")] = "2pl",
    link: Annotated[
        Path | None, typer.Option("--link", help="以往标定 item,a,b[,c]：链接到该量尺 Link to an earlier scale.")
    ] = None,
    method: Annotated[str, typer.Option("--method", help="stocking-lord · mean-sigma")] = "stocking-lord",
    abilities: Annotated[
        Path | None, typer.Option("--abilities", help="写出每名考生的能力（EAP）与标准误 File to write abilities to.")
    ] = None,
    person: PersonOption = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="不是试题的列 A column that is no item.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Item parameters by marginal maximum likelihood, their standard errors, item fit; refused when data are too few."""
    with refusals_told(), AnalysisProgress() as progress:
        if model not in MODELS:
            raise InvalidInput("MODEL_UNKNOWN", f"没有“{model}”这种模型。", f"No model '{model}'.", models=list(MODELS))
        progress.stage("读取作答 reading the responses")
        matrix = read_responses(responses, key, person, ignore or ()).matrix
        earlier = read_parameters(link) if link else None
        progress.stage("标定 calibrating")
        calibration = _calibrate(matrix, model, progress)
        linked: Link | None = None
        mean = 0.0
        if earlier is not None:
            calibration, linked = link_calibration(calibration, earlier, method)
            mean = linked.shift
        progress.stage("能力与拟合 abilities and fit")
        known = estimate_abilities(matrix, calibration, mean)
        if linked is None:
            fit = judge_fit(matrix, calibration, known)
            decision = calibrated_decision(matrix, calibration, CUT_SHARE)
        else:
            fit, decision = (), None
        if abilities is not None:
            _write_abilities(abilities, matrix, known)
    errors = conditional_errors(matrix, calibration)
    document = irt_document(calibration, fit, decision, errors, linked, known)
    answer(document, as_json, irt_words(calibration, fit, decision, linked))


def _calibrate(matrix: ResponseMatrix, model: str, progress: AnalysisProgress) -> Calibration:
    def told(iteration: int, loglik: float) -> None:
        progress.note(f"{iteration}: {loglik:.3f}")

    if model == "3pl":
        return calibrate_3pl(matrix, progress=told)
    return calibrate_2pl(matrix, common_slope=model == "rasch", progress=told)


def _write_abilities(path: Path, matrix: ResponseMatrix, known: Abilities) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["person", "score", "eap", "se"])
        for name, total, eap, se in zip(matrix.persons, matrix.totals, known.eap, known.se, strict=True):
            writer.writerow([name, f"{total:g}", f"{eap:.6f}", f"{se:.6f}"])


@app.command()
def dif(
    responses: ResponsesArgument,
    group: Annotated[str, typer.Option("--group", help="分组列 Column with the group: school, site, mode …")],
    key: KeyOption = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="参照组，默认人数最多的 Reference group; default the largest.")
    ] = None,
    purify: Annotated[
        bool, typer.Option("--purify/--no-purify", help="净化匹配总分 Purify the matching score.")
    ] = True,
    person: PersonOption = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="不是试题的列 A column that is no item.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Items that treat groups of equal ability differently: Mantel–Haenszel with ETS classes A, B, C."""
    with refusals_told(), AnalysisProgress() as progress:
        progress.stage("读取作答 reading the responses")
        read = read_responses(responses, key, person, [group, *(ignore or ())])
        progress.stage("比较各组 comparing the groups")
        comparisons, small = compare_groups(read.matrix, read.columns[group], reference, purify)
    answer(dif_document(comparisons, small, purify), as_json, dif_words(comparisons, small))


@app.command()
def similarity(
    responses: ResponsesArgument,
    key: Annotated[Path, typer.Option("--key", help="答案 CSV：item,key The key.")],
    rooms: Annotated[
        Path | None,
        typer.Option("--rooms", help="考场 CSV：person,room[,row,column|seat,class,machine] Rooms and seats."),
    ] = None,
    theta: Annotated[Path | None, typer.Option("--theta", help="能力 CSV：person,theta（与 --model 同用）")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="名义模型 CSV：item,slope_A…,intercept_A… Nominal model.")
    ] = None,
    displayed: Annotated[
        Path | None, typer.Option("--displayed", help="屏显字母 CSV：person,各题位 Letters as displayed, by position.")
    ] = None,
    fixed: Annotated[
        list[str] | None, typer.Option("--fixed", help="选项不乱序的题位 A position whose options keep their order.")
    ] = None,
    times: Annotated[Path | None, typer.Option("--times", help="各题用时（秒）CSV Seconds on each item.")] = None,
    answered_at: Annotated[
        Path | None, typer.Option("--answered-at", help="各题作答时刻（开考后秒）CSV Seconds into the exam.")
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=1, help="人数多时列出几对 Pairs listed when there are many.")
    ] = LISTED,
    person: PersonOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pairs of papers more alike than honest ones; a reason to look, never a verdict."""
    clock = SystemClock()
    began = clock.monotonic()
    with refusals_told(), AnalysisProgress() as progress:
        progress.stage("读取作答 reading the responses")
        read = read_responses(responses, key, person, spare=SPARE_KEY_ITEMS)
        matrix = read.matrix
        if (theta is None) != (model is None):
            raise InvalidInput(
                "THETA_AND_MODEL", "--theta 与 --model 要一起给出。", "--theta and --model belong together."
            )
        seating = read_seating(rooms, matrix.persons) if rooms else None
        options = None
        if theta is not None and model is not None:
            options = read_nominal_model(model, coded_answers(matrix), matrix, read_theta(theta, matrix.persons))
        shown = read_displayed(displayed, matrix.persons, fixed or ()) if displayed else None
        evidence = None
        if times or answered_at:
            names = coded_answers(matrix).items
            evidence = Evidence(
                answered_at=read_seconds(answered_at, matrix.persons, names) if answered_at else None,
                time_spent=read_seconds(times, matrix.persons, names) if times else None,
            )
        progress.stage("比较试卷 comparing the papers")
        found = find_similar_papers(matrix, seating, options, shown, evidence, listed=top, progress=progress.part_done)
        report = replace(found, notices=(*read.notices, *found.notices))
    seconds = clock.monotonic() - began
    names_of = np.array(matrix.persons)
    answer(similarity_document(report, names_of, seconds), as_json, similarity_words(report, names_of, seconds))
