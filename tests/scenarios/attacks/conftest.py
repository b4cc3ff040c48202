"""A gateway over simulators, and one over an upstream that answers whatever a test scripts."""

from collections.abc import AsyncIterator

import pytest

from tests.scripted_gateway import ScriptedGateway, scripted_gateway
from tests.world import UNCACHED, World, running_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(UNCACHED) as running:
        yield running


@pytest.fixture
async def victim() -> AsyncIterator[ScriptedGateway]:
    async with scripted_gateway() as gateway:
        yield gateway
