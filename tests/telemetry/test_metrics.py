"""What Prometheus is told."""

import re
from collections.abc import AsyncIterator

import pytest

from gateway.sandbox.faults import FaultSettings
from tests.world import UNCACHED, World, running_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(UNCACHED) as running:
        yield running


async def metric(world: World, line: str) -> float:
    """The value of one line of `/metrics`; 0 where there is none."""
    told = await world.client.get(f"{world.url}/metrics")
    found = re.search(rf"^{re.escape(line)} (\S+)$", told.text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_calls_are_counted_by_operation_and_outcome(world: World) -> None:
    await world.ask("{ deliveries(first: 5) { totalCount } smsJobs(first: 3) { nodes { qos } } }")

    assert await metric(world, 'gateway_upstream_calls_total{operation="job_report",outcome="200",upstream="SMS"}') == 3
    assert await metric(world, 'gateway_upstream_tries_total{operation="job_ids",upstream="SMS"}') == 1
    buckets = 'gateway_upstream_call_seconds_bucket{le="+Inf",operation="job_report",upstream="SMS"}'
    assert await metric(world, buckets) == 3
    assert await metric(world, 'gateway_operations_total{outcome="whole"}') == 1


async def test_failed_calls_are_counted_by_their_codes(world: World) -> None:
    world.logistics.faults.settings = FaultSettings(error_rate=1)

    await world.ask("{ logisticsTasks(first: 1) { nodes { id } } }")

    told = (await world.client.get(f"{world.url}/metrics")).text
    assert 'operation="platform_list_tasks",outcome="500",upstream="LOGISTICS"} 1.0' in told
    assert await metric(world, 'gateway_operations_total{outcome="partial"}') == 1


@pytest.mark.parametrize("settings", [{}, {"GATEWAY_AUTH__CALLS_PER_MINUTE": "1000"}], ids=["unbudgeted", "budgeted"])
async def test_an_answer_with_data_and_errors_is_counted_as_partial(settings: dict[str, str]) -> None:
    async with running_world(settings) as world:
        world.logistics.faults.settings = FaultSettings(error_rate=1)

        await world.ask("{ logisticsTasks(first: 1) { nodes { id } } __typename }")

        assert await metric(world, 'gateway_operations_total{outcome="partial"}') == 1
        assert await metric(world, 'gateway_operations_total{outcome="whole"}') == 0


async def test_metrics_hold_neither_ids_nor_addresses_nor_credentials() -> None:
    async with running_world() as world:
        await world.ask('{ delivery(id: "12") { id } partner { name } }')

        told = (await world.client.get(f"{world.url}/metrics")).text

    assert "gateway_cache_entries" in told
    assert 'operation="partner_detail"' in told
    assert not re.search(r"127\.0\.0\.1|sandbox-|Delivery:|/partners/", told)


async def test_durations_of_executed_operations_are_a_histogram(world: World) -> None:
    await world.ask('{ delivery(id: "1") { id } }')
    await world.ask("{ nothing }")

    assert await metric(world, 'gateway_operation_seconds_bucket{le="+Inf"}') == 1
    assert await metric(world, "gateway_operation_seconds_count") == 1
    assert 0 < await metric(world, "gateway_operation_seconds_sum") < 30
