import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.commands.serve import listen
from gateway.settings import SettingsProblems
from tests.commands.running import ROOT, STARTS_WITHIN_SECONDS, Running, running

OPEN = {**os.environ, "GATEWAY_AUTH__ANONYMOUS": "true", "GATEWAY_PORT": "0", "GATEWAY_GRACE_SECONDS": "1"}


def serve(app: str, **settings: str) -> AbstractContextManager[Running]:
    ran = f"run(os.environ, 'tests.commands.tiny_app:{app}')"
    command = f"import os, sys; from gateway.commands.serve import run; sys.exit({ran})"
    # Worker processes are spawned, and import the module that started them: -c leaves them none.
    return running(["-c", command], {**OPEN, **settings}, announced_by="stderr")


def gateway(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from gateway.cli import main; main()", *arguments]
    return subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=30, check=False
    )


@contextmanager
def asking(url: str) -> Iterator[httpx.Client]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(base_url=url, trust_env=False, verify=tls, timeout=STARTS_WITHIN_SECONDS) as client:
        yield client


def test_wrong_settings_are_one_line_each_and_exit_code_2() -> None:
    ended = gateway("serve", environment={"GATEWAY_CACHE__GRACE": "-1", "GATEWAY_REDIS_URL": "here"})

    assert ended.returncode == 2
    assert [line.partition(":")[0] for line in ended.stderr.splitlines()] == [
        "GATEWAY_AUTH__ANONYMOUS",
        "GATEWAY_CACHE__GRACE",
        "GATEWAY_REDIS_URL",
    ]


def test_an_option_wins_over_the_environment() -> None:
    ended = gateway("serve", "--workers", "3", environment={**OPEN, "GATEWAY_WORKERS": "1"})

    assert ended.returncode == 2
    assert ended.stderr.startswith("GATEWAY_WORKERS: must be 1 without GATEWAY_REDIS_URL: 3 processes")


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ended = gateway("serve", "--port", str(port), environment=OPEN)

    assert ended.returncode == 2
    assert ended.stderr == (
        f"GATEWAY_PORT: another program listens on 127.0.0.1:{port}: stop it, or set another port\n"
    )


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(SettingsProblems, match=r"GATEWAY_HOST: '.+' (is no address|cannot be listened on)"):
        listen(host, 0)


def test_connections_are_accepted_without_delaying_small_answers() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()

        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_settings_that_the_app_finds_wrong_are_one_line_too() -> None:
    with serve("create_failing_app") as started:
        _, errors = started.process.communicate(timeout=20)

    assert started.process.returncode == 2
    assert errors.splitlines()[-1] == "GATEWAY_TRUSTED_DOCUMENTS: planted"
    assert "Traceback" not in errors


@pytest.mark.parametrize("workers", [{}, {"GATEWAY_WORKERS": "2", "GATEWAY_REDIS_URL": "redis://127.0.0.1:1"}])
def test_a_broken_manifest_is_one_line_and_nothing_is_served(tmp_path: Path, workers: dict[str, str]) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"format": "of another tool"}')

    ended = gateway("serve", environment={**OPEN, **workers, "GATEWAY_TRUSTED_DOCUMENTS": str(manifest)})

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"GATEWAY_TRUSTED_DOCUMENTS: {str(manifest)!r} is neither")
    assert len(ended.stderr.splitlines()) == 1


def test_a_typo_is_a_warning_and_the_gateway_serves() -> None:
    with serve("create_app", GATEWAY_PRT="1") as started, asking(started.url) as client:
        status = client.get("/x").status_code

        started.stop(signal.SIGINT)

    assert status == 200
    assert any(
        "WARNING gateway.commands.serve: GATEWAY_PRT: there is no such setting" in line for line in started.lines
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_trace(number: signal.Signals) -> None:
    with serve("create_app") as started:
        errors = started.stop(number)

    assert started.exit_code in (0, -number)
    assert "Traceback" not in errors


def test_two_workers_share_one_port() -> None:
    redis = {"GATEWAY_REDIS_URL": "redis://127.0.0.1:1/0", "GATEWAY_WORKERS": "2"}
    with serve("create_app", **redis) as started:
        processes = set()
        for _ in range(1000):
            with asking(started.url) as client:
                processes.add(client.get("/").json()["process"])
            if len(processes) == 2:
                break
        errors = started.stop(signal.SIGTERM)

    assert len(processes) == 2
    assert started.process.pid not in processes
    assert "Traceback" not in errors


def test_the_access_log_is_off_by_default() -> None:
    with serve("create_app") as started, asking(started.url) as client:
        client.get("/plain")
        errors = started.stop(signal.SIGINT)

    assert "/plain" not in errors


def test_the_access_log_never_shows_the_webhooks_secret_nor_a_query() -> None:
    with serve("create_app", GATEWAY_LOG__ACCESS="true") as started, asking(started.url) as client:
        client.post("/webhooks/logistics/planted-secret")
        client.get("/oauth/logistics/callback?code=planted-secret")
        errors = started.stop(signal.SIGINT)

    assert '"POST /webhooks/logistics/*** HTTP/1.1" 405' in errors
    assert '"GET /oauth/logistics/callback HTTP/1.1" 200' in errors
    assert "planted-secret" not in errors


def test_the_bounds_of_a_connection_are_the_settings() -> None:
    settings = {"GATEWAY_CONNECTIONS__MAX_OPEN": "1", "GATEWAY_CONNECTIONS__HEAD_SECONDS": "300"}
    with serve("create_app", **settings) as started, asking(started.url) as client, asking(started.url) as other:
        served = client.get("/")
        refused = other.get("/")
        errors = started.stop(signal.SIGINT)

    assert (served.status_code, refused.status_code, refused.headers["connection"]) == (200, 503, "close")
    assert "1 connections are open, the limit of GATEWAY_CONNECTIONS__MAX_OPEN" in errors


def test_connections_that_the_server_ended_are_counted() -> None:
    command = ["-c", "from gateway.cli import main; main()", "serve"]
    with (
        running(command, {**OPEN, "GATEWAY_DRAIN_SECONDS": "0"}, announced_by="stderr") as started,
        asking(started.url) as client,
    ):
        refused = client.get("/livez", headers={"x": "a" * 70_000})
        metrics = client.get("/metrics").text
        started.stop(signal.SIGTERM)

    assert refused.status_code == 431
    assert 'gateway_connections_ended_total{reason="large_head"} 1.0' in metrics


def test_a_process_may_open_as_many_files_as_connections_need() -> None:
    asked = "from gateway.commands.serve import open_connections as allowed; print(allowed(500), allowed(600))"
    command = f'ulimit -Sn 1100; ulimit -Hn 1524; exec {sys.executable} -c "{asked}"'

    ended = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603, S607 - our own command

    assert ended.stdout == "500 762\n"
    assert "GATEWAY_CONNECTIONS__MAX_OPEN is 600, but the system lets the process open only 1524 files" in ended.stderr


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [("", {"client": "127.0.0.1", "scheme": "http"}), ("127.0.0.0/8", {"client": "192.0.2.7", "scheme": "https"})],
)
def test_only_a_trusted_proxy_says_who_asks(proxies: str, seen: dict[str, str]) -> None:
    with serve("create_app", GATEWAY_TRUSTED_PROXIES=proxies) as started, asking(started.url) as client:
        answer = client.get("/", headers={"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}).json()

    assert {name: answer[name] for name in seen} == seen
