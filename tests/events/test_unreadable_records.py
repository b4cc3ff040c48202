"""A record that becomes unreadable while it is followed is told so once, harms no other, and comes back."""

from typing import Final

import pytest

from resolvers.events.service import Events
from tests.events.subscriber import Subscriber
from tests.events.upstream import Upstream
from tests.events.virtual_time import VirtualTime, settled

IDS: Final = ["Delivery:6", "Delivery:7", "LogisticsTask:1", "LogisticsTask:2"]
BAD: Final = ["UPSTREAM_BAD_ANSWER Delivery:7", "UPSTREAM_BAD_ANSWER LogisticsTask:1"]
MOST_READS: Final = 30
"""Of the bad task in ten minutes: polls, and its subscriber's reads, both less and less often down to once a minute."""


@pytest.fixture(autouse=True)
def records(upstream: Upstream) -> None:
    upstream.deliveries |= {"6": "waiting", "7": "waiting"}
    upstream.tasks |= {"1": "accepted", "2": "accepted"}


def garble(upstream: Upstream) -> None:
    upstream.garbled |= {"7", "1"}


async def test_a_record_that_a_poll_cannot_read_is_told_once_and_the_others_go_on(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    subscribers = [Subscriber(events.follow(upstream.account(), IDS, None)) for _ in range(3)]
    await settled()
    garble(upstream)
    await time.advance(600)
    upstream.deliveries["6"], upstream.tasks["2"] = "completed", "complete"
    await time.advance(61)

    for subscriber in subscribers:
        assert sorted(subscriber.told[4:6]) == BAD
        assert sorted(subscriber.told[6:]) == ["CHANGE accepted > complete", "CHANGE waiting > completed"]
        await subscriber.leave()


async def test_a_record_that_cannot_be_read_is_read_less_and_less_often(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    subscriber = Subscriber(events.follow(upstream.account(), IDS, None))
    await settled()
    garble(upstream)
    before = upstream.reads["1"]
    await time.advance(600)

    assert upstream.reads["1"] - before <= MOST_READS
    await subscriber.leave()


async def test_a_record_that_can_be_read_again_has_a_snapshot_and_its_next_fault_is_told(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    subscriber = Subscriber(events.follow(upstream.account(), IDS, None))
    await settled()
    garble(upstream)
    await time.advance(10)
    upstream.tasks["1"] = "pending_pickup"
    upstream.garbled.clear()
    await time.advance(61)
    garble(upstream)
    await time.advance(61)

    assert sorted(subscriber.told[4:6]) == BAD
    assert sorted(subscriber.told[6:8]) == ["SNAPSHOT pending_pickup", "SNAPSHOT waiting"]
    assert sorted(subscriber.told[8:]) == BAD
    await subscriber.leave()


async def test_whoever_resumes_behind_the_problem_is_told_the_snapshot_alone(
    events: Events, upstream: Upstream, time: VirtualTime
) -> None:
    first = Subscriber(events.follow(upstream.account(), IDS, None))
    await settled()
    garble(upstream)
    await time.advance(3)
    await first.leave()
    resumed = Subscriber(events.follow(upstream.account(), IDS, first.problems[-1].cursor))
    await time.advance(3)
    told_while_bad = list(resumed.told)
    upstream.garbled.clear()
    await time.advance(61)

    assert sorted(first.told[4:]) == BAD
    assert told_while_bad == []
    assert sorted(resumed.told) == ["SNAPSHOT accepted", "SNAPSHOT waiting"]
    await resumed.leave()
