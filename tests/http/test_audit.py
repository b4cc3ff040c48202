"""The public GraphQL-over-HTTP audit (npm `graphql-http`) against a live server."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from tests.node_packages import install, run
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


async def test_all_61_checks_pass(audited_url: str, node: str) -> None:
    await install(_AUDIT)

    results = orjson.loads(await run(_AUDIT, node, "audit.mjs", audited_url))

    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61
