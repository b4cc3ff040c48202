from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.oauth.gateways import Browser, Gateway, running_gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(tmp_path) as gateway:
        yield gateway


@pytest.fixture
async def browser(gateway: Gateway) -> AsyncIterator[Browser]:
    async with gateway.browser() as browser:
        yield browser
