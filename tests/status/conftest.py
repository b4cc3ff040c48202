import os
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Final

import pytest

from tests.ide.conftest import FRONTEND
from tests.ide.conftest import chromium as chromium  # noqa: PLC0414 - a fixture here as well
from tests.world import World, running_world

KEY: Final = "planted-status-key-of-the-operators"
OPERATOR: Final = ("operator", KEY)
SETTINGS: Final = {
    "GATEWAY_STATUS_KEY": sha256(KEY.encode()).hexdigest(),
    "GATEWAY_LOG__SLOW_SECONDS": "0.2",
}


@pytest.fixture
def axe() -> None:
    """Skip a test where axe-core is missing, such as before `npm ci` in an older checkout; fail in CI."""
    if not (FRONTEND / "node_modules" / "axe-core").is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs `npm ci` in frontend/")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A gateway with a status page, over simulators."""
    async with running_world(SETTINGS) as started:
        yield started
