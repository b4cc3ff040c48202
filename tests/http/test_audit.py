"""The public GraphQL-over-HTTP audit (npm `graphql-http`) against a live server."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path

import orjson
import pytest

_AUDIT = Path(__file__).parent / "audit"


@pytest.fixture
def audited_url(url: str) -> str:
    """The endpoint that is audited."""
    return url


@pytest.fixture
def node() -> str:
    path = shutil.which("node")
    if path is None:
        message = "The audit needs Node 20 or later and npm on PATH."
        if "CI" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    return path


async def run(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(*command, cwd=_AUDIT, stdout=PIPE, stderr=PIPE)
    output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return output


async def install() -> None:
    installed, locked = _AUDIT / "node_modules" / ".package-lock.json", _AUDIT / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
        await run("npm", "ci")


async def test_all_61_checks_pass(audited_url: str, node: str) -> None:
    await install()

    results = orjson.loads(await run(node, "audit.mjs", audited_url))

    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61
