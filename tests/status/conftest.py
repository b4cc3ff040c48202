from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Final

import pytest

from tests.world import World, running_world

KEY: Final = "planted-status-key-of-the-operators"
OPERATOR: Final = ("operator", KEY)
SETTINGS: Final = {
    "GATEWAY_STATUS_KEY": sha256(KEY.encode()).hexdigest(),
    "GATEWAY_LOG__SLOW_SECONDS": "0.2",
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A gateway with a status page, over simulators."""
    async with running_world(SETTINGS) as started:
        yield started
