"""`gateway serve`: check the settings, bind the socket, then start the server processes."""

import errno
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory

import uvicorn
from uvicorn.supervisors import Multiprocess

from gateway.http.server_protocol import ConnectionLimits, ServerConfig
from gateway.http.socket_server_protocol import BoundedWebSocketProtocol
from gateway.settings import Settings, SettingsProblems, load_settings, unknown_settings
from gateway.telemetry.log import log_config
from gateway.telemetry.process_group import FOLDER_VARIABLE

GATEWAY_APP = "gateway.app:create_worker_app"
_WRONG_SETTINGS = 2
_STARTUP_FAILED = 3
"""Uvicorn's own exit code of a worker whose app did not start."""
_HUNG_SECONDS = 15
"""How long a worker may be silent until it is replaced. Uvicorn's 5 are too few for the start on a busy machine, which
the replacement of all workers would make busier."""
_UNREAD_SECONDS = 120
# As uvicorn's own.
_BACKLOG = 2048
_OTHER_FILES = 1024
"""Files that a process opens besides client connections: to upstreams, to Redis, and its own."""

_logger = logging.getLogger(__name__)


def run(environment: Mapping[str, str], app: str = GATEWAY_APP) -> int:
    """Serve until a signal to stop.

    Args:
        environment: The settings. Worker processes read them from `os.environ`, which must have the same values.
        app: The factory of the ASGI app, as "module:function".

    Returns:
        The exit code: 0; 2 for invalid settings, with a line for each on standard error; 3 if the app did not start.
    """
    try:
        settings = load_settings(environment)
        listener = listen(settings.host, settings.port)
        config = server_config(settings, app)
        for unknown in unknown_settings(environment):
            _logger.warning("%s", unknown)
        with hangup_blocked():
            return _serve(config, listener)
    except SettingsProblems as wrong:
        sys.stderr.write(f"{wrong}\n")
        return _WRONG_SETTINGS
    # Uvicorn raises the signal again at its end.
    except KeyboardInterrupt:
        return 0


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        host: An address or name of this machine.
        port: The port; 0 selects a free one.

    Raises:
        SettingsProblems: The address cannot be listened on.
    """
    # Bound before the processes start: an address in use is reported at once, and early clients wait and do not fail.
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SettingsProblems([f"GATEWAY_HOST: {host!r} is no address of this machine: {error.strerror}"]) from None
    listener = socket.socket(family, kind, protocol)
    # Connections of a process before may still be in TIME_WAIT, and would refuse a restart the address.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it: otherwise a second write waits for the client's delayed acknowledgement, some 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Without this, a client that stops reading keeps its connection forever: uvicorn only closes gracefully.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_SECONDS * 1000)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsProblems([_refused(host, port, error)]) from None
    return listener


def server_config(settings: Settings, app: object) -> ServerConfig:
    """Return the configuration of the server; constructing it also configures the log.

    Args:
        settings: All settings.
        app: The ASGI app, or its factory as "module:function".
    """
    connections = settings.connections
    limits = ConnectionLimits(
        max_connections=open_connections(connections.max_open),
        head_seconds=connections.head_seconds,
        body_seconds=connections.body_seconds,
        max_body_bytes=settings.max_body_bytes,
    )
    return ServerConfig(
        app,
        limits,
        factory=isinstance(app, str),
        workers=settings.workers,
        timeout_worker_healthcheck=_HUNG_SECONDS,
        loop="uvloop",
        lifespan="on",
        timeout_keep_alive=connections.idle_seconds,
        log_config=log_config(settings.log),
        access_log=settings.log.access,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        timeout_graceful_shutdown=settings.grace_seconds,
        ws=BoundedWebSocketProtocol,
        # A compressor for each of thousands of sockets takes more memory than everything else about them.
        ws_per_message_deflate=False,
        ws_max_size=settings.max_body_bytes,
        ws_ping_interval=settings.events.ping_seconds,
        ws_ping_timeout=settings.events.ping_seconds,
    )


def open_connections(wanted: int) -> int:
    """Raise the limit of open files as needed, and return the number of connections that it allows.

    Args:
        wanted: The configured number of connections.
    """
    # A server at the limit cannot even refuse a client: it silently accepts no connections.
    needed = wanted + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft >= needed:
        return wanted
    # Half at least, for a limit so low that nothing else would be left for connections.
    allowed = max(soft - _OTHER_FILES, soft // 2)
    _logger.warning(
        "GATEWAY_CONNECTIONS__MAX_OPEN is %d, but the system lets the process open only %d files: "
        "%d connections are kept open; raise the limit (ulimit -n)",
        wanted,
        soft,
        allowed,
    )
    return allowed


@contextmanager
def hangup_blocked() -> Iterator[None]:
    """Let SIGHUP wait within the block, also for the processes started there, until their app handles it."""
    # Its default action would end a process that has not come so far yet.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerSupervisor(Multiprocess):
    """Starts the workers, replaces those that end, and passes SIGHUP on to them. Lifetime: process.

    Args:
        config: The configuration of the server.
        sockets: What the workers listen on.
    """

    def init_processes(self) -> None:
        """Start all workers."""
        super().init_processes()
        # From here on it is passed on; see `handle_hup`.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended."""
        with hangup_blocked():
            super().keep_subprocess_alive()

    def handle_ttin(self) -> None:
        """Start one worker more."""
        with hangup_blocked():
            super().handle_ttin()

    def handle_hup(self) -> None:
        """Let all workers reload their settings, in place of replacing them as uvicorn does."""
        _logger.info("SIGHUP: the workers reload their settings.")
        for process in self.processes:
            if process.pid is not None:
                # One that has just ended is replaced by one that reads the settings anyway.
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGHUP)


def _serve(config: uvicorn.Config, listener: socket.socket) -> int:
    host, port = listener.getsockname()[:2]
    _logger.info(
        "listening on http://%s:%d/graphql, which %d worker(s) serve once they have started",
        f"[{host}]" if ":" in host else host,
        port,
        config.workers,
    )
    if config.workers > 1:
        # Only this user may enter it: there, workers answer each other.
        with TemporaryDirectory(prefix="gateway-") as folder:
            # The workers inherit the environment.
            os.environ[FOLDER_VARIABLE] = folder
            supervisor = WorkerSupervisor(config, sockets=[listener])
            supervisor.run()
        failed = any(process.exitcode == _STARTUP_FAILED for process in supervisor.processes)
    else:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        failed = not server.started
    return _STARTUP_FAILED if failed else 0


def _refused(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"GATEWAY_PORT: another program listens on {host}:{port}: stop it, or set another port"
        case errno.EACCES:
            return f"GATEWAY_PORT: this user may not listen on port {port}: set one from 1024"
    return f"GATEWAY_HOST: {host!r} cannot be listened on: {error.strerror}"
