import json
import os
import re
import shlex
import signal
import socket
import ssl
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import httpx
import pytest
from graphql import parse, validate

from gateway.commands.sandbox import OPERATIONS, banner, run
from gateway.operations.execution import core_schema
from gateway.settings import SettingsProblems, load_settings
from schema.root import build_schema
from tests.commands.running import Running, running

STATUS_KEY = "the operator's own"
SANDBOX = ["-c", "from gateway.cli import main; main()", "sandbox", "--port", "0"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    """A sandbox started as a user starts it, with an operator's upstream, Redis and proxy in the environment."""
    operators = {
        "GATEWAY_DELIVERIES__URL": "http://127.0.0.1:1",
        "GATEWAY_REDIS_URL": "redis://127.0.0.1:1/0",
        "GATEWAY_STATUS_KEY": sha256(STATUS_KEY.encode()).hexdigest(),
    }
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:1")
    environment = {name: value for name, value in os.environ.items() if name.upper() != "NO_PROXY"}
    with running(
        SANDBOX, {**environment, **operators, **proxies, "GATEWAY_WORKERS": "2"}, announced_by="stdout"
    ) as started:
        yield started


@pytest.fixture
def client(sandbox: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


def asked(client: httpx.Client, operation: str) -> dict[str, Any]:
    answer = client.post("/graphql", json={"query": operation}).json()
    assert "errors" not in answer
    data: dict[str, Any] = answer["data"]
    return data


def test_the_operations_to_try_are_answered_from_all_three_upstreams(client: httpx.Client) -> None:
    everything, quote, sms = (asked(client, operation) for operation in OPERATIONS.values())

    assert [len(everything[name]["nodes"]) for name in ("deliveries", "smsJobs", "logisticsTasks")] == [3, 3, 3]
    assert quote["priceQuote"]["waypoints"] == 1
    assert sms["sendSms"]["errors"] == []


def test_the_sandbox_listens_on_loopback_alone(sandbox: Running) -> None:
    port = httpx.URL(sandbox.url).port
    assert port is not None

    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.2", port))


def test_pages_of_this_machine_may_ask_the_sandbox(client: httpx.Client) -> None:
    headers = {"origin": "http://localhost:5173", "sec-fetch-site": "same-site"}

    served = client.post("/graphql", json={"query": "{ upstreams { state } }"}, headers=headers)

    assert served.status_code == 200
    assert served.headers["access-control-allow-origin"] == "http://localhost:5173"


@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}, {"sec-fetch-site": "same-origin"}])
def test_a_name_that_an_attacker_points_at_this_machine_opens_nothing(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    rebound = {"host": "evil.example", **headers}

    read = client.get("/graphql", params={"query": "{ upstreams { state } }"}, headers=rebound)
    page = client.get("/graphql", headers={**rebound, "accept": "text/html"})

    assert [read.status_code, page.status_code] == [403, 403]


def test_an_origin_with_a_wildcard_is_one_line() -> None:
    with pytest.raises(SettingsProblems, match=r"^GATEWAY_CORS_ORIGINS: 'https://\*\.example' would let [^\n]*$"):
        load_settings({"GATEWAY_AUTH__ANONYMOUS": "true", "GATEWAY_CORS_ORIGINS": "https://*.example"})


def followed(client: httpx.Client) -> list[str]:
    """The ids that the page's example of a subscription over all three APIs follows."""
    page = client.get("/graphql", headers={"accept": "text/html"}).text
    (found,) = re.findall(r'<script type="application/json" id="gateway-examples">(.*?)</script>', page)
    ids: list[str] = json.loads(found)[1]["variables"]["ids"]
    return ids


def test_the_page_follows_what_moves_when_it_is_loaded(client: httpx.Client, sandbox: Running) -> None:
    assert sandbox.process.stdout is not None
    simulator = next(line.split()[1] for line in sandbox.process.stdout if line.startswith("  deliveries "))
    ids = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    before = followed(client)
    client.put(f"{simulator}/_sandbox/clock", json={"advance_seconds": 86_400})
    while not set(before).isdisjoint(after := followed(client)):
        pass

    nodes = client.post("/graphql", json={"query": ids, "variables": {"ids": after}}).json()["data"]["nodes"]

    assert [node and node["id"] for node in nodes] == after


def test_the_operators_own_key_of_the_status_page_is_the_one_that_holds(sandbox: Running, client: httpx.Client) -> None:
    assert sandbox.process.stdout is not None

    shown = next(line for line in sandbox.process.stdout if "/status" in line)

    assert "with the key of GATEWAY_STATUS_KEY" in shown
    statuses = [client.get("/status", auth=("operator", key)).status_code for key in ("sandbox", STATUS_KEY)]
    assert statuses == [401, 200]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_without_a_trace(number: signal.Signals) -> None:
    with running([*SANDBOX, "--seed", "7", "--speed", "100"], os.environ, announced_by="stdout") as started:
        errors = started.stop(number)

    assert started.exit_code == 0
    assert errors == ""


def test_its_requests_are_logged_where_that_is_wanted() -> None:
    wanted = {"GATEWAY_LOG__LEVEL": "info", "GATEWAY_LOG__ACCESS": "true"}
    with running([*SANDBOX, "--no-webhooks"], {**os.environ, **wanted}, announced_by="stdout") as started:
        httpx.get(f"{started.url}/livez", trust_env=False)
        errors = started.stop(signal.SIGINT)

    assert [line.partition(" - ")[2] for line in errors.splitlines() if "uvicorn.access" in line] == [
        '"GET /livez HTTP/1.1" 200'
    ]


def test_without_webhooks_it_starts_all_the_same() -> None:
    with running([*SANDBOX, "--no-webhooks"], os.environ, announced_by="stdout") as started:
        assert started.stop(signal.SIGINT) == ""


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        code = run({"GATEWAY_PORT": str(port)})

    assert code == 2
    assert capsys.readouterr().err.startswith(f"GATEWAY_PORT: another program listens on 127.0.0.1:{port}")


@pytest.mark.parametrize("operation", OPERATIONS.values())
def test_the_operations_to_try_are_valid(operation: str) -> None:
    assert validate(core_schema(build_schema()), parse(operation)) == []


def test_each_operation_to_try_is_one_command_that_a_shell_takes_apart_rightly() -> None:
    lines = banner("http://127.0.0.1:8000", {"deliveries": "http://127.0.0.1:9000"}).splitlines()

    commands = [shlex.split(line) for line in lines if line.startswith("  curl -s ")]

    assert [command[2] for command in commands] == ["http://127.0.0.1:8000/graphql"] * 3
    assert [httpx.Response(200, text=command[-1]).json()["query"] for command in commands] == [*OPERATIONS.values()]


def test_the_sandboxs_own_key_of_the_status_page_is_shown() -> None:
    assert "with the key sandbox: http://gateway/status" in banner("http://gateway", {"deliveries": ""})
