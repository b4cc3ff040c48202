"""What a page reads by GET after a mutation is not what its browser has kept from before."""

import json
from typing import Any, Final

import pytest

from tests.chromium import in_chromium
from tests.world import running_world

UPDATE: Final = 'mutation { updateDelivery(id: "2", input: {deliverable: %s}) { errors { message } } }'
READS: Final = {
    "a record": '{ found: delivery(id: "2") { id deliverable } }',
    "a list": '{ found: deliveries(filter: {ids: ["2"]}, first: 1) { nodes { id deliverable } } }',
}


@pytest.mark.parametrize("query", READS.values(), ids=READS)
async def test_a_page_that_has_changed_something_sees_it_at_its_next_get(query: str, chromium: str) -> None:
    async with running_world({"GATEWAY_CACHE__TTL_ACTIVE": "3600"}) as world:
        now = (await world.ask('{ delivery(id: "2") { deliverable } }')).data["delivery"]["deliverable"]
        await world.ask(UPDATE % json.dumps(now))
        for simulator in world.simulators:
            simulator.requests.clear()

        seen = await in_chromium(chromium, "own_writes.mjs", world.url, query, UPDATE % json.dumps(not now))

        assert deliverable(seen["before"]) is now
        assert deliverable(seen["after"]) is not now
        assert [fetched > 0 for fetched in seen["fetched"]] == [True, False, True]
        assert [request.method for request in world.requests] == ["GET", "PATCH", "GET"]


def deliverable(data: dict[str, Any]) -> bool:
    found = data["found"]
    told: bool = (found["nodes"][0] if "nodes" in found else found)["deliverable"]
    return told
