"""The command line `mingyuan`: one file per group of commands, loaded when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

#: command → (module with `app`, one line of help); modules are imported on use, so that `mingyuan --help` is quick
GROUPS: dict[str, tuple[str, str]] = {
    "accounts": ("server.cli.accounts", "工作人员账号 Staff accounts"),
    "analyse": ("server.cli.analyse", "作答分析 What the answers say"),
    "audit": ("server.cli.audit", "审计日志 The audit log"),
    "backup": ("server.cli.backup", "备份 A verified copy of everything"),
    "bank": ("server.cli.bank", "题库 The item bank"),
    "demo": ("server.cli.demo", "在本机演示完整的一天 A whole exam day on this machine"),
    "doctor": ("server.cli.doctor", "考前体检 Is this machine ready for an exam?"),
    "freeze": ("server.cli.freeze", "冻结与解除 The freeze while a sitting is open"),
    "paper": ("server.cli.paper", "试卷 Papers and sealed packages"),
    "promote": ("server.cli.promote", "把备库提升为主库 Make the standby the primary"),
    "restore": ("server.cli.restore", "恢复与恢复演练 Bring a backup back, or try it"),
    "rehearse": ("server.cli.rehearse", "考前演练与故障 Rehearsal: load, faults, a report to sign"),
    "results": ("server.cli.results", "成绩 Results and their delivery"),
    "score": ("server.cli.score", "评分 Scoring"),
    "serve": ("server.cli.serve", "启动考试服务 Start the exam server"),
    "settings": ("server.cli.settings", "生效的设置 The settings in force"),
    "sitting": ("server.cli.sitting", "场次 Sittings, rosters, seats, tickets"),
    "standby": ("server.cli.standby", "同步备机 The synchronous standby"),
}


class LazyGroup(TyperGroup):
    """Imports a command's module when the command is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(GROUPS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in GROUPS:
            return None
        module_name, help_line = GROUPS[cmd_name]
        command: Any = typer.main.get_command(importlib.import_module(module_name).app)
        command.name = cmd_name
        command.help = command.help or help_line
        command.short_help = help_line
        return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, help="明远 Mingyuan：理论考试平台")


@app.callback()
def _root() -> None:
    """明远 Mingyuan：职业技能等级认定理论考试平台。"""
