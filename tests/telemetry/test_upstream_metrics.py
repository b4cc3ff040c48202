"""What `/metrics` says of the waits, the load and the limits of an upstream."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.sandbox.faults import FaultSettings
from tests.telemetry.scraping import metric
from tests.world import UNCACHED, World, running_world

SMS = '{upstream="SMS"}'


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world({**UNCACHED, "GATEWAY_SMS__CONCURRENCY": "1"}) as running:
        yield running


async def test_calls_in_flight_and_those_that_wait_for_a_slot_are_seen(world: World) -> None:
    world.sms.primary.faults.settings = FaultSettings(latency_seconds=0.4)
    asking = asyncio.create_task(world.ask("{ smsJobs(first: 3) { nodes { qos } } }"))
    await asyncio.sleep(0.6)

    in_flight = await metric(world, f"gateway_upstream_calls_in_flight{SMS}")
    waiting = await metric(world, 'gateway_upstream_calls_waiting{reason="slot",upstream="SMS"}')
    await asking

    assert (in_flight, waiting) == (1, 2)
    assert await metric(world, f"gateway_upstream_calls_in_flight{SMS}") == 0
    assert await metric(world, f"gateway_upstream_slot_wait_seconds_count{SMS}") == 4
    # The second waits for the first report, the third for both.
    assert 1.0 < await metric(world, f"gateway_upstream_slot_wait_seconds_sum{SMS}") < 4.0


async def test_a_limit_that_was_learnt_and_what_calls_wait_for_it_are_seen(world: World) -> None:
    before = await metric(world, f"gateway_upstream_calls_per_second_limit{SMS}")
    world.sms.primary.faults.settings = FaultSettings(error_rate=1, error_status=429)
    asking = asyncio.create_task(world.ask("{ smsJobs(first: 1) { nodes { qos } } }"))
    await asyncio.sleep(0.3)

    held_back = await metric(world, f"gateway_upstream_closed_seconds{SMS}")
    world.sms.primary.faults.settings = FaultSettings()
    await asking

    assert before == float("inf")
    assert held_back > 0
    assert await metric(world, f"gateway_upstream_turn_wait_seconds_sum{SMS}") > 0
