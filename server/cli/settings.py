"""`mingyuan settings`: what is in force, and where each value comes from. Secrets are masked; unknown keys are errors."""

from __future__ import annotations

import json
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr, ValidationError

from server.cli.context import REFUSED, DataOption, JsonOption
from server.settings import Settings, load_settings

app = typer.Typer()
PREFIX = "MINGYUAN_"
MASK = "***"
#: the user information of an address
_PASSWORD = re.compile(r"(?<=//)([^/@:]*):([^/@]*)@")


@app.command()
def settings(data: DataOption = None, as_json: JsonOption = False) -> None:
    """显示生效的设置及来源，密码隐去 Show the settings in force and their sources; secrets are masked."""
    folder = data or Path(os.environ.get(f"{PREFIX}DATA", "var"))
    try:
        unknown = unknown_names()
        found = load_settings(data)
    except ValidationError as error:
        problems = [
            {"name": ".".join(str(part) for part in one["loc"]), "problem": one["msg"]} for one in error.errors()
        ]
        _refuse("SETTINGS_WRONG", "设置有误", "The settings are wrong", problems, as_json=as_json)
    except tomllib.TOMLDecodeError as error:
        problem = [{"name": str(folder / "settings.toml"), "problem": str(error)}]
        _refuse("SETTINGS_WRONG", "设置文件无法读取", "settings.toml cannot be read", problem, as_json=as_json)
    else:
        if unknown:
            problems = [{"name": name, "problem": "unknown"} for name in unknown]
            _refuse("SETTING_UNKNOWN", "不认识的设置", "Unknown settings", problems, as_json=as_json)
        lines = effective(found, folder, given=data is not None)
        if as_json:
            print(json.dumps({"settings": lines}, ensure_ascii=False))
            return
        width = max(len(line["name"]) for line in lines)
        for line in lines:
            print(f"{line['name']:<{width}}  {line['value'] if line['value'] is not None else '—'}  ({line['source']})")


def effective(found: Settings, folder: Path, *, given: bool) -> list[dict[str, Any]]:
    """Every setting with its (masked) value and its source: environment, file, argument, default."""
    file = folder / "settings.toml"
    in_file = set(tomllib.loads(file.read_text(encoding="utf-8"))) if file.is_file() else set()
    lines = []
    for name in type(found).model_fields:
        value = getattr(found, name)
        if name == "data":
            source = "argument" if given else "environment" if f"{PREFIX}DATA" in os.environ else "default"
        elif f"{PREFIX}{name.upper()}" in {key.upper() for key in os.environ}:
            source = "environment"
        else:
            source = "file" if name in in_file else "default"
        lines.append({"name": name, "value": masked(value), "source": source})
    return lines


def masked(value: Any) -> Any:
    """As it may be shown: secrets and passwords in addresses are hidden, whether one is set is not."""
    if isinstance(value, SecretStr):
        return masked_address(value.get_secret_value())
    if isinstance(value, str):
        return masked_address(value)
    if isinstance(value, list):
        return [masked(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def masked_address(text: str) -> str:
    """An address without its password."""
    hidden = _PASSWORD.sub(lambda found: f"{found[1]}:{MASK}@", text)
    return re.sub(r"(password=)[^&\s]+", rf"\1{MASK}", hidden)


def unknown_names() -> list[str]:
    """Variables that look like settings and are none; a few belong to commands."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    of_commands = {f"{PREFIX}{name}" for name in ("STAFF_PASSWORD", "SECOND_PASSWORD", "BACKUP_PASSPHRASE")}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name.upper() not in known | of_commands)


def _refuse(code: str, zh: str, en: str, problems: list[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"code": code, "message_zh": zh, "message_en": en, "problems": problems}, ensure_ascii=False))
    else:
        print(f"{zh} {en}:", *(f"  {one['name']}: {one['problem']}" for one in problems), sep="\n", file=sys.stderr)
    raise typer.Exit(REFUSED)
