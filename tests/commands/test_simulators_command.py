import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from gateway.commands.simulators import run
from tests.commands.running import ROOT

COMMAND = [sys.executable, "-c", "from gateway.cli import main; main()", "simulators"]


@contextmanager
def simulators(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command's process, and the URL that it prints for each simulator."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, dict(process.stdout.readline().split() for _ in range(5))
        finally:
            process.kill()


def five_free_ports() -> int:
    """The first of five consecutive ports that nothing listens on."""
    while True:
        with socket.socket() as first, suppress(OSError, OverflowError):
            first.bind(("127.0.0.3", 0))
            port: int = first.getsockname()[1]
            for number in range(port + 1, port + 5):
                with socket.socket() as following:
                    following.bind(("127.0.0.3", number))
            return port


def test_each_simulator_is_served_at_the_address_and_port_that_were_asked_for() -> None:
    port = five_free_ports()

    with simulators("--host", "127.0.0.3", "--port", str(port)) as (_, urls):
        clocks = [httpx.get(f"{url}/_sandbox/clock", trust_env=False).json() for url in urls.values()]

    assert urls == {
        name: f"http://127.0.0.3:{port + number}"
        for number, name in enumerate(["deliveries", "sms_primary", "sms_secondary", "sms_send", "logistics"])
    }
    assert [clock["speed"] for clock in clocks] == [10.0] * 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_without_a_trace(number: signal.Signals) -> None:
    with simulators("--port", "0") as (process, _):
        process.send_signal(number)
        rest = process.communicate(timeout=20)

    assert (process.returncode, *rest) == (0, "", "")


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code = run(host="127.0.0.1", port=taken.getsockname()[1])

    assert code == 2
    assert re.fullmatch(
        r"The simulators cannot listen on 127\.0\.0\.1, ports \d+ to \d+: .*\n", capsys.readouterr().err
    )
