"""The status page in a real browser, on a wide and on a narrow screen, while an upstream fails."""

from pathlib import Path

import pytest

from tests.chromium import in_chromium
from tests.status.conftest import KEY
from tests.world import World


@pytest.mark.usefixtures("axe")
async def test_an_operator_sees_a_breaker_open_without_a_reload(world: World, chromium: str, tmp_path: Path) -> None:
    seen = await in_chromium(chromium, "status.mjs", world.url, KEY, world.urls.deliveries, str(tmp_path))

    assert [(one["width"], one["wider"], one["violations"]) for one in seen["widths"]] == [(1280, 0, []), (390, 0, [])]
    assert seen["samePage"]
    assert seen["shownAfter"] < 10_000
    assert "DELIVERIES: " in seen["said"]
    assert "→ down" in seen["said"]
    assert seen["title"].startswith("DELIVERIES is down")
    assert seen["problems"] == []
