import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.commands.check import foreign_packages, run
from gateway.commands.sandbox import sandbox_environment
from gateway.commands.simulators import SimulatorUrls
from gateway.sandbox.clock import RunningClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.logistics.simulator import create_logistics
from gateway.sandbox.server import serving
from gateway.sandbox.simulator import Simulator
from gateway.sandbox.sms.simulator import create_sms
from resolvers.upstreams.transport.wire.failures import NO_ANSWER, NOT_FOUND, REFUSED, UNKNOWN_CA
from tests.upstreams.transport.wire.certificates import write_certificate
from tests.upstreams.transport.wire.talking_server import accepting
from tests.upstreams.transport.wire.wrong_tls import CERTIFICATES, encrypted


@dataclass
class Simulated:
    """Settings for three simulators that run, and the simulators."""

    environment: dict[str, str]
    deliveries: Simulator
    sms: Simulator
    logistics: Simulator


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[Simulated]:
    clock = RunningClock()
    deliveries, sms, logistics = create_deliveries(clock), create_sms(clock), create_logistics(clock)
    async with AsyncExitStack() as stack:
        simulators = (deliveries, sms.primary, sms.secondary, sms.send, logistics)
        urls = [await stack.enter_async_context(serving(simulator.app)) for simulator in simulators]
        environment = sandbox_environment(SimulatorUrls(*urls), 0, tmp_path)
        yield Simulated(environment, deliveries, sms.primary, logistics)


async def checked(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Run the check in a thread beside the simulators; return the exit code and the lines."""
    code = await asyncio.to_thread(run, environment)
    return code, capsys.readouterr().out.splitlines()


async def test_each_upstream_is_asked_once_with_its_credentials(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = await checked(simulated.environment, capsys)

    assert lines == ["deliveries: OK", "sms: OK", "logistics: OK"]
    assert code == 0
    login, listing = simulated.deliveries.requests
    assert (login.method, login.path) == ("POST", "/oauth/token")
    assert listing.path == "/api/v1/send-tasks"
    assert [request.path for request in simulated.sms.requests] == ["/rest/v1/jobs"]
    assert [request.path for request in simulated.logistics.requests] == ["/platform/tasks"]


async def test_refused_credentials_name_the_settings_to_mend_and_leave_the_other_upstreams_asked(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"GATEWAY_SMS__PASSWORD": "planted-wrong", "GATEWAY_LOGISTICS__TOKEN": "planted-wrong"}

    code, lines = await checked({**simulated.environment, **wrong}, capsys)

    assert code == 1
    assert [line.partition(": ")[0] for line in lines] == ["sms", "logistics", "deliveries"]
    assert lines[0].endswith("check the credentials in GATEWAY_SMS__*")
    assert lines[1].endswith("check the credentials in GATEWAY_LOGISTICS__*")
    assert "planted-wrong" not in str(lines)


async def test_an_upstream_that_is_down_is_told_from_one_that_refuses(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = {"GATEWAY_LOGISTICS__URL": "http://127.0.0.1:1"}

    code, lines = await checked({**simulated.environment, **nowhere}, capsys)

    assert code == 1
    assert lines[0].startswith("logistics: failed: ")
    assert f" More exactly, {REFUSED}. " in lines[0]
    assert lines[0].endswith("check the address in GATEWAY_LOGISTICS__* and that the upstream is up")


@pytest.mark.parametrize("reason", [*CERTIFICATES, NOT_FOUND, REFUSED, NO_ANSWER])
async def test_why_an_upstream_cannot_be_reached_is_named_and_logged_once(
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    certificate = write_certificate(tmp_path, **CERTIFICATES.get(reason, {}))
    if reason != UNKNOWN_CA:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with unreachable(reason, certificate) as url:
        environment = {
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_LOGISTICS__URL": url.rstrip("/"),
            "GATEWAY_LOGISTICS__TOKEN": "t",
            "GATEWAY_LOGISTICS__TIMEOUT_SECONDS": "0.2" if reason == NO_ANSWER else "5",
        }

        code, lines = await checked(environment, capsys)

    assert code == 1
    assert lines[0].startswith("logistics: failed: ")
    assert f" More exactly, {reason}. " in lines[0]
    assert [line for line in caplog.messages if reason in line] == [
        f"LOGISTICS:{url.rstrip('/')} cannot be reached: {reason}"
    ]


@asynccontextmanager
async def unreachable(reason: str, certificate: Path) -> AsyncIterator[str]:
    if reason in CERTIFICATES:
        async with encrypted(reason, certificate) as url:
            yield url
    elif reason == NO_ANSWER:
        async with accepting(say_nothing) as address:
            yield f"https://{address}/"
    else:
        yield {NOT_FOUND: "http://nowhere.invalid/", REFUSED: "http://127.0.0.1:1/"}[reason]


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def test_a_partner_without_a_token_is_asked_for_its_own_record(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {name: value for name, value in simulated.environment.items() if name != "GATEWAY_LOGISTICS__TOKEN"}

    _, lines = await checked(environment, capsys)

    assert "logistics: OK" in lines
    assert [request.path.split("/")[1] for request in simulated.logistics.requests] == ["partners"]


async def test_without_the_platform_a_single_task_is_asked_for(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    _, lines = await checked({**simulated.environment, "GATEWAY_LOGISTICS__PLATFORM": "false"}, capsys)

    assert "logistics: OK" in lines
    assert [request.path for request in simulated.logistics.requests] == ["/tasks/00000000-0000-0000-0000-000000000000"]


async def test_accounts_are_asked_as_themselves_and_redis_is_pinged(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"GATEWAY_ACCOUNTS__ACME__SMS__USERNAME": "acme", "GATEWAY_ACCOUNTS__ACME__SMS__PASSWORD": "wrong"}
    redis = {"GATEWAY_REDIS_URL": "redis://:planted@127.0.0.1:1/0"}

    code, lines = await checked({**simulated.environment, **more, **redis}, capsys)

    assert code == 1
    assert lines[0].startswith("accounts.acme.sms: failed: ")
    assert lines[0].endswith("check the credentials in GATEWAY_ACCOUNTS__ACME__SMS__*")
    assert lines[1].startswith("redis: failed: ")
    assert lines[1].endswith("check GATEWAY_REDIS_URL")
    assert "planted" not in str(lines)


async def test_unconfigured_upstreams_are_named_and_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = await checked({"GATEWAY_AUTH__ANONYMOUS": "true"}, capsys)

    assert code == 0
    assert lines == ["deliveries: not configured", "sms: not configured", "logistics: not configured"]


async def test_wrong_and_misspelt_settings_are_named_together_and_nothing_is_asked(
    simulated: Simulated, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"GATEWAY_PRT": "1", "GATEWAY_WORKERS": "none"}

    code, lines = await checked({**simulated.environment, **wrong}, capsys)

    assert code == 2
    assert lines == [
        "GATEWAY_PRT: there is no such setting; did you mean GATEWAY_PORT?",
        "GATEWAY_WORKERS: must be a whole number, not 'none'",
        "The upstreams are asked once the settings are right.",
    ]
    assert list(simulated.deliveries.requests) == []


async def test_a_misspelt_setting_alone_is_a_failure(simulated: Simulated, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = await checked({**simulated.environment, "GATEWAY_PRT": "1"}, capsys)

    assert code == 1
    assert lines[0].startswith("GATEWAY_PRT: ")
    assert "deliveries: OK" in lines


async def test_a_file_that_is_not_there_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = await checked({"GATEWAY_CONFIG": "/no/such/file"}, capsys)

    assert code == 2
    assert [line for line in lines if "GATEWAY_CONFIG" in line] == ["GATEWAY_CONFIG: there is no file '/no/such/file'"]


async def test_a_broken_manifest_is_named_beside_other_mistakes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")

    code, lines = await checked({"GATEWAY_TRUSTED_DOCUMENTS": str(manifest), "GATEWAY_PORT": "x"}, capsys)

    assert code == 2
    assert [line.partition(":")[0] for line in lines[:3]] == [
        "GATEWAY_AUTH__ANONYMOUS",
        "GATEWAY_PORT",
        "GATEWAY_TRUSTED_DOCUMENTS",
    ]
    assert "holds no operation" in lines[2]


def test_a_foreign_package_of_our_name_is_named() -> None:
    installed = {"schema": ["schema", "graphql-rest-gateway"], "gateway": ["graphql-rest-gateway"], "yaml": ["PyYAML"]}

    found = foreign_packages(installed)

    assert len(found) == 1
    assert found[0].startswith("The package 'schema' is also installed by 'schema'")
