"""Subscriptions pass the same gate as everything else."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.world import World, running_world

STREAM: Final = {"accept": "text/event-stream"}
FOLLOW: Final = """subscription($ids: [ID!]!) {
    statusChanged(ids: $ids) { node { ... on Delivery { product { id } } } } }"""


async def codes_of(world: World, body: dict[str, object]) -> set[str]:
    """The codes in a stream that ends at once, being refused."""
    response = await world.client.post(f"{world.url}/graphql", json=body, headers=STREAM)
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
    return {error["extensions"]["code"] for line in lines for error in json.loads(line).get("errors", ())}


@pytest.mark.parametrize("settings", [{"GATEWAY_LIMITS__COST": "20"}, {"GATEWAY_AUTH__CALLS_PER_MINUTE": "20"}])
async def test_a_subscription_that_is_too_expensive_does_not_start(settings: dict[str, str]) -> None:
    async with running_world(settings) as world:
        codes = await codes_of(world, {"query": FOLLOW, "variables": {"ids": [f"Delivery:{one}" for one in range(20)]}})

    assert codes == {"OPERATION_TOO_EXPENSIVE"}
    assert world.requests == []


async def test_a_subscription_of_no_manifest_does_not_start(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"names": "{ upstreams { name } }"}))
    async with running_world({"GATEWAY_TRUSTED_DOCUMENTS": str(manifest)}) as world:
        untrusted = await codes_of(world, {"query": FOLLOW, "variables": {"ids": ["Delivery:1"]}})
        unknown = await codes_of(world, {"documentId": "nothing"})

    assert untrusted == {"FORBIDDEN"}
    assert unknown == {"PERSISTED_QUERY_NOT_FOUND"}
