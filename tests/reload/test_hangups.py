"""Signals that come while a reload runs."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from gateway.reload import Reloader
from gateway.settings.reloading import Change, SettingsSource
from gateway.telemetry.metrics import ReloadMetrics
from tests.reload.gateways import config

PATIENCE_SECONDS = 30


class Applying:
    """Puts nothing in force, as slowly as a test wants, and counts. Lifetime: test."""

    def __init__(self) -> None:
        self.begun = 0
        self.begins = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, change: Change) -> None:
        del change
        self.begun += 1
        self.begins.set()
        await self.may_end.wait()


@pytest.fixture
def applying() -> Applying:
    return Applying()


@pytest.fixture
def reloader(tmp_path: Path, applying: Applying) -> Reloader:
    file = tmp_path / "gateway.toml"
    file.write_text(config("http://127.0.0.1:1"))
    return Reloader(SettingsSource({"GATEWAY_CONFIG": str(file)}), applying, ReloadMetrics(), look_seconds=3600)


async def hang_up(times: int) -> None:
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGHUP)
        # The handler's callback, and the task that it begins.
        for _ in range(3):
            await asyncio.sleep(0)


def others() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


async def test_one_more_reload_follows_however_many_signals_come_meanwhile(
    reloader: Reloader, applying: Applying
) -> None:
    before = len(others())
    async with asyncio.timeout(PATIENCE_SECONDS), reloader.watching():
        await hang_up(1)
        await applying.begins.wait()
        await hang_up(5)
        applying.may_end.set()
        # The task that looks at the files stays.
        while len(others()) > before + 1:
            await asyncio.wait(others(), timeout=0.01)

        assert applying.begun == 2


async def test_no_reload_goes_on_after_the_end(reloader: Reloader, applying: Applying) -> None:
    before = others()
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with reloader.watching():
            await hang_up(1)
            await applying.begins.wait()
            await hang_up(5)

        assert others() == before
    assert applying.begun == 1
