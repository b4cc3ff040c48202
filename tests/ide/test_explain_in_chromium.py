"""The IDE's panel that shows what an operation waits for, in a real browser."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from tests.ide.conftest import FRONTEND
from tests.world import World, running_world


@pytest.fixture
def axe() -> None:
    """Skip the test without axe-core, but fail in CI."""
    if not (FRONTEND / "node_modules" / "axe-core").is_dir():
        if os.environ.get("CI"):
            pytest.fail("the panel cannot be tested without `npm ci` in frontend/")
        pytest.skip("needs `npm ci` in frontend/")


@pytest.mark.usefixtures("axe")
async def test_the_panel_shows_the_plan_and_the_waits_of_an_operation(chromium: str, tmp_path: Path) -> None:
    async with running_world() as world:
        # One upstream fails, so that there are retries, their pauses and an error to show.
        await world.client.put(f"{world.urls.logistics}/_sandbox/faults", json={"outage": "503"})
        seen = await in_chromium(chromium, world, tmp_path)

    # Only what the user asks for is explained, and neither introspection nor the run before.
    assert seen["sent"] == [None, "plan", "1", "1"]
    assert "11 of at most 300" in seen["plan"]
    assert "5 made" not in seen["plan"]
    assert "AcrossAll: " in seen["run"]
    assert "pause" in seen["run"]
    assert "after 503" in seen["run"]
    assert "Errors" in seen["run"]
    assert seen["bars"] > 4
    assert seen["rows"] > seen["bars"] - 1
    assert seen["violations"] == []
    assert seen["narrow"]["own"] > 300
    assert seen["narrow"]["content"] <= seen["narrow"]["own"]
    assert seen["narrow"]["window"] == 390
    assert names_in(tmp_path) == {"plan.png", "run.png", "dark.png", "narrow.png"}


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


async def in_chromium(chromium: str, world: World, folder: Path) -> Any:  # noqa: ANN401 - JSON
    process = await asyncio.create_subprocess_exec(
        *("node", "e2e/explain.mjs", world.url, str(folder)),
        cwd=FRONTEND,
        env={**os.environ, "CHROMIUM": chromium},
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(120):
        output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return json.loads(output)
