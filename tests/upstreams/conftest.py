"""What every client's test starts from: a server to record it, a transport to reach it, an operation to call for."""

import math
from collections.abc import AsyncIterator

import pytest

from resolvers.upstreams.call import CallScope
from tests.upstreams.httpx_transport import HttpxTransport, httpx_transport
from tests.upstreams.recording_server import RecordingServer, recording_server


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    async with recording_server() as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[HttpxTransport]:
    async with httpx_transport() as connected:
        yield connected


@pytest.fixture
def scope() -> CallScope:
    return CallScope(deadline=math.inf)
