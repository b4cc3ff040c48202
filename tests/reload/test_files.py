"""What the settings come from is looked at, and read once it has been written to its end."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.reload import Reloader
from gateway.settings.problems import SettingsProblems
from gateway.settings.reloading import Change, SettingsSource
from gateway.telemetry.metrics import ReloadMetrics
from tests.settings.problems import OPEN

LOOK_SECONDS = 0.01


class Applied:
    """Notes what is put in force."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[Change] = asyncio.Queue()

    async def __call__(self, change: Change) -> None:
        self.changes.put_nowait(change)

    async def next(self) -> Change:
        async with asyncio.timeout(20):
            return await self.changes.get()


def replace_by_link(file: Path, content: str) -> None:
    """As Kubernetes does: the file is a link to one in a folder that is itself replaced."""
    folder = file.parent / f"data-{len(list(file.parent.iterdir()))}"
    folder.mkdir()
    (folder / file.name).write_text(content)
    link = file.parent / "new"
    link.symlink_to(folder / file.name)
    link.replace(file)


def rename_over(file: Path, content: str) -> None:
    """As editors do."""
    other = file.parent / "other"
    other.write_text(content)
    # With the time of the old one, as tools that copy times leave it.
    old = file.stat()
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.replace(file)


def write_over(file: Path, content: str) -> None:
    file.write_text(content)


FOLLOWED = [
    (OPEN, "GATEWAY_CONFIG", "[limits]\ncost = 10\n", "[limits]\ncost = 20\n", "GATEWAY_LIMITS__COST"),
    (
        {**OPEN, "GATEWAY_DELIVERIES__URL": "http://127.0.0.1"},
        "GATEWAY_DELIVERIES__TOKEN_FILE",
        "one",
        "two",
        "GATEWAY_DELIVERIES__TOKEN",
    ),
    (OPEN, "GATEWAY_TRUSTED_DOCUMENTS", '{"a": "{ a }"}', '{"b": "{ b }"}', "GATEWAY_TRUSTED_DOCUMENTS"),
]


@pytest.mark.parametrize("write", [write_over, rename_over, replace_by_link])
@pytest.mark.parametrize(("settings", "name", "before", "after", "changed"), FOLLOWED)
async def test_each_file_is_followed_however_it_is_replaced(  # noqa: PLR0913, PLR0917 - a table
    tmp_path: Path,
    settings: dict[str, str],
    name: str,
    before: str,
    after: str,
    changed: str,
    write: Callable[[Path, str], None],
) -> None:
    file = tmp_path / "file"
    file.write_text(before)
    source, applied = SettingsSource({**settings, name: str(file)}), Applied()
    async with Reloader(source, applied, ReloadMetrics(), LOOK_SECONDS).watching():
        write(file, after)

        assert (await applied.next()).changed == (changed,)


async def test_a_file_that_changes_while_the_process_starts_is_not_missed(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[limits]\ncost = 10\n")
    source, applied = SettingsSource({**OPEN, "GATEWAY_CONFIG": str(file)}), Applied()
    file.write_text("[limits]\ncost = 20\n")
    async with Reloader(source, applied, ReloadMetrics(), LOOK_SECONDS).watching():
        assert (await applied.next()).settings.limits.cost == 20


async def test_a_file_that_goes_is_wrong_and_followed_when_it_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[limits]\ncost = 10\n")
    source, applied, metrics = SettingsSource({**OPEN, "GATEWAY_CONFIG": str(file)}), Applied(), ReloadMetrics()
    async with Reloader(source, applied, metrics, LOOK_SECONDS).watching():
        file.unlink()
        async with asyncio.timeout(20):
            while not metrics.counts.failed:  # noqa: ASYNC110 - counted, and not told
                await asyncio.sleep(LOOK_SECONDS)
        assert source.settings.limits.cost == 10
        file.write_text("[limits]\ncost = 20\n")

        assert (await applied.next()).settings.limits.cost == 20
    assert metrics.counts.failed == 1


@pytest.mark.parametrize("error", [SettingsProblems(["GATEWAY_AUTH__JWKS_URL: planted"]), RuntimeError("planted")])
async def test_what_cannot_be_put_in_force_is_not_taken_for_it(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(change: Change) -> None:
        del change
        raise error

    file = tmp_path / "gateway.toml"
    file.write_text("[limits]\ncost = 10\n")
    source, metrics = SettingsSource({**OPEN, "GATEWAY_CONFIG": str(file)}), ReloadMetrics()
    file.write_text("[limits]\ncost = 20\n")

    await Reloader(source, fail, metrics).reload()

    assert source.settings.limits.cost == 10
    assert (metrics.counts.failed, metrics.counts.changed) == (1, 0)
    assert "those before stay in force" in caplog.text
