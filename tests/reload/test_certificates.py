"""Renewed client certificates are taken up by a running gateway, and their ends are in its metrics."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from time import time

import pytest

from gateway.commands.check import run
from tests.reload.gateways import config, reloading_gateway
from tests.upstreams.transport.wire.certificates import Authority, Pair
from tests.upstreams.transport.wire.talking_server import answer, serving

TASK = '{ logisticsTask(id: "LogisticsTask:1") { rawStatus } }'
UNCACHED = "[cache]\nenabled = false\ncoalesce = false\n"
DAY = 86_400


async def say_serial(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a task whose status is the number of the client certificate."""
    serial = writer.get_extra_info("peercert")["serialNumber"]
    writer.write(answer(b'{"id": "1", "current_status": "%b"}' % str(serial).encode()))


def settings_over(url: str, authority: Authority, client: Pair) -> str:
    files = (
        f'ca_file = "{authority.file}"\nclient_certificate_file = "{client.certificate}"\n'
        f'client_key_file = "{client.key}"\n'
    )
    return config(url.rstrip("/"), more=UNCACHED).replace("[auth.api_keys]", f"{files}[auth.api_keys]")


async def test_connections_after_a_renewal_show_the_new_certificate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    tls = authority.demanding(authority.issue("localhost"))
    client = authority.issue("gateway", ends=timedelta(days=10))
    async with (
        serving(say_serial, tls) as server,
        reloading_gateway(tmp_path, settings_over(server.url, authority, client), caplog) as gateway,
    ):
        first = [(await gateway.ask(TASK)).json()["data"]["logisticsTask"]["rawStatus"] for _ in range(2)]
        before = ends(await gateway.metrics())
        authority.issue("gateway", ends=timedelta(days=100))

        lines = await gateway.reload()

        second = [(await gateway.ask(TASK)).json()["data"]["logisticsTask"]["rawStatus"] for _ in range(2)]
        after = ends(await gateway.metrics())
        client.key.write_text("nonsense")
        (wrong,) = await gateway.reload()
        third = (await gateway.ask(TASK)).json()["data"]["logisticsTask"]["rawStatus"]

    assert lines == [
        "Settings reloaded. Changed: GATEWAY_LOGISTICS__CLIENT_CERTIFICATE_FILE, GATEWAY_LOGISTICS__CLIENT_KEY_FILE"
    ]
    assert first[0] == first[1] != second[0] == second[1] == third
    assert before == {"client": 10, "server": 365}
    assert after == {"client": 100, "server": 365}
    assert "GATEWAY_LOGISTICS__CLIENT_KEY_FILE" in wrong


def ends(metrics: str) -> dict[str, int]:
    """The days until certificates end, by side."""
    pattern = r'^gateway_certificate_expiry_seconds\{side="(\w+)",upstream="LOGISTICS"\} (\S+)$'
    return {side: round((float(at) - time()) / DAY) for side, at in re.findall(pattern, metrics, re.MULTILINE)}


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (100, ""),
        (9, " - the certificate in GATEWAY_LOGISTICS__CLIENT_CERTIFICATE_FILE ends in 8 days"),
        (-1, " - the certificate in GATEWAY_LOGISTICS__CLIENT_CERTIFICATE_FILE ended on"),
    ],
)
async def test_the_check_says_what_is_near_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], days: int, said: str
) -> None:
    authority = Authority(tmp_path)
    tls = authority.demanding(authority.issue("localhost", ends=timedelta(days=5)))
    client = authority.issue("gateway", ends=timedelta(days=days))
    file = tmp_path / "gateway.toml"
    async with serving(say_serial, tls) as server:
        file.write_text(settings_over(server.url, authority, client))
        code = await asyncio.to_thread(run, {"GATEWAY_CONFIG": str(file), "GATEWAY_LOGISTICS__PLATFORM": "false"})

    (line,) = (one for one in capsys.readouterr().out.splitlines() if one.startswith("logistics: "))
    assert said in line
    assert "the certificate of its server ends in 4 days, on" in line
    assert code == (1 if days < 0 else 0)
