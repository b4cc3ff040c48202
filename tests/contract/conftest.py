"""What tests of operations that reach an upstream start from."""

from collections.abc import AsyncIterator

import pytest

from resolvers.context import Context
from tests.contract.operations import context_over
from tests.upstreams.httpx_transport import httpx_transport
from tests.upstreams.recording_server import RecordingServer, recording_server


@pytest.fixture
async def upstream() -> AsyncIterator[RecordingServer]:
    async with recording_server() as running:
        yield running


@pytest.fixture
async def context(upstream: RecordingServer) -> AsyncIterator[Context]:
    async with httpx_transport() as transport:
        yield context_over(transport, upstream.url)
