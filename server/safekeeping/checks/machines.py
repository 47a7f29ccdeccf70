"""Nodes, Redis, keys, certificates, fonts, randomness."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import select

from server.adapters.print_fonts import find_print_fonts
from server.adapters.redis_bus import RedisBus, connect
from server.adapters.vault import Vault
from server.core.errors import Unavailable
from server.safekeeping.domain.readiness import LEAST_ENTROPY, Certificate, Line, State, judge_certificate
from server.safekeeping.models import ServedSitting
from server.safekeeping.open_sittings import open_sittings
from server.settings import Settings
from server.takeover.domain.outage_rules import NodeCondition
from server.takeover.queries import list_nodes
from server.webkit.platform import Platform

_WHY = {
    "valid": ("有效", "valid"),
    "expires_soon": ("30 天内到期", "expires within 30 days"),
    "expires_now": ("7 天内到期", "expires within 7 days"),
    "expired": ("已过期，浏览器会拒绝连接", "has expired; browsers refuse it"),
    "not_yet_valid": ("尚未生效（检查时钟）", "is not valid yet (look at the clock)"),
    "wrong_name": ("不包含考试所用的地址，浏览器会拒绝连接", "is for other names; browsers refuse it"),
}


def check_nodes(platform: Platform) -> list[Line]:
    """Which nodes are heard, and whether all of them serve the open sittings with the same version."""
    now = platform.clock.now()
    with platform.uow.read() as session:
        nodes = list_nodes(session, now)
        sittings = [one.id for one in open_sittings(session, now)]
        served = select(ServedSitting.version, ServedSitting.revision).where(ServedSitting.sitting_id.in_(sittings))
        builds = {(row.version, row.revision) for row in session.execute(served)}
    silent = [node.name for node in nodes if node.condition is NodeCondition.SILENT]
    alive = [node.name for node in nodes if node.condition is NodeCondition.ALIVE]
    lines = []
    if silent:
        lines.append(
            Line(
                "NODES", State.WARNING, f"节点没有心跳：{'、'.join(silent)}", f"Nodes without a beat: {', '.join(silent)}",
                "启动或查看这些节点", "Start or look at them", {"silent": silent, "alive": alive},
            )
        )  # fmt: skip
    else:
        state = State.OK if alive else State.NOTE
        lines.append(
            Line(
                "NODES",
                state,
                f"{len(alive)} 个节点在运行",
                f"{len(alive)} nodes are running",
                figures={"alive": alive},
            )
        )
    if len(builds) > 1:
        shown = ", ".join(sorted(f"{version} ({revision})" for version, revision in builds))
        lines.append(
            Line(
                "NODE_VERSIONS", State.BLOCKING, f"各节点版本不同：{shown}", f"The nodes run different versions: {shown}",
                "所有节点用同一版本", "Run the same version everywhere",
            )
        )  # fmt: skip
    return lines


def check_redis(platform: Platform) -> list[Line]:
    """Redis carries screens, never answers: its loss is a warning."""
    url = platform.settings.redis_url.get_secret_value()
    if not url:
        several = len(platform.settings.node_addresses) > 1
        return [
            Line(
                "REDIS", State.WARNING if several else State.NOTE, "没有配置 Redis（单进程不需要）",
                "No Redis is configured (one process needs none)",
                "多节点需要 redis_url，监考屏才会及时" if several else "", "Several nodes need redis_url" if several else "",
            )
        ]  # fmt: skip
    try:
        connect(url).ping()
    except Exception as error:  # noqa: BLE001 - whatever the driver says is what is told
        return [
            Line(
                "REDIS", State.WARNING, f"Redis 没有应答：{type(error).__name__}", f"Redis does not answer: {type(error).__name__}",
                "恢复 Redis；作答不受影响，监考屏会慢几秒", "Bring it back; answers are not concerned, boards are slower",
            )
        ]  # fmt: skip
    if isinstance(platform.bus, RedisBus) and platform.bus.is_deaf:
        return [
            Line(
                "REDIS", State.WARNING, "本节点收不到自己的探测消息", "This node does not hear its own probes",
                "重新启动本节点", "Restart this node",
            )
        ]  # fmt: skip
    return [Line("REDIS", State.OK, "Redis 应答正常", "Redis answers")]


def check_keys(platform: Platform) -> list[Line]:
    """The master key can be read, by nobody else, and is the one the data was sealed with."""
    path = platform.settings.master_key_file or platform.settings.data / "keys" / "master.key"
    try:
        fits = Vault(bytes.fromhex(path.read_text().strip())).public_key_hex() == platform.vault.public_key_hex()
    except (OSError, ValueError) as error:
        return [
            Line(
                "MASTER_KEY", State.BLOCKING, f"主密钥读不出来：{error}", f"The master key cannot be read: {error}",
                "从保管处取回主密钥", "Bring the key back from where it is kept",
            )
        ]  # fmt: skip
    mode = path.stat().st_mode & 0o777
    if not fits or mode & 0o077:
        return [
            Line(
                "MASTER_KEY", State.WARNING if fits else State.BLOCKING,
                f"主密钥文件权限 {mode:o} 太宽" if fits else "主密钥文件被换过",
                f"The key file's mode {mode:o} is too wide" if fits else "The key file was replaced",
                f"chmod 600 {path}", f"chmod 600 {path}", {"place": str(path)},
            )
        ]  # fmt: skip
    return [
        Line("MASTER_KEY", State.OK, "主密钥可读，只有服务账户能读", "The master key is there, for the service alone")
    ]


def check_certificate(platform: Platform) -> list[Line]:
    """The certificate browsers see: until when, and for which names."""
    settings = platform.settings
    hosts = expected_hosts(settings)
    if settings.certificate_file is None:
        wants = bool(hosts) or settings.secure_cookies
        return [
            Line(
                "CERTIFICATE", State.WARNING if wants else State.NOTE,
                "没有告诉系统证书在哪里（certificate_file），无法检查有效期" if wants else "没有配置 https",
                "certificate_file is not set, so its life cannot be checked" if wants else "https is not configured",
                "设置 certificate_file" if wants else "局域网考试建议启用 https", "Set certificate_file" if wants else "Consider https",
            )
        ]  # fmt: skip
    try:
        certificate = read_certificate(settings.certificate_file)
    except (OSError, ValueError, ssl.SSLError) as error:
        return [
            Line(
                "CERTIFICATE", State.BLOCKING, f"证书读不出来：{error}", f"The certificate cannot be read: {error}",
                "检查 certificate_file", "Look at certificate_file",
            )
        ]  # fmt: skip
    now = platform.clock.now()
    state, why = judge_certificate(certificate, hosts, now)
    days = (certificate.not_after - now).days
    zh, en = _WHY[why]
    return [
        Line(
            "CERTIFICATE", state, f"证书{zh}（{certificate.not_after:%Y-%m-%d}）", f"The certificate {en} ({certificate.not_after:%Y-%m-%d})",
            "" if state is State.OK else "换新证书后重新载入 nginx", "" if state is State.OK else "Renew it and reload nginx",
            {"why": why, "days_left": days, "names": sorted(certificate.names), "hosts": sorted(hosts)},
        )
    ]  # fmt: skip


def check_printing_and_randomness(_platform: Platform) -> list[Line]:
    """Chinese fonts for records; the kernel's randomness for keys."""
    lines = []
    try:
        find_print_fonts()
        lines.append(Line("FONTS", State.OK, "有中文字体，考场记录可以打印", "Chinese fonts are there for records"))
    except Unavailable as missing:
        lines.append(
            Line(
                "FONTS", State.WARNING, missing.message_zh, missing.message_en, "安装中文字体", "Install a Chinese font"
            )
        )
    try:
        bits = int(Path("/proc/sys/kernel/random/entropy_avail").read_text())
    except (OSError, ValueError):
        bits = LEAST_ENTROPY
    state = State.OK if bits >= LEAST_ENTROPY else State.WARNING
    lines.append(
        Line(
            "ENTROPY", state, f"随机数熵 {bits} 位", f"The kernel has {bits} bits of entropy",
            "" if state is State.OK else "安装 haveged 或启用 virtio-rng", "" if state is State.OK else "Install haveged or virtio-rng",
        )
    )  # fmt: skip
    return lines


def read_certificate(path: Path) -> Certificate:
    """The first certificate of a PEM file.

    Raises:
        OSError, ValueError: it cannot be read.
    """
    found = x509.load_pem_x509_certificate(path.read_bytes())
    names: set[str] = set()
    try:
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names.update(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))
        names.update(str(address) for address in alternatives.get_values_for_type(x509.IPAddress))
    except x509.ExtensionNotFound:
        pass  # browsers have not looked at the common name for years: a certificate without names fits nothing
    return Certificate(
        found.not_valid_before_utc.astimezone(UTC), found.not_valid_after_utc.astimezone(UTC), frozenset(names)
    )


def expected_hosts(settings: Settings) -> set[str]:
    """Hosts that browsers reach by https."""
    hosts = set()
    for address in (*settings.public_origins, *settings.node_addresses):
        parts = urlsplit(address)
        if parts.scheme == "https" and parts.hostname:
            try:
                hosts.add(str(ipaddress.ip_address(parts.hostname)))
            except ValueError:
                hosts.add(parts.hostname.lower())
    return hosts
