"""A gateway that keeps nothing, so that every test counts requests from zero."""

from collections.abc import AsyncIterator

import pytest

from tests.world import UNCACHED, World, running_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(UNCACHED) as running:
        yield running
