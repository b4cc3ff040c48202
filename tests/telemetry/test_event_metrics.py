"""What `/metrics` says of subscriptions, webhooks and polls."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.subscriptions.event_counts import EventCounts
from resolvers.events.interface import StatusEvent, StatusEventKind, StatusEventSource
from tests.events.test_over_the_wire import FOLLOW, PATH, QUIET, Followed, body_about, move, task_in
from tests.subscriptions.stream_client import SSE, Answer
from tests.telemetry.scraping import metric
from tests.world import World, running_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(QUIET) as running:
        yield running


async def sent(world: World, kind: str, source: str = "") -> float:
    return await metric(world, f'gateway_events_sent_total{{kind="{kind}",source="{source}"}}')


async def test_a_webhook_and_the_event_that_it_leads_to_are_counted(world: World) -> None:
    task = task_in(world, "broadcasting")
    request = {"query": FOLLOW, "variables": {"ids": [f"LogisticsTask:{task.id}"]}}
    async with world.client.stream("POST", f"{world.url}/graphql", json=request, headers={"accept": SSE}) as response:
        followed = Followed(Answer(response))
        await followed.status()
        open_subscriptions = await metric(world, "gateway_open_subscriptions")
        records = await metric(world, "gateway_followed_records")
        move(world, task, "accepted")
        await world.client.post(world.url + PATH, json=body_about(task))
        await followed.status()
        # The event is counted once its response has been handed over, which the client may see first.
        async with asyncio.timeout(5):
            while not await sent(world, "CHANGE", "WEBHOOK"):
                pass

    assert (open_subscriptions, records) == (1, 1)
    assert await sent(world, "SNAPSHOT") == 1
    assert await sent(world, "CHANGE", "POLL") == 0
    assert await metric(world, 'gateway_event_delay_seconds_count{source="WEBHOOK"}') == 1
    assert 0 < await metric(world, 'gateway_event_delay_seconds_sum{source="WEBHOOK"}') < 5
    assert await metric(world, 'gateway_webhooks_total{kind="LogisticsTask"}') == 1
    assert await metric(world, 'gateway_last_webhook_timestamp_seconds{kind="LogisticsTask"}') > 1.7e9


async def test_a_subscription_that_ends_is_no_longer_open(world: World) -> None:
    request = {"query": FOLLOW, "variables": {"ids": ["LogisticsTask:none"]}}
    response = await world.client.post(f"{world.url}/graphql", json=request, headers={"accept": SSE})

    assert '"kind":"PROBLEM"' in response.text
    assert await sent(world, "PROBLEM") == 1
    assert await metric(world, "gateway_open_subscriptions") == 0


async def test_polled_records_and_how_late_their_polls_begin_are_measured() -> None:
    often = {"GATEWAY_EVENTS__POLL_MIN_SECONDS": "0.2", "GATEWAY_EVENTS__POLL_MAX_SECONDS": "0.2"}
    async with running_world(often) as world:
        task = task_in(world, "broadcasting")
        request = {"query": FOLLOW, "variables": {"ids": [f"LogisticsTask:{task.id}"]}}
        stream = world.client.stream("POST", f"{world.url}/graphql", json=request, headers={"accept": SSE})
        async with stream as response:
            followed = Followed(Answer(response))
            await followed.status()
            move(world, task, "accepted")
            changed = await followed.status()
            polled = await metric(world, "gateway_polled_records")

        assert (changed["source"], polled) == ("POLL", 1)
        assert await metric(world, "gateway_poll_lag_seconds_count") >= 1
        assert 0 <= await metric(world, "gateway_poll_lag_seconds_sum") < 5


def test_a_clock_that_goes_ahead_and_old_changes_are_no_delay() -> None:
    counts = EventCounts(lambda: 100.0)
    for noticed_at in (101.0, 99.5, 0.0):
        event = StatusEvent(
            kind=StatusEventKind.CHANGE,
            cursor="",
            occurred_at=None,  # type: ignore[arg-type]  # not looked at
            source=StatusEventSource.POLL,
            noticed_at=noticed_at,
        )
        counts.add(event)
    counts.add("an event of another source")

    assert counts.sent[StatusEventKind.CHANGE, StatusEventSource.POLL] == 3
    assert counts.delays[StatusEventSource.POLL].total == 0.5
    assert sum(counts.delays[StatusEventSource.POLL].counts) == 2
