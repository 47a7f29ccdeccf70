"""The nginx we ship, started as it is: only paths, ports and names of this machine are put in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.processes import Child, accepts_connections, find_free_port

SHIPPED = ROOT / "deploy" / "one-server" / "nginx"


def why_not() -> str | None:
    return None if shutil.which("nginx") else "nginx is not installed"


class ShippedNginx:
    """nginx in front of the given nodes, on 127.0.0.1 alone, as `deploy/one-server/nginx` configures it."""

    def __init__(
        self, folder: Path, node_ports: Sequence[int], *, papers: Path | None = None, https: bool = False
    ) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.https = https
        self._child: Child | None = None
        folder.mkdir(parents=True, exist_ok=True)
        replaced = {
            "/etc/nginx/mingyuan/": f"{folder}/",
            "/run/nginx.pid": f"{folder}/nginx.pid",
            "/var/log/nginx/error.log": f"{folder}/error.log",
            "root /srv/mingyuan;": f"root {(papers or folder / 'papers').parent};",
            "/opt/mingyuan/": f"{ROOT}/",
            "user www-data;": "user root;",  # it reads what the test made
            "listen 80 ": f"listen 127.0.0.1:{self.port} ",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
        }
        for source in SHIPPED.glob("*.conf"):
            text = source.read_text(encoding="utf-8")
            for shipped, here in replaced.items():
                text = text.replace(shipped, here)
            (folder / source.name).write_text(text, encoding="utf-8")
        shutil.copy(folder / ("listen-https.conf" if https else "listen-http.conf"), folder / "listen.conf")
        if node_ports:
            self.use_nodes(node_ports)

    @property
    def base_url(self) -> str:
        return f"{'https' if self.https else 'http'}://127.0.0.1:{self.port}"

    def use_nodes(self, node_ports: Sequence[int]) -> None:
        """The nodes of this host, in the form of the shipped list."""
        lines = [f"server 127.0.0.1:{port} max_fails=0;" for port in node_ports]
        (self.folder / "nodes.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def check(self) -> str:
        """`nginx -t`: "" when it is content, else what it says."""
        done = subprocess.run(self._command("-t"), capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stderr

    def start(self) -> None:
        complaint = self.check()
        if complaint:
            raise RuntimeError(complaint)
        command = self._command("-g", "daemon off; master_process off;")
        self._child = Child(command, log=self.folder / "nginx.out")
        self._child.wait_until(lambda: accepts_connections(self.port), what="nginx")

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def _command(self, *more: str) -> list[str]:
        return [
            "nginx",
            "-p",
            str(self.folder),
            "-c",
            str(self.folder / "nginx.conf"),
            "-e",
            str(self.folder / "error.log"),
            *more,
        ]
