"""The IDE's panel that shows what an operation waits for, in a real browser."""

from pathlib import Path

import pytest

from tests.chromium import in_chromium
from tests.world import running_world


@pytest.mark.usefixtures("axe")
async def test_the_panel_shows_the_plan_and_the_waits_of_an_operation(chromium: str, tmp_path: Path) -> None:
    async with running_world() as world:
        # One upstream fails, so that there are retries, their pauses and an error to show.
        await world.client.put(f"{world.urls.logistics}/_sandbox/faults", json={"outage": "503"})
        seen = await in_chromium(chromium, "explain.mjs", world.url, str(tmp_path))

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
