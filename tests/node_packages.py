"""A pytest plugin that runs public npm packages in Node, as clients that are not ours."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest


@pytest.fixture
def node() -> str:
    """The path of Node; without Node the test is skipped, but fails in CI."""
    path = shutil.which("node")
    if path is None:
        message = "This test needs Node 20 or later and npm on PATH."
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    return path


async def run(folder: Path, *command: str) -> bytes:
    """Run a command that must succeed, and return its output.

    Args:
        folder: The working directory.
        command: The program and its arguments.
    """
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output


async def install(folder: Path) -> None:
    """Install the packages of the folder's lock file unless they are installed."""
    installed, locked = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
        await run(folder, "npm", "ci")
