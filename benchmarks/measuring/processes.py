"""Servers as processes of their own, and what they take of the machine. Reads /proc, so Linux alone."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

BENCHMARKS: Final = Path(__file__).parents[1]
GATEWAY: Final = [sys.executable, "-c", "from gateway.cli import main; main()", "serve"]
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Server:
    """A process that listens; lives as long as its `running` block.

    Args:
        name: For messages.
        process: Its one process, whose threads all count.
        port: On 127.0.0.1.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """What it has taken so far, in user and kernel mode."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS

    def resident_bytes(self) -> int:
        """What it holds of the memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def uvicorn_command(app: str, port: int) -> list[str]:
    """Serves an app by uvicorn with the same parts as the gateway's own server."""
    options = ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", app, *options, "--no-access-log", "--app-dir", str(BENCHMARKS)]


@contextmanager
def running(
    name: str, command: Sequence[str], port: int, ready: str, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run a server for as long as the block.

    Args:
        name: For messages.
        command: Starts it in the foreground.
        port: Where it then listens.
        ready: A path that it answers with 200 once it is ready.
        environment: Added to ours, of which names that begin with GATEWAY_ are left out.

    Raises:
        SystemExit: it did not come up.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    with TemporaryFile() as log:
        process = subprocess.Popen(command, env={**inherited, **environment}, stdout=log, stderr=log)
        server = Server(name, process, port)
        try:
            if not wait_until_ready(server, ready):
                log.seek(0)
                raise SystemExit(f"{name} did not answer {ready}:\n{log.read().decode()[-2000:]}")
            yield server
        finally:
            _stop(process)


def wait_until_ready(server: Server, path: str) -> bool:
    """Ask again and again until it answers 200; False where it ended or takes too long."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}{path}", timeout=5) as answer:  # noqa: S310 - our own server
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            time.sleep(0.005)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
