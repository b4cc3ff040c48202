"""A gateway over an upstream that answers in odd forms."""

from collections.abc import AsyncIterator

import pytest

from tests.scripted_gateway import ScriptedGateway, scripted_gateway


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    async with scripted_gateway() as running:
        yield running
