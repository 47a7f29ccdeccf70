"""Every configuration we ship is taken by the program it is for."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import redis

from server.settings import load_settings
from server.storage.postgres_connection import hosts_of, read_address
from tests.support import postgres, redis_server, shipped_nginx
from tests.support.paths import ROOT
from tests.support.processes import Child, accepts_connections, find_free_port
from tests.support.shipped_nginx import ShippedNginx

DEPLOY = ROOT / "deploy"
KINDS = ("one-pc", "one-server", "two-hosts", "three-hosts")


def settings_of_conf(*files: Path) -> dict[str, str]:
    """`name = value` lines of PostgreSQL's configuration; later ones win."""
    found = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            match = re.match(r"^(\w+) *= *('[^']*'|[^# ]+)", line)
            if match:
                found[match[1]] = match[2].strip("'")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_understood(kind: str, tmp_path: Path) -> None:
    shutil.copy(DEPLOY / kind / "settings.toml", tmp_path / "settings.toml")
    settings = load_settings(tmp_path)
    hosts = hosts_of(read_address(settings.database_url)) if settings.database_url else []
    assert len(hosts) == {"one-pc": 0, "one-server": 1, "two-hosts": 2, "three-hosts": 3}[kind]
    assert bool(settings.redis_url.get_secret_value()) == (kind != "one-pc")
    assert settings.secure_cookies == (settings.trusted_proxies > 0), "https ends at nginx"
    if len(hosts) > 1:
        assert settings.standby != "none"
        assert read_address(settings.database_url).query["target_session_attrs"] == "read-write"
    if settings.node_addresses:
        assert len(settings.node_addresses) == len(hosts)
        assert settings.public_origins == settings.node_addresses, "each host's pages may go on at the others"


@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*/**/*.service")), ids=lambda path: path.name)
def test_units_are_understood_by_systemd(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    program = tmp_path / "mingyuan"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    here = tmp_path / unit.name
    here.write_text(unit.read_text(encoding="utf-8").replace("/opt/mingyuan/.venv/bin/mingyuan", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, timeout=30)
    complaints = [line for line in done.stderr.splitlines() if unit.stem.split("@")[0] in line]
    assert (done.returncode, complaints) == (0, [])
    text = unit.read_text(encoding="utf-8")
    for line in ("Restart=always", "RestartSec=200ms", "WatchdogSec=20", "Type=notify", "StartLimitIntervalSec=0"):
        assert f"\n{line}\n" in text


@pytest.mark.parametrize("https", [False, True])
def test_nginx_takes_its_configuration(https: bool, tmp_path: Path) -> None:
    reason = shipped_nginx.why_not()
    if reason:
        pytest.skip(reason)
    nginx = ShippedNginx(tmp_path / "nginx", [], https=https)
    if https:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=exam.lan", "-keyout", nginx.folder / "server.key", "-out", nginx.folder / "server.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
    assert nginx.check() == ""
    assert "max_fails=0" in (nginx.folder / "nodes.conf").read_text(), "the shipped list itself"


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["one-server", "two-hosts"])
def test_postgresql_starts_with_its_configuration(kind: str, server_folder: Path) -> None:
    reason = postgres.why_not()
    if reason:
        pytest.skip(reason)
    files = [DEPLOY / "one-server" / "postgresql" / "mingyuan.conf"]
    if kind == "two-hosts":
        files.append(DEPLOY / "two-hosts" / "postgresql" / "mingyuan-replication.conf")
    chosen = settings_of_conf(*files)
    assert (chosen["fsync"], chosen["full_page_writes"], chosen["synchronous_commit"]) == ("on", "on", "on")
    cluster = postgres.PostgresCluster(server_folder / f"shipped-{kind}")
    cluster.create()
    hba = DEPLOY / "two-hosts" / "postgresql" / "pg_hba.conf"
    try:
        cluster.start(**{**chosen, "listen_addresses": "127.0.0.1", "shared_buffers": "32MB"})
        for name, value in chosen.items():
            if name not in {"listen_addresses", "shared_buffers"}:
                assert cluster.execute(f"SELECT setting IS NOT NULL FROM pg_settings WHERE lower(name) = '{name}'"), (
                    name
                )
                if value in {"on", "off", "UTC", "replica"}:
                    assert cluster.execute(f"SHOW {name}") == [(value,)]
        # What the server would make of our access rules, asked without using them.
        (cluster.data / "pg_hba.conf").write_text(hba.read_text(encoding="utf-8"), encoding="utf-8")
        with_rules = "SELECT count(*), count(error) FROM pg_hba_file_rules"
        assert cluster.execute(with_rules) == [(5, 0)]
    finally:
        cluster.stop()


def test_redis_starts_with_its_configuration(tmp_path: Path) -> None:
    reason = redis_server.why_not()
    if reason:
        pytest.skip(reason)
    port = find_free_port()
    conf = tmp_path / "redis.conf"
    shipped = (DEPLOY / "one-server" / "redis" / "mingyuan.conf").read_text(encoding="utf-8")
    conf.write_text(shipped.replace("port 6379", f"port {port}"), encoding="utf-8")
    child = Child(["redis-server", conf, "--dir", tmp_path], log=tmp_path / "redis.log")
    try:
        child.wait_until(lambda: accepts_connections(port), what="Redis")
        with redis.Redis(port=port, password="CHANGE-ME") as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-ttl"}
            assert client.config_get("appendonly", "save") == {"appendonly": "no", "save": ""}
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        child.stop()


def test_patroni_takes_its_configuration_and_its_times_add_up(tmp_path: Path) -> None:
    yaml = (DEPLOY / "three-hosts" / "patroni" / "patroni.yml").read_text(encoding="utf-8")
    number = {name: int(re.search(rf"^ +{name}: (\d+)", yaml, re.MULTILINE)[1]) for name in  # type: ignore[index]
              ("ttl", "loop_wait", "retry_timeout", "primary_start_timeout", "synchronous_node_count")}  # fmt: skip
    assert number["ttl"] == 20, "Patroni's smallest: so long nobody can write when a database host is lost"
    assert number["loop_wait"] + 2 * number["retry_timeout"] <= number["ttl"]
    assert number["primary_start_timeout"] <= 10
    assert number["synchronous_node_count"] == 1
    assert re.search(r"^    synchronous_mode_strict: true$", yaml, re.MULTILINE)
    if shutil.which("patroni") is None:
        pytest.skip("Patroni is not installed")
    bins = postgres.find_programs()
    for shipped, here in (
        ("10.20.0.11:8008", f"127.0.0.1:{find_free_port()}"),
        ("10.20.0.11:5432", f"127.0.0.1:{find_free_port()}"),
        ("10.20.0.1", "127.0.0.1"),
        ("/usr/lib/postgresql/15/bin", str(bins)),
        ("/var/lib/postgresql/15/mingyuan", str(tmp_path / "data")),
    ):
        yaml = yaml.replace(shipped, here)
    yaml = re.sub(r"hosts: \[.*\]", 'hosts: ["127.0.0.1:2379"]', yaml)
    (tmp_path / "patroni.yml").write_text(yaml, encoding="utf-8")
    done = subprocess.run(
        ["patroni", "--validate-config", tmp_path / "patroni.yml"], capture_output=True, text=True, timeout=60
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    # It also asks etcd whether it is there; here it is not.
    assert [line for line in said if "2379" not in line and "connect" not in line.lower()] == []


def test_etcd_takes_its_configuration(tmp_path: Path) -> None:
    if shutil.which("etcd") is None:
        pytest.skip("etcd is not installed")
    client, peer = find_free_port(), find_free_port()
    text = (DEPLOY / "three-hosts" / "etcd" / "etcd.conf.yml").read_text(encoding="utf-8")
    text = re.sub(r"initial-cluster: .*", f"initial-cluster: db1=http://127.0.0.1:{peer}", text)
    text = re.sub(r"listen-client-urls: .*", f"listen-client-urls: http://127.0.0.1:{client}", text)
    text = text.replace("10.20.0.11:2380", f"127.0.0.1:{peer}").replace("10.20.0.11:2379", f"127.0.0.1:{client}")
    text = text.replace("/var/lib/etcd/mingyuan", str(tmp_path / "etcd"))
    (tmp_path / "etcd.yml").write_text(text, encoding="utf-8")
    child = Child(["etcd", "--config-file", tmp_path / "etcd.yml"], log=tmp_path / "etcd.log")
    try:
        child.wait_until(lambda: accepts_connections(client), what="etcd")
    finally:
        child.stop()


def test_every_settings_file_is_plain_toml() -> None:
    for kind in KINDS:
        assert tomllib.loads((DEPLOY / kind / "settings.toml").read_text(encoding="utf-8"))
