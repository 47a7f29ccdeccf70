"""`mingyuan score`: score what has ended, and verify what is scored."""

from __future__ import annotations

from typing import Annotated

import typer

from scoring.services.score_sitting import score_sitting
from scoring.services.verify_scores import verify_scores
from server.cli.context import DataOption, JsonOption, platform_at, tell

app = typer.Typer(help="计分与复算 Scoring, and computing it again.", invoke_without_command=True)

SittingOption = Annotated[str | None, typer.Option("--sitting", help="只限这个场次 Only this sitting.")]
DIFFERENT = 2


@app.callback()
def score(
    context: typer.Context,
    verify: Annotated[
        bool, typer.Option("--verify", help="复算全部成绩并比较 Compute every stored score again.")
    ] = False,
    sitting: SittingOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """`--verify`: every stored score computed again from answers, key and rule versions. Status 2 on a difference."""
    if context.invoked_subcommand is not None:
        return
    if not verify:
        print(context.get_help())
        raise typer.Exit
    with platform_at(data) as platform:
        with platform.database.read() as session:
            verdict = verify_scores(session, platform.vault, sitting)
        answer = {
            "attempts": verdict.attempts,
            "equal": verdict.equal,
            "different": verdict.different,
            "differences": [{"attempt_id": d.attempt_id, "code": d.code} for d in verdict.differences],
        }
        tell(answer, as_json, f"复算 {verdict.attempts} 人：一致 {verdict.equal}，不一致 {verdict.different}")
    if verdict.different:
        raise typer.Exit(DIFFERENT)


@app.command()
def run(sitting: SittingOption = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Score every ended attempt that is not scored yet."""
    with platform_at(data) as platform:
        sweep = score_sitting(platform.uow, platform.vault, sitting)
        answer = {
            "settled": sweep.settled,
            "scored": sweep.scored,
            "refused": [{"attempt_id": attempt_id, "code": code} for attempt_id, code in sweep.refused],
        }
        tell(answer, as_json, f"已计分 {sweep.scored}，已处理 {sweep.settled}，需人工查看 {len(sweep.refused)}")
