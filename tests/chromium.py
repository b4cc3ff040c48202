"""Runs the browser scripts of the front end in Chromium. A pytest plugin."""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.ide.page import Ide

FRONTEND: Final = Path(__file__).parents[1] / "frontend"
PATIENCE_SECONDS: Final = 120


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
    _require(missing)
    assert browser is not None
    return browser


@pytest.fixture
def axe() -> None:
    """Skip a test where axe-core is missing, such as before `npm ci` in an older checkout; fail in CI."""
    _require([] if (FRONTEND / "node_modules" / "axe-core").is_dir() else ["`npm ci` in frontend/"])


async def in_chromium(chromium: str, script: str, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    """What a script of `frontend/e2e` saw, as it prints it in JSON.

    Args:
        chromium: The browser's path.
        script: The script's name, such as "popup.mjs".
        arguments: What it is given.
    """
    process = await asyncio.create_subprocess_exec(
        *("node", f"e2e/{script}", *arguments),
        cwd=FRONTEND,
        env={**os.environ, "CHROMIUM": chromium},
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


def _require(missing: list[str]) -> None:
    if missing:
        message = f"The browser cannot be tested without {', '.join(missing)}."
        (pytest.fail if "CI" in os.environ else pytest.skip)(message)
