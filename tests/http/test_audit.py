"""The public GraphQL-over-HTTP audit (npm `graphql-http`) against a live server."""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from tests.world import running_world

_AUDIT = Path(__file__).parent / "audit"


@pytest.fixture(params=["endpoint alone", "whole gateway"])
async def audited_url(request: pytest.FixtureRequest, url: str) -> AsyncIterator[str]:
    """Where the audit asks: the endpoint over a little schema, or the gateway over simulated upstreams."""
    if request.param == "endpoint alone":
        yield url
    else:
        async with running_world() as world:
            yield f"{world.url}/graphql"


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
