"""The status page in a real browser, on a wide and on a narrow screen, while an upstream fails."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.ide.conftest import FRONTEND
from tests.status.conftest import KEY
from tests.world import World


@pytest.mark.usefixtures("axe")
async def test_an_operator_sees_a_breaker_open_without_a_reload(world: World, chromium: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *("node", "e2e/status.mjs", world.url, KEY, world.urls.deliveries, str(tmp_path)),
        cwd=FRONTEND,
        env={**os.environ, "CHROMIUM": chromium},
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(120):
        output, errors = await process.communicate()

    assert process.returncode == 0, errors.decode()
    seen = json.loads(output)
    assert [(one["width"], one["wider"], one["violations"]) for one in seen["widths"]] == [(1280, 0, []), (390, 0, [])]
    assert seen["samePage"]
    assert seen["shownAfter"] < 10_000
    assert "DELIVERIES: " in seen["said"]
    assert "→ down" in seen["said"]
    assert seen["title"].startswith("DELIVERIES is down")
    assert seen["problems"] == []
