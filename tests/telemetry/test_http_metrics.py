"""Durations of requests by the names of OpenTelemetry's conventions."""

from collections.abc import AsyncIterator

import pytest

from gateway.http.durations import RequestDurations
from gateway.sandbox.faults import FaultSettings
from tests.telemetry.scraping import metric
from tests.world import UNCACHED, World, running_world

SERVED = "http_server_request_duration_seconds_count"
SENT = "http_client_request_duration_seconds_count"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(UNCACHED) as running:
        yield running


async def served(world: World, method: str, status: int) -> float:
    labels = f'http_request_method="{method}",http_response_status_code="{status}",http_route="/graphql"'
    return await metric(world, f"{SERVED}{{{labels}}}")


async def sent(world: World, error: str, status: str) -> float:
    labels = f'error_type="{error}",gateway_upstream="LOGISTICS",http_request_method="GET"'
    return await metric(world, f'{SENT}{{{labels},http_response_status_code="{status}"}}')


async def test_requests_to_the_endpoint_are_measured_by_method_and_status(world: World) -> None:
    await world.ask("{ __typename }")
    await world.client.get(f"{world.url}/graphql", params={"query": "{ __typename }"})
    await world.client.request("PROPFIND", f"{world.url}/graphql")

    assert await served(world, "POST", 200) == 1
    assert await served(world, "GET", 200) == 1
    assert await served(world, "_OTHER", 405) == 1


async def test_each_request_to_an_upstream_is_measured_by_its_status(world: World) -> None:
    query = "{ logisticsTasks(first: 1) { nodes { id } } }"
    await world.ask(query)
    world.logistics.faults.settings = FaultSettings(error_rate=1, error_status=502)
    await world.ask(query)

    assert await sent(world, "", "200") == 1
    assert await sent(world, "502", "502") == 3


def test_methods_that_clients_invent_are_one() -> None:
    durations = RequestDurations()
    for method in ("POST", "ONE", "TWO"):
        durations.add(method, 405, 0.1)

    assert sorted(durations.by_outcome) == [("POST", 405), ("_OTHER", 405)]
