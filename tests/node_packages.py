"""Runs public npm packages in Node, for tests that want to hear it from somebody else. A pytest plugin."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest


@pytest.fixture
def node() -> str:
    """Node's path; where it is missing, the test skips, but fails in CI."""
    path = shutil.which("node")
    if path is None:
        message = "This test needs Node 20 or later and npm on PATH."
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    return path


async def run(folder: Path, *command: str) -> bytes:
    """What a command says that must succeed.

    Args:
        folder: Where it runs.
        command: The program and its arguments.
    """
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=PIPE, stderr=PIPE)
    output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return output


async def install(folder: Path) -> None:
    """Install the packages that the folder's lock file names, unless they are there."""
    installed, locked = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
        await run(folder, "npm", "ci")
