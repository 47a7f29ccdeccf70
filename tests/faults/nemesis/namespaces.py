"""A LAN of network namespaces: hosts with a line of their own to one switch, and rules that lose, hold back or cut traffic.

    with lan("office", "server", "room1") as hosts:
        with hosts.standing_in("office"):                  # this thread, and threads it starts, live there
            Node(…, prefix=hosts.prefix("server"))
        hosts["room1"].lose(percent=20)

Everything is inside namespaces; the machine's own network is not touched. Whatever happens, all of it is removed again.
Root, iproute2, nftables. There is no netem here: loss is `numgen`, bandwidth `tbf`, delay a relay's.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.registry import NotRunHere

CLONE_NEWNET = 0x40000000
NETWORK = "10.77.0"


def need_namespaces() -> None:
    """Raises `NotRunHere` where there can be no namespaces."""
    if os.geteuid() != 0:
        raise NotRunHere("network namespaces need root")
    for program in ("ip", "nft", "tc"):
        if shutil.which(program) is None:
            raise NotRunHere(f"{program} is missing (make test-tools)")


class Host:
    """One namespace with an address; `lose`, `cut`, `narrow` concern its own line."""

    def __init__(self, name: str, namespace: str, address: str) -> None:
        self.name = name
        self.namespace = namespace
        self.address = address

    def run(self, *command: str) -> str:
        return _run("ip", "netns", "exec", self.namespace, *command)

    def rules(self, *rules: str) -> None:
        """Replace this host's packet rules; each is `input …` or `output …`."""
        self.clear()
        text = ["table ip mingyuan {"]
        for hook in ("input", "output"):
            mine = [rule.removeprefix(f"{hook} ") for rule in rules if rule.startswith(f"{hook} ")]
            text += [f"chain {hook} {{ type filter hook {hook} priority 0; policy accept;", *mine, "}"]
        self._nft("\n".join([*text, "}"]))

    def lose(self, percent: int) -> None:
        """So many of a hundred packets, each way."""
        drop = f'meta oifname != "lo" numgen random mod 100 < {percent} drop'
        self.rules(f"output {drop}", f"input {drop.replace('oifname', 'iifname')}")

    def cut(self) -> None:
        """No packet in or out, and nobody is told."""
        self.rules('output meta oifname != "lo" drop', 'input meta iifname != "lo" drop')

    def go_deaf(self) -> None:
        """Others hear this host; it hears nobody."""
        self.rules('input meta iifname != "lo" drop')

    def go_mute(self) -> None:
        """This host hears; nobody hears it."""
        self.rules('output meta oifname != "lo" drop')

    def refuse_to_hear(self, *addresses: str) -> None:
        """Cut off from these hosts alone, both ways."""
        self.rules(
            *(f"input ip saddr {one} drop" for one in addresses), *(f"output ip daddr {one} drop" for one in addresses)
        )

    def clear(self) -> None:
        """All packets pass."""
        self._nft("add table ip mingyuan\ndelete table ip mingyuan")

    def narrow(self, kbit: int) -> None:
        """So much bandwidth each way: here out, at the switch in."""
        self.run("tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", f"{kbit}kbit", "burst", "32kbit",
                 "latency", "400ms")  # fmt: skip

    def _nft(self, text: str) -> None:
        done = subprocess.run(
            ["ip", "netns", "exec", self.namespace, "nft", "-f", "-"], input=text, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"nft: {done.stderr.strip()}\n{text}")


class Lan:
    """The hosts by name."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._tag = f"mg{secrets.token_hex(2)}"
        self._switch = f"{self._tag}-switch"
        self.hosts = {
            name: Host(name, f"{self._tag}-{name}", f"{NETWORK}.{turn}") for turn, name in enumerate(names, start=2)
        }

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def build(self) -> None:
        _run("ip", "netns", "add", self._switch)
        _in(self._switch, "ip", "link", "add", "br0", "type", "bridge")
        _in(self._switch, "ip", "link", "set", "br0", "up")
        for turn, host in enumerate(self.hosts.values()):
            port = f"port{turn}"
            _run("ip", "netns", "add", host.namespace)
            _in(
                self._switch, "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace
            )
            _in(self._switch, "ip", "link", "set", port, "master", "br0", "up")
            _in(host.namespace, "ip", "addr", "add", f"{host.address}/24", "dev", "eth0")
            _in(host.namespace, "ip", "link", "set", "eth0", "up")
            _in(host.namespace, "ip", "link", "set", "lo", "up")

    def narrow_both_ways(self, name: str, kbit: int) -> None:
        """The line of one host, there and back."""
        turn = list(self.hosts).index(name)
        self.hosts[name].narrow(kbit)
        _in(self._switch, "tc", "qdisc", "replace", "dev", f"port{turn}", "root", "tbf", "rate", f"{kbit}kbit",
            "burst", "32kbit", "latency", "400ms")  # fmt: skip

    def prefix(self, name: str) -> list[str]:
        """What stands before a command to run it there."""
        return ["ip", "netns", "exec", self.hosts[name].namespace]

    def enter(self, name: str) -> None:
        """This thread goes there, for good; threads it starts begin there."""
        _set_namespace(Path("/run/netns") / self.hosts[name].namespace)

    @contextmanager
    def standing_in(self, name: str) -> Iterator[None]:
        """This thread lives there for a while."""
        home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        try:
            self.enter(name)
            yield
        finally:
            _set_fd(home)
            os.close(home)

    def living_in(self, name: str, work: Callable[[], None]) -> Callable[[], None]:
        """`work` for a thread of its own that lives there."""

        def run() -> None:
            self.enter(name)
            work()

        return run

    def remove(self) -> None:
        """Namespaces go, and with them every line and rule."""
        for namespace in (*(host.namespace for host in self.hosts.values()), self._switch):
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True)


@contextmanager
def lan(*names: str) -> Iterator[Lan]:
    """Hosts on one switch, removed afterwards.

    Raises:
        NotRunHere: the machine does not let us make them.
    """
    need_namespaces()
    made = Lan(names)
    try:
        try:
            made.build()
        except RuntimeError as error:
            raise NotRunHere(f"no network namespaces here: {error}") from error
        yield made
    finally:
        made.remove()


def _set_namespace(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        _set_fd(fd)
    finally:
        os.close(fd)


def _set_fd(fd: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise RuntimeError(f"setns: {os.strerror(ctypes.get_errno())}")


def _in(namespace: str, *command: str) -> str:
    return _run("ip", "netns", "exec", namespace, *command)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
