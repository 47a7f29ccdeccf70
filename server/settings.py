"""Typed settings: environment `MINGYUAN_…` over `<data>/settings.toml` over the defaults below.

Unknown keys are errors; no secret has a default. `deploy/docs/settings.md` documents every field (tested).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


def _seconds(value: Any) -> Any:
    """Environment variables are texts: "60" means sixty seconds, as 60 does in the file."""
    return float(value) if isinstance(value, str) and value.strip().replace(".", "", 1).isdigit() else value


Span = Annotated[timedelta, BeforeValidator(_seconds)]


class Settings(BaseSettings):
    """Everything that can be configured on a node."""

    model_config = SettingsConfigDict(env_prefix="MINGYUAN_", extra="forbid")

    data: Path = Field(Path("var"), description="Folder of the database, keys, papers and records.")
    database_url: str = Field("", description="Empty: SQLite in the data folder. Else a postgresql:// address.")
    redis_url: SecretStr = Field(
        SecretStr(""), description="Empty: one process. Else fan-out between nodes through Redis."
    )
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 serves the LAN.")
    port: int = Field(8600, ge=0, le=65535, description="Port to listen on.")
    public_origins: list[str] = Field(
        default_factory=list, description="Origins browsers may come from; empty: only our own."
    )
    node_name: str = Field("node-1", description="Name of this process on the node list.")
    node_addresses: list[str] = Field(default_factory=list, description="Addresses of all nodes, told to every client.")
    trusted_proxies: int = Field(0, ge=0, le=3, description="How many reverse proxies append to X-Forwarded-For.")
    second_journal: Path | None = Field(
        None, description="Folder on another disk: sealed copy of the journal, fsynced in the same batch."
    )
    second_journal_failure: Literal["go_on", "refuse"] = Field(
        "go_on", description="When that disk fails: go on with a red alarm, or acknowledge nothing until it is back."
    )
    backup_folder: Path | None = Field(None, description="Where backups go; default backups/ in the data folder.")
    backup_every_open: Span = Field(
        timedelta(minutes=1), description="Rolling backup while a sitting is open; 0: none."
    )
    backup_every_idle: Span = Field(timedelta(hours=1), description="Rolling backup at other times; 0: none.")
    backup_keep_every: Span = Field(timedelta(hours=2), description="So long every rolling backup is kept.")
    backup_keep_hourly: Span = Field(timedelta(days=2), description="So long one an hour is kept.")
    backup_keep_daily: Span = Field(timedelta(days=60), description="So long one a day is kept.")
    disk_warn_percent: float = Field(15, ge=0, le=90, description="Less free than this: amber alarm.")
    disk_stop_percent: float = Field(
        5, ge=0, le=90, description="Less free than this: red alarm; uploads, imports and backups wait, answers go on."
    )
    standby: Literal["none", "block", "release"] = Field(
        "none",
        description="Synchronous standby: none expected; losing it holds all saving; or two people may release the wait.",
    )
    fencing_command: list[str] = Field(
        default_factory=list, description="Switches the old primary off for good; run by mingyuan promote."
    )
    sign_ins_at_once: int = Field(
        12, ge=1, le=500, description="Candidates' log-ins a node works on at once; seated ones go first."
    )
    master_key_file: Path | None = Field(
        None, description="Master key file; default keys/master.key in the data folder."
    )
    certification_url: str = Field("", description="Where released results are delivered (HTTP POST, signed JSON).")
    certification_folder: Path | None = Field(None, description="Watched folder that receives results as files.")
    certificate_file: Path | None = Field(
        None, description="The certificate browsers see (PEM); the readiness page watches its life and names."
    )
    secure_cookies: bool = Field(
        False, description="Set when browsers reach us by https: __Host- cookies, Secure, HSTS."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def effective_database_url(self) -> str:
        """The configured database, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data.resolve() / 'mingyuan.db'}"

    @property
    def paper_store(self) -> Path:
        """Folder of the encrypted script files."""
        return self.data / "papers"

    @property
    def backup_store(self) -> Path:
        """Folder of the backups."""
        return self.backup_folder or self.data / "backups"

    @property
    def record_store(self) -> Path:
        """Folder of room records and exports."""
        return self.data / "records"


def load_settings(data: Path | None = None, **overrides: object) -> Settings:
    """Read the settings once; `data` also says where `settings.toml` is looked for.

    Raises:
        pydantic.ValidationError: unknown key or wrong value, with its name.
    """
    folder = data or Path(overrides.pop("data", None) or os.environ.get("MINGYUAN_DATA", "var"))  # type: ignore[arg-type]

    class _Located(Settings):
        model_config = SettingsConfigDict(env_prefix="MINGYUAN_", extra="forbid", toml_file=folder / "settings.toml")

    return _Located(data=folder, **overrides)  # type: ignore[arg-type]
