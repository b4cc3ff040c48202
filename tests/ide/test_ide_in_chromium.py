import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.ide.page import Ide
from tests.ide.stub_gateway import application, served
from tests.world import running_world

FRONTEND = Path(__file__).parents[2] / "frontend"
PATIENCE_SECONDS = 120


@pytest.fixture
async def gateway_url() -> AsyncIterator[str]:
    """The whole gateway, over simulated upstreams."""
    async with running_world() as world:
        yield world.url


@pytest.fixture
def stub_url() -> Iterator[str]:
    with served(application(Ide())) as url:
        yield url


@pytest.fixture
def chromium() -> str:
    """The browser's path; where something that the test needs is missing, the test skips, but fails in CI."""
    browser = shutil.which("chromium")
    needs = {
        "chromium on PATH": browser,
        "node on PATH": shutil.which("node"),
        "`npm ci` in frontend/": (FRONTEND / "node_modules" / "playwright-core").is_dir(),
        "`npm run build` in frontend/": Ide().built,
    }
    missing = [need for need, found in needs.items() if not found]
    if missing and os.environ.get("CI"):
        pytest.fail(f"the IDE cannot be tested without {', '.join(missing)}")
    if browser is None or missing:
        pytest.skip(f"needs {', '.join(missing)}")
    return browser


async def opened(chromium: str, url: str, screenshot: Path, *tabs: str) -> str:
    """Open the IDE as a developer does, run the operations of these tabs, and return what the script says of it."""
    process = await asyncio.create_subprocess_exec(
        *("node", "e2e/ide.mjs", url, str(screenshot), *tabs),
        cwd=FRONTEND,
        env={**os.environ, "CHROMIUM": chromium},
        stdout=PIPE,
        stderr=STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_a_developer_opens_the_ide_and_its_examples_are_answered_from_all_three_upstreams(
    gateway_url: str, chromium: str, tmp_path: Path
) -> None:
    tabs = ["Deliveries", "SmsJobs", "Logistics", "AcrossAll", "DraftTask"]

    said = await opened(chromium, gateway_url, tmp_path / "ide.png", *tabs)

    assert [line for line in tabs if f"tab {line}: " not in said] == []
    assert f"hosts asked: {gateway_url.removeprefix('http://')}\n" in said
    assert (tmp_path / "ide.png").read_bytes().startswith(b"\x89PNG")


async def test_a_developer_follows_a_subscription_over_a_websocket(
    stub_url: str, chromium: str, tmp_path: Path
) -> None:
    said = await opened(chromium, stub_url, tmp_path / "ide.png", "FollowTask")

    assert 'tab FollowTask: {"steps":"ACCEPTED"}' in said
    assert f"hosts asked: {stub_url.removeprefix('http://')}\n" in said
