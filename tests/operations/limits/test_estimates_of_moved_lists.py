"""A page behind a cursor is estimated at the most calls that it takes where its list has moved, and takes those."""

from dataclasses import dataclass
from typing import Any, Final

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.operations.cost.root_fields import MOST_BEHIND_CURSOR
from gateway.sandbox.server import serving
from tests.world import UNCACHED, running_world

PLAN: Final = {"X-Gateway-Explain": "plan"}
BELOW: Final = "nodes { id } pageInfo { endCursor }"
LISTS: Final = ("deliveries", "logisticsTasks", "organizations")


@dataclass
class LittleLists:
    """The lists of two APIs, each with the same records; lifetime: one test.

    Args:
        records: Their ids, as they stand now.
        asked: How many pages were asked for.
    """

    records: list[str]
    asked: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.method == "POST":
            await JSONResponse({"access_token": "token"})(scope, receive, send)
            return
        self.asked += 1
        await JSONResponse(self._page(request.url.path, request.query_params))(scope, receive, send)

    def _page(self, path: str, query: Any) -> dict[str, Any]:  # noqa: ANN401 - starlette's
        if path.endswith("/send-tasks"):
            ids = self._ids(query["page[number]"], query["page[size]"])
            records = [{"type": "send-tasks", "id": one, "attributes": {"status": "waiting"}} for one in ids]
            return {
                "data": records,
                "meta": {"page": {"perPage": int(query["page[size]"]), "total": len(self.records)}},
            }
        ids = self._ids(query["page"], query["per_page"])
        if path.endswith("/tasks"):
            return {"tasks": [{"id": one, "current_status": "complete"} for one in ids]}
        return {"organizations": [{"id": one, "business_name": one} for one in ids]}

    def _ids(self, number: str, size: str) -> list[str]:
        return self.records[(int(number) - 1) * int(size) : int(number) * int(size)]


@pytest.mark.parametrize("name", LISTS)
async def test_a_page_whose_place_has_moved_onto_another_takes_what_it_is_estimated_at(name: str) -> None:
    upstream = LittleLists([str(number) for number in range(1000, 1100)])
    query = f"query($first: Int!, $after: String) {{ {name}(first: $first, after: $after) {{ {BELOW} }} }}"
    async with (
        serving(upstream) as url,
        running_world({**UNCACHED, "GATEWAY_LOGISTICS__URL": url, "GATEWAY_DELIVERIES__URL": url}) as world,
    ):
        first = (await world.ask(query, {"first": 30})).data[name]
        upstream.records[:0] = [str(number) for number in range(2000, 2043)]
        behind = {"first": 5, "after": first["pageInfo"]["endCursor"]}
        plan = (await world.ask(query, behind, PLAN)).json["extensions"]["gateway"]["plan"]
        upstream.asked = 0
        second = (await world.ask(query, behind)).data[name]

    assert [one["id"].partition(":")[2] for one in second["nodes"]] == ["1030", "1031", "1032", "1033", "1034"]
    assert upstream.asked == plan["estimate"] == MOST_BEHIND_CURSOR
