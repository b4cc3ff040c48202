"""The simulated send-tasks API, served for one test."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.options import DeliveriesOptions
from tests.sandbox.connection import connected
from tests.sandbox.deliveries.requests import DEFAULTS, HEADERS, START, Connect


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def connect(clock: ManualClock) -> Connect:
    def connect_with(options: DeliveriesOptions = DEFAULTS) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return connected(create_deliveries(clock, options=options).app, HEADERS)

    return connect_with


@pytest.fixture
async def client(connect: Connect) -> AsyncIterator[httpx.AsyncClient]:
    async with connect() as connected:
        yield connected
