"""An event about an id that cannot be followed carries its cursor over every transport."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.clock import ManualClock
from gateway.sandbox.logistics.simulator import LogisticsSimulator, create_logistics
from gateway.sandbox.options import LogisticsOptions
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from tests.lifespan import lifespan_of
from tests.subscriptions.loopback import serving as serving_sockets
from tests.subscriptions.socket_client import NEW, OLD, initialized
from tests.subscriptions.stream_client import MULTIPART, SSE
from tests.subscriptions.test_node_clients import ALL, subscribed

FOLLOW = """subscription($ids: [ID!]!, $after: String) {
    statusChanged(ids: $ids, after: $after) { kind cursor node { id } problem { code message subjectId retryable } }
}"""
KEY = "key of ada"

Payload: TypeAlias = dict[str, Any]
Heard: TypeAlias = list[Payload]
Transport: TypeAlias = Callable[[int, dict[str, Any]], Awaitable[Heard]]
"""Gives the payloads of a subscription that ends by itself."""


@pytest.fixture
def logistics() -> LogisticsSimulator:
    return create_logistics(ManualClock(datetime.now(UTC)))


@pytest.fixture
def ids(logistics: LogisticsSimulator) -> list[str]:
    """One that is unknown, and one that is final at once."""
    final = next(task for task in logistics.tasks if task.status(logistics.clock.now()) == "complete")
    return ["LogisticsTask:none", f"LogisticsTask:{final.id}"]


@pytest.fixture
async def port(logistics: LogisticsSimulator) -> AsyncIterator[int]:
    async with serving(logistics.app) as upstream:
        environment = {
            "GATEWAY_AUTH__ANONYMOUS": "true",
            "GATEWAY_AUTH__API_KEYS__ADA": sha256(KEY.encode()).hexdigest(),
            "GATEWAY_LOGISTICS__URL": upstream,
            "GATEWAY_LOGISTICS__TOKEN": LogisticsOptions().token,
        }
        app = create_app(load_settings(environment))
        async with lifespan_of(app), serving_sockets(app, max_message_bytes=65_536) as port:
            yield port


async def over_a_socket(port: int, variables: dict[str, Any], protocol: str, start: str) -> Heard:
    heard = []
    async with initialized(port, protocol) as client:
        await client.say(start, "a", query=FOLLOW, variables=variables)
        while (message := await client.hear())["type"] != "complete":
            heard.append(message["payload"])
    return heard


async def over_transport_ws(port: int, variables: dict[str, Any]) -> Heard:
    return await over_a_socket(port, variables, NEW, "subscribe")


async def over_legacy_ws(port: int, variables: dict[str, Any]) -> Heard:
    return await over_a_socket(port, variables, OLD, "start")


async def streamed(port: int, variables: dict[str, Any], headers: dict[str, str]) -> str:
    """The whole body of a stream that ends by itself."""
    body = {"query": FOLLOW, "variables": variables}
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(f"http://127.0.0.1:{port}/graphql", json=body, headers=headers)
    return response.text


async def events_of(port: int, variables: dict[str, Any], last_event_id: str = "") -> list[dict[str, str]]:
    """The server-sent events, but for the one that says that they are complete."""
    body = await streamed(port, variables, {"accept": SSE, "last-event-id": last_event_id})
    *events, end = [event for event in body.split("\n\n") if event.startswith("event: ")]
    assert end.startswith("event: complete")
    return [dict(line.split(": ", 1) for line in event.splitlines()) for event in events]


async def over_sse(port: int, variables: dict[str, Any]) -> Heard:
    return [json.loads(event["data"]) for event in await events_of(port, variables)]


async def over_multipart(port: int, variables: dict[str, Any]) -> Heard:
    body = await streamed(port, variables, {"accept": MULTIPART})
    *parts, end = body.split("\r\n--graphql")[1:]
    assert end == "--\r\n"
    return [json.loads(part.partition("\r\n\r\n")[2])["payload"] for part in parts]


@pytest.mark.parametrize("transport", [over_transport_ws, over_legacy_ws, over_sse, over_multipart])
async def test_a_client_that_resumes_with_the_cursor_of_a_problem_is_not_told_it_again(
    port: int, ids: list[str], transport: Transport
) -> None:
    problem, snapshot = await transport(port, {"ids": ids})
    told = problem["data"]["statusChanged"]

    behind_problem = await transport(port, {"ids": ids, "after": told["cursor"]})
    behind_all = await transport(port, {"ids": ids, "after": snapshot["data"]["statusChanged"]["cursor"]})

    assert problem.keys() == {"data"}
    assert (told["kind"], told["node"]) == ("PROBLEM", None)
    assert {**told["problem"], "message": None} == {
        "code": "NOT_FOUND",
        "message": None,
        "subjectId": ids[0],
        "retryable": False,
    }
    assert [one["data"]["statusChanged"]["node"]["id"] for one in behind_problem] == [ids[1]]
    assert behind_all == []


@pytest.mark.parametrize("transport", [over_transport_ws, over_legacy_ws, over_sse, over_multipart])
async def test_a_subscription_to_an_upstream_that_is_not_configured_says_so_and_completes(
    port: int, transport: Transport
) -> None:
    ids = ["Delivery:1", "SmsJob:1"]

    told = await transport(port, {"ids": ids})

    problems = [one["data"]["statusChanged"]["problem"] for one in told]
    assert sorted((one["code"], one["subjectId"]) for one in problems) == [
        ("UPSTREAM_UNCONFIGURED", one) for one in ids
    ]


async def test_the_id_of_a_server_sent_event_about_a_problem_is_its_cursor(port: int, ids: list[str]) -> None:
    problem, snapshot = await events_of(port, {"ids": ids})

    behind_problem = await events_of(port, {"ids": ids}, problem["id"])
    behind_all = await events_of(port, {"ids": ids}, snapshot["id"])

    assert problem["id"] == json.loads(problem["data"])["data"]["statusChanged"]["cursor"]
    assert [json.loads(event["data"])["data"]["statusChanged"]["kind"] for event in behind_problem] == ["SNAPSHOT"]
    assert behind_all == []


@pytest.mark.parametrize("transport", ALL)
async def test_the_public_clients_go_on_after_a_problem(port: int, ids: list[str], node: str, transport: str) -> None:
    query = f"subscription {{ statusChanged(ids: {json.dumps(ids)}) {{ kind problem {{ code subjectId }} }} }}"
    async with subscribed(node, transport, port, query, f"Bearer {KEY}") as client:
        told = [await client.hear_event() for _ in range(3)]

    assert told == [
        {
            "next": {
                "data": {"statusChanged": {"kind": "PROBLEM", "problem": {"code": "NOT_FOUND", "subjectId": ids[0]}}}
            }
        },
        {"next": {"data": {"statusChanged": {"kind": "SNAPSHOT", "problem": None}}}},
        {"complete": True},
    ]
