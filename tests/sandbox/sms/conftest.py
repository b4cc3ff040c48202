"""The simulated SMS service, served for one test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.options import SmsOptions
from gateway.sandbox.sms.simulator import create_sms
from tests.sandbox.connection import connected
from tests.sandbox.sms.requests import BASIC, DEFAULTS, START, Connect, Hosts, Seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def connect(clock: ManualClock, seconds: Seconds) -> Connect:
    @asynccontextmanager
    async def connect_with(options: SmsOptions = DEFAULTS) -> AsyncIterator[Hosts]:
        hosts = create_sms(clock, options=options, monotonic=lambda: seconds.now)
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(connected(host.app, BASIC))
                for host in (hosts.primary, hosts.secondary, hosts.send)
            ]
            yield Hosts(*clients)

    return connect_with


@pytest.fixture
async def hosts(connect: Connect) -> AsyncIterator[Hosts]:
    async with connect() as connected_hosts:
        yield connected_hosts
