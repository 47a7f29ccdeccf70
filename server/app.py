"""Puts the parts together and decides nothing: platform, topic folders, sockets, background duties."""

from __future__ import annotations

import functools
import logging
import signal
import socket
import threading
from pathlib import Path

import gevent
from flask import Flask, Response, jsonify
from flask_socketio import SocketIO
from gevent import pywsgi
from psycopg import waiting
from werkzeug.middleware.proxy_fix import ProxyFix

import itembank.views
import proctor.socket
import proctor.views
import proctor.wire
import scoring.analysis_views
import scoring.views
import server.accounts.views
import server.delivery.office_views
import server.delivery.views
import server.delivery.wire
import server.safekeeping.views
import server.scheduling.views
import server.schema
import server.takeover.views
from proctor.worker import RoomKeeper
from scoring.worker import ScoringWorker
from server.adapters import service_manager
from server.adapters.redis_bus import RedisBus, connect
from server.adapters.throttle import InMemoryThrottle, RedisThrottle, Throttle
from server.adapters.vault import Vault
from server.audit.services.sign_head import sign_head
from server.core.bus import EventBus, InProcessBus
from server.core.clock import Clock, SteadyClock
from server.core.errors import Unavailable
from server.core.ids import new_id
from server.delivery.runtime import DeliveryRuntime
from server.delivery.socket import CandidateChannel
from server.migrations import newest_revision, present_revision, upgrade
from server.safekeeping.freeze import build_of, check_start
from server.safekeeping.keeper import Keeper
from server.safekeeping.open_sittings import open_sittings
from server.scheduling.domain.rule_profile import load_profile
from server.settings import Settings
from server.storage.database import Database
from server.takeover.duty import NodeDuty
from server.takeover.health import NodeHealth
from server.takeover.standby_watch import StandbyWatch
from server.webkit import cross_origin, error_replies, headers, late_imports
from server.webkit.background import Background
from server.webkit.gate import Gate
from server.webkit.guards import public
from server.webkit.platform import Platform

log = logging.getLogger(__name__)
BACKLOG = 2048
MAX_BODY = 12 * 1024 * 1024
MAX_MESSAGE = 64_000
SIGN_HEAD_EVERY_S = 60.0
LATE_IMPORTS_EVERY_S = 30.0
#: pages told to move are gone after a third of a second; whoever stays is cut off
FAREWELL_S = 1.0


def build_platform(
    settings: Settings, clock: Clock | None = None, *, serving: bool = False, migrate: bool = True
) -> Platform:
    """The plumbing of one process.

    Args:
        serving: a node that will take answers: the database is examined when nobody closed it, and the build has to be
            the one that open sittings are served with.
        migrate: False leaves the schema as it is.

    Raises:
        Unavailable: `STORAGE_NOT_DURABLE`, `STORAGE_DAMAGED`, `SOCKETS_NOT_PATCHED`.
        Conflict: `FROZEN`: a sitting is open, and this program would change the system under it.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    clock = clock or SteadyClock()
    database = Database(settings.effective_database_url)
    if not database.is_sqlite and getattr(waiting.wait, "__name__", "") == "wait_c":
        raise Unavailable(
            "SOCKETS_NOT_PATCHED", "启动顺序错误：请用 mingyuan 命令启动。", "Start it with the command mingyuan."
        )
    left_behind = serving and database.stopped_without_farewell()
    database.check_durability()
    if left_behind:
        log.warning("the last process did not close the database; examining it")
        database.examine()
    if migrate:
        present, newest = present_revision(database), newest_revision()
        check_start(database, settings, clock, revision=present, head=newest, serving=serving)
        upgrade(database)
    vault = Vault.load_or_create(settings.master_key_file or settings.data / "keys" / "master.key")
    node_id, stopping = new_id(), threading.Event()
    bus: EventBus = InProcessBus()
    redis_url = settings.redis_url.get_secret_value()
    if redis_url:
        bus = RedisBus(redis_url, node_id, clock, stopping)
    return Platform(settings, clock, database, bus, vault, node_id, stopping)


def listen_at(host: str, port: int) -> socket.socket:
    """A listening socket whose connections send at once: they inherit TCP_NODELAY, else 40 ms a message (realtime.md 3)."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


class ExamServer:
    """One node: the Flask application, its sockets and duties. `start` it, `serve` it, `stop` it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.background = Background(platform.stopping)
        self.flask = Flask("server", root_path=str(Path(__file__).parent))
        self.flask.extensions["mingyuan"] = platform
        self.flask.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        self.flask.json.ensure_ascii = False  # type: ignore[attr-defined]
        throttle = self._throttle()
        self.duty = NodeDuty(platform)
        self.delivery = DeliveryRuntime(platform, throttle, self.duty)
        self.scoring = ScoringWorker(platform, self.duty.holds, self.duty.fenced)
        self.rooms = RoomKeeper(platform, self.duty.holds, self.duty.fenced)
        self.keeper = Keeper(platform, build_of(platform.settings, newest_revision()), self.duty.holds)
        expects_standby = platform.settings.standby != "none"
        self.standby = StandbyWatch(
            platform.uow, platform.settings.data, expects_standby=expects_standby, stopping=platform.stopping
        )
        self.health = NodeHealth(self.duty, self.standby, self._is_deaf, lambda: self.delivery.writer.is_failing)

        error_replies.register(self.flask)
        settings = platform.settings
        headers.register(self.flask, settings.secure_cookies, cross_origin.node_origins(settings))
        cross_origin.register(self.flask, settings)
        door = server.accounts.views.register(self.flask, platform, throttle)
        server.scheduling.views.register(self.flask, platform)
        server.delivery.office_views.register(self.flask, platform)
        server.delivery.views.register(self.flask, platform, self.delivery)
        rules = load_profile("default")
        itembank.views.register(self.flask, platform, rules.items_required, rules.items_per_point)
        proctor.views.register(self.flask, platform)
        scoring.views.register(self.flask, platform)
        scoring.analysis_views.register(self.flask, platform)
        server.takeover.views.register(self.flask, platform)
        server.safekeeping.views.register(self.flask, platform, self.keeper.disks)
        self._register_health()

        self.socketio = SocketIO(
            self.flask,
            async_mode="gevent",
            manage_session=False,
            async_handlers=False,
            transports=["websocket"],
            ping_interval=10,
            ping_timeout=15,
            max_http_buffer_size=MAX_MESSAGE,
            namespaces=[server.delivery.wire.NAMESPACE, proctor.wire.NAMESPACE],  # nobody joins the default one unasked
            cors_allowed_origins=functools.partial(cross_origin.socket_origin_allowed, settings),
            http_compression=False,
        )
        self.candidates = CandidateChannel(self.socketio.server, platform, self.delivery)
        self.boards = proctor.socket.register(self.socketio.server, platform, door.at_handshake)
        wsgi = headers.without_compression(self.flask.wsgi_app)
        if platform.settings.trusted_proxies:
            wsgi = ProxyFix(wsgi, x_for=platform.settings.trusted_proxies, x_proto=platform.settings.trusted_proxies)
        self.flask.wsgi_app = Gate(wsgi, lambda: self.health.is_leaving, self.standby.commits_hang)  # type: ignore[method-assign]
        self._listener: pywsgi.WSGIServer | None = None

    def start(self) -> None:
        """Begin the duties; the last act is to settle what an outage cost, when answers can be taken again."""
        self.duty.settle_clock()
        if isinstance(self.platform.bus, RedisBus):
            self.platform.bus.start()
        self.delivery.start(self.background)
        self.scoring.start(self.background)
        self.rooms.start(self.background)
        self.standby.start(self.background)
        self.duty.start(self.background)
        self.keeper.start(self.background)
        self.background.every(SIGN_HEAD_EVERY_S, "audit-head", self._sign_head)
        late = (LATE_IMPORTS_EVERY_S, "late-imports", self._bring_in_late_imports)
        gevent.spawn_later(LATE_IMPORTS_EVERY_S, self.background.every, *late)

    def serve(self, host: str, port: int) -> None:
        """Listen until `stop`; a stop signal stops kindly."""
        self._listener = pywsgi.WSGIServer(
            listen_at(host, port), self.flask, log=None, error_log=logging.getLogger("pywsgi")
        )
        for name in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(name, self.stop)  # runs in a greenlet of its own, where waiting is allowed
        self.start()
        log.info("listening on http://%s:%s", host, port)
        service_manager.notify("READY=1")
        interval_s = service_manager.watchdog_interval_s()
        if interval_s is not None:
            self.background.every(interval_s, "watchdog", lambda: service_manager.notify("WATCHDOG=1"))
        self._listener.serve_forever()
        self.background.join()
        self.platform.database.dispose()

    def stop(self) -> None:
        """Take nothing new, tell the pages to move, acknowledge what has gathered, give the duties up, close.

        Other nodes go on; where this is the only one, a new process is there in a second or two. A step that fails (the
        database is away, say) does not keep the next ones from being taken.
        """
        if self.health.is_leaving:
            return
        self.health.is_leaving = True
        service_manager.notify("STOPPING=1")
        for step in (self.candidates.say_moving, self.delivery.stop, self.platform.stopping.set, self.duty.stop):
            try:
                step()
            except Exception:
                log.exception("a step of stopping failed; the others follow")
        if self._listener is not None:
            self._listener.stop(timeout=FAREWELL_S)

    def _sign_head(self) -> None:
        if self.duty.holds():
            sign_head(self.duty.fenced, self.platform.vault, self.platform.node_id)

    def _bring_in_late_imports(self) -> None:
        """A node that comes back in mid-exam leaves them until the exam is over, or until somebody needs them."""
        with self.platform.uow.read() as session:
            if open_sittings(session, self.platform.clock.now()):
                return
        late_imports.bring_in()

    def _throttle(self) -> Throttle:
        url = self.platform.settings.redis_url.get_secret_value()
        if url:
            return RedisThrottle(connect(url), self.platform.clock)
        return InMemoryThrottle(self.platform.clock)

    def _register_health(self) -> None:
        @self.flask.get("/healthz")
        @public("says whether this node should be sent work, and what is wrong with it; no data")
        def healthz() -> tuple[Response, int]:
            reply, status = self.health.report(round(self.platform.clock.now().timestamp() * 1000))
            return jsonify({**reply, "disk": self.keeper.disks.worst.value}), status

    def _is_deaf(self) -> bool:
        bus = self.platform.bus
        return isinstance(bus, RedisBus) and bus.is_deaf
