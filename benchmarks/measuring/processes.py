"""Server processes with their CPU time and memory, read from /proc (Linux only)."""

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
_PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Server:
    """A running server process; lifetime of its `running` block.

    Args:
        name: The name in messages.
        process: The process, measured with all its threads.
        port: Its port on 127.0.0.1.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """Return the CPU time so far, in user and kernel mode."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / _TICKS

    def resident_bytes(self) -> int:
        """Return the resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def uvicorn_command(app: str, port: int, *, factory: bool = False) -> list[str]:
    """Return the command that serves an app with uvicorn, with the event loop and parser of the gateway's server."""
    options = ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]
    if factory:
        options.append("--factory")
    return [sys.executable, "-m", "uvicorn", app, *options, "--no-access-log", "--app-dir", str(BENCHMARKS)]


@contextmanager
def running(
    name: str, command: Sequence[str], port: int, ready: str, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run a server while the block runs.

    Args:
        name: The name in messages.
        command: The command that runs it in the foreground.
        port: The port it listens on.
        ready: A path that answers 200 once the server is ready.
        environment: Added to the environment of this process, without variables that begin with GATEWAY_.

    Raises:
        SystemExit: The server did not become ready.
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
    """Poll until the path answers 200. Return False if the process exits or the wait times out."""
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
