"""A subscriber that leaves ends the calls that nobody else waits for."""

import pytest

from resolvers.events.service import Events
from tests.events.subscriber import Subscriber
from tests.events.upstream import Travel, Upstream
from tests.events.virtual_time import settled

IDS = [f"LogisticsTask:{number}" for number in range(20)]


@pytest.fixture
def travel(upstream: Upstream) -> Travel:
    upstream.tasks |= {one.partition(":")[2]: "accepted" for one in IDS}
    upstream.travel = travel = Travel()
    return travel


async def test_the_reads_of_a_subscriber_that_leaves_are_given_up(
    events: Events, upstream: Upstream, travel: Travel
) -> None:
    subscriber = Subscriber(events.follow(upstream.account(), IDS, None))
    await settled()
    await subscriber.leave()
    await settled()

    assert travel.given_up == upstream.calls["platform_task_detail"] == len(IDS)


async def test_reads_that_another_subscriber_waits_for_go_on(
    events: Events, upstream: Upstream, travel: Travel
) -> None:
    leaving = Subscriber(events.follow(upstream.account(), IDS, None))
    staying = Subscriber(events.follow(upstream.account(), IDS[:5], None))
    await settled()
    await leaving.leave()
    await settled()
    travel.arrived.set()
    await settled()

    assert staying.told == ["SNAPSHOT accepted"] * 5
    assert travel.given_up == len(IDS) - 5
    assert upstream.calls["platform_task_detail"] == len(IDS)
    await staying.leave()


async def test_what_is_given_up_is_read_for_the_next_subscriber(
    events: Events, upstream: Upstream, travel: Travel
) -> None:
    first = Subscriber(events.follow(upstream.account(), IDS[:1], None))
    await settled()
    await first.leave()
    travel.arrived.set()
    second = Subscriber(events.follow(upstream.account(), IDS[:1], None))
    await settled()

    assert second.told == ["SNAPSHOT accepted"]
    await second.leave()


async def test_what_a_webhook_asked_for_is_read_although_its_subscriber_leaves(
    events: Events, upstream: Upstream, travel: Travel
) -> None:
    travel.arrived.set()
    subscriber = Subscriber(events.follow(upstream.account(), IDS[:1], None))
    await settled()
    travel.arrived.clear()
    events.hint("LogisticsTask", "0")
    await settled()
    await subscriber.leave()
    await settled()

    assert travel.given_up == 0
