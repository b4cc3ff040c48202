"""A Redis of its own for a measurement, and what it does for a gateway."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from measuring.processes import free_port
from redis import Redis
from redis.exceptions import RedisError

from sizing.costs import Cost

_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Reading:
    """What Redis and the gateway have done so far; value."""

    cpu: float
    commands: float
    redis_cpu: float
    received: float
    sent: float

    def until(self, later: "Reading", count: float, calls: float = 0.0) -> Cost:
        """Return the cost of each of `count` things that were done until a later reading.

        Args:
            later: The reading after them.
            count: Their number.
            calls: Upstream calls of them all.
        """
        return Cost(
            1e6 * (later.cpu - self.cpu) / count,
            (later.commands - self.commands) / count,
            1e6 * (later.redis_cpu - self.redis_cpu) / count,
            (later.received - self.received) / count,
            (later.sent - self.sent) / count,
            calls / count,
        )


class RedisMeter:
    """Reads what a Redis and a gateway have done; lifetime of both servers.

    Args:
        url: The URL of Redis.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = Redis.from_url(url)

    def read(self, cpu_seconds: float) -> Reading:
        """Return what both have done so far.

        Args:
            cpu_seconds: CPU time of the gateway so far.
        """
        stats, cpu = self._info("stats"), self._info("cpu")
        return Reading(
            cpu_seconds,
            stats["total_commands_processed"],
            cpu["used_cpu_user"] + cpu["used_cpu_sys"],
            stats["total_net_input_bytes"],
            stats["total_net_output_bytes"],
        )

    def wait(self) -> None:
        """Wait until Redis answers."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                self._client.ping()
            except RedisError:
                time.sleep(0.05)
            else:
                return
        sys.exit("Redis did not start.")

    @property
    def connections(self) -> int:
        """The connections of gateways."""
        return int(self._info("clients")["connected_clients"]) - 1

    def _info(self, section: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.info(section)
        return found


@contextmanager
def metered_redis() -> Iterator[RedisMeter]:
    """Run an empty Redis while the block runs."""
    command, port = shutil.which("redis-server"), free_port()
    if command is None:
        sys.exit("There is no redis-server on PATH: install it.")
    silent = ["--save", "", "--bind", "127.0.0.1", "--loglevel", "warning"]
    process = subprocess.Popen([command, "--port", str(port), *silent], stdout=subprocess.DEVNULL)
    try:
        meter = RedisMeter(f"redis://127.0.0.1:{port}/0")
        meter.wait()
        yield meter
    finally:
        process.kill()
        process.wait()
