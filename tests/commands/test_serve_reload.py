"""`gateway serve` reloads its settings in place, in one process and in several."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.commands.running import Running, running

PATIENCE_SECONDS = 60
KEYS = "[auth.api_keys]\n"
SOURCE = "from gateway.cli import main; main()"


def key(name: str) -> str:
    return f'{name} = "{sha256(f"{name}-planted".encode()).hexdigest()}"\n'


@contextmanager
def serving(file: Path, environment: Mapping[str, str]) -> Iterator[tuple[Running, list[str]]]:
    """`gateway serve` with a TOML file, and the lines that it writes."""
    settings = {"GATEWAY_CONFIG": str(file), "GATEWAY_PORT": "0", "GATEWAY_DRAIN_SECONDS": "0"}
    with running(["-c", SOURCE, "serve"], {**os.environ, **settings, **environment}, announced_by="stderr") as started:
        lines: list[str] = []
        stream = started.process.stderr
        assert stream is not None
        reading = threading.Thread(target=lambda: lines.extend(stream), daemon=True)
        reading.start()
        yield started, lines
        started.process.terminate()
        started.process.wait(timeout=20)
        reading.join()


def status(url: str, name: str) -> int:
    """Ask over a connection of its own, which any worker may accept."""
    headers = {"x-api-key": f"{name}-planted", "content-type": "application/json"}
    return answer(url, "POST", "/graphql", b'{"query": "{ __typename }"}', headers)[0]


def answer(
    url: str, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=30)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read().decode()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def metric(url: str, name: str) -> dict[str, float]:
    """The values of a metric by worker."""
    text = answer(url, "GET", "/metrics")[1]
    found = [line.rpartition(" ") for line in text.splitlines() if line.startswith(name)]
    return {labels: float(value) for labels, _, value in found}


def children(process: subprocess.Popen[str]) -> set[str]:
    """The ids of the worker processes. Elsewhere than on Linux the test skips, but fails in CI."""
    if sys.platform != "linux":
        (pytest.fail if "CI" in os.environ else pytest.skip)("This test reads the workers from /proc of Linux.")
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    names = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in tasks.split()}
    return {pid for pid, line in names.items() if "spawn_main" in line}


@pytest.mark.parametrize("trigger", ["SIGHUP", "file"])
def test_one_process_reloads_and_does_not_end(tmp_path: Path, trigger: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(KEYS + key("ada"))
    with serving(file, {}) as (started, lines):
        until(lambda: status(started.url, "ada") == 200)
        file.write_text(KEYS + key("eve"))
        if trigger == "SIGHUP":
            started.process.send_signal(signal.SIGHUP)
        until(lambda: status(started.url, "eve") == 200)

        assert status(started.url, "ada") == 401
        assert started.process.poll() is None
    assert [line.partition("gateway.reload: ")[2] for line in lines if "gateway.reload" in line] == [
        "Settings reloaded. Changed: GATEWAY_AUTH__API_KEYS__ADA, GATEWAY_AUTH__API_KEYS__EVE\n"
    ]


@pytest.mark.parametrize("trigger", ["SIGHUP", "file"])
def test_every_worker_reloads_in_place(tmp_path: Path, trigger: str, redis_url: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(KEYS + key("ada"))
    with serving(file, {"GATEWAY_WORKERS": "2", "GATEWAY_REDIS_URL": redis_url}) as (started, lines):
        until(lambda: len(metric(started.url, "gateway_worker_up{")) == 2)
        workers = children(started.process)
        file.write_text(KEYS + key("eve"))
        if trigger == "SIGHUP":
            started.process.send_signal(signal.SIGHUP)
        until(lambda: sum(metric(started.url, 'gateway_reloads_total{outcome="changed"').values()) == 2)

        assert {status(started.url, "ada") for _ in range(20)} == {401}
        assert {status(started.url, "eve") for _ in range(20)} == {200}
        file.write_text("nonsense")
        until(lambda: set(metric(started.url, "gateway_last_reload_successful").values()) == {0.0})
        assert {status(started.url, "eve") for _ in range(20)} == {200}
        assert children(started.process) == workers
        assert len(workers) == 2
    failed = [line for line in lines if "ERROR gateway.reload" in line]
    assert len(failed) == 2
    assert all("GATEWAY_CONFIG" in line for line in failed)


def test_a_hangup_before_the_app_has_started_ends_nothing(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(KEYS + key("ada"))
    with serving(file, {}) as (started, _):
        # It listens before its app is built.
        started.process.send_signal(signal.SIGHUP)
        until(lambda: sum(metric(started.url, "gateway_reloads_total").values()) == 1)

        assert status(started.url, "ada") == 200
