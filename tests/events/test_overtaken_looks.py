"""A look that a read of its record or the loss of the log overtakes is charged, and given up with its subscriber."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

from resolvers.accounts import Account
from resolvers.events.changes import RecordKey
from resolvers.events.interface import StatusEventSource
from resolvers.events.log import LogConfig, MemoryEventLog
from resolvers.events.reader import Reader
from resolvers.events.service import forget_nothing
from resolvers.upstreams.call import CallTrace
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.tracing import Tracing
from tests.events.upstream import BASE, Travel, Upstream
from tests.events.virtual_time import VirtualTime, settled

KEY: Final = RecordKey("own", "LogisticsTask", "1")

Overtake = Callable[[Reader, Account], object]

OVERTAKEN: Final[dict[str, Overtake]] = {
    "by a webhook": lambda reader, account: reader.read(account, KEY, StatusEventSource.WEBHOOK),
    "by a poll": lambda reader, account: reader.read(account, KEY, StatusEventSource.POLL),
    "by the loss of the log": lambda reader, _: reader.forget_all(),
}

overtaken = pytest.mark.parametrize("overtake", OVERTAKEN.values(), ids=OVERTAKEN)


@pytest.fixture
def travel(upstream: Upstream) -> Travel:
    upstream.tasks["1"] = "accepted"
    upstream.travel = travel = Travel()
    return travel


@pytest.fixture
def account(upstream: Upstream, time: VirtualTime) -> Account:
    traced = LogisticsClient(Tracing(upstream, time.clock), LogisticsConfig(BASE))
    return Account("own", {UpstreamName.LOGISTICS: traced})


@pytest.fixture
async def reader(time: VirtualTime) -> AsyncIterator[Reader]:
    reader = Reader(MemoryEventLog(LogConfig(), time.now), time.now, time.clock, time.sleep, 2.0, forget_nothing)
    yield reader
    await reader.close()


@overtaken
async def test_it_is_charged_for_its_call(reader: Reader, account: Account, travel: Travel, overtake: Overtake) -> None:
    charged: list[CallTrace] = []
    look = reader.look(account, KEY, charged)
    await settled()
    overtake(reader, account)
    await settled()
    travel.arrived.set()
    await asyncio.shield(look)

    assert [one.target for one in charged] == [f"{BASE}/platform/tasks/1"]


@overtaken
async def test_it_is_given_up_with_its_last_subscriber(
    reader: Reader, account: Account, travel: Travel, overtake: Overtake
) -> None:
    look = reader.look(account, KEY)
    await settled()
    overtake(reader, account)
    await settled()
    reader.leave(look)
    await settled()

    assert (look.cancelled(), travel.given_up) == (True, 1)
