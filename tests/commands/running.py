"""A command started as a process, and stopped by a signal."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
SERVE = ["-c", "from gateway.cli import main; main()", "serve"]
_STOPS_WITHIN_SECONDS = 20

STARTS_WITHIN_SECONDS = 20
"""Timeout of the first request: the socket listens before the command serves."""


@dataclass
class Running:
    """A started command; lifetime of its block."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str] = field(default_factory=list)
    exit_code: int | None = None

    def stop(self, number: signal.Signals) -> str:
        """Send the signal, wait for the end, and return the rest of standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=_STOPS_WITHIN_SECONDS)
        self.exit_code = self.process.returncode
        return errors


@contextmanager
def running(
    arguments: list[str], environment: Mapping[str, str], *, announced_by: str, folder: Path = ROOT
) -> Iterator[Running]:
    """Start Python with these arguments and wait for the line with the URL.

    Args:
        arguments: Such as `["-m", "module"]`.
        environment: All of it.
        announced_by: "stdout" or "stderr": where the line is.
        folder: Where the packages are.
    """
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, *arguments],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            stream = process.stdout if announced_by == "stdout" else process.stderr
            assert stream is not None
            yield _announced(process, stream)
        finally:
            # Its worker processes too, which would outlive it; a group ends with its last process.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _announced(process: subprocess.Popen[str], stream: IO[str]) -> Running:
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if found := re.search(r"(http://127\.0\.0\.1:\d+)/graphql", line):
            return Running(process, found[1], lines)
    raise AssertionError(f"it ended instead of serving: {''.join(lines)}")


@contextmanager
def two_workers_running(redis_url: str, redis_prefix: str, settings: Mapping[str, str]) -> Iterator[Running]:
    """A gateway with two worker processes that share a Redis.

    Args:
        redis_url: The Redis.
        redis_prefix: What its keys begin with.
        settings: Further settings, by their environment names.
    """
    environment = {
        **os.environ,
        "GATEWAY_AUTH__ANONYMOUS": "true",
        "GATEWAY_PORT": "0",
        "GATEWAY_WORKERS": "2",
        "GATEWAY_REDIS_URL": redis_url,
        "GATEWAY_REDIS_PREFIX": redis_prefix,
        "GATEWAY_DRAIN_SECONDS": "0",
        **settings,
    }
    with running(SERVE, environment, announced_by="stderr") as started:
        yield started
