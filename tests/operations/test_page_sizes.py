"""Lists of upstreams that serve other page sizes than asked for, over sockets and with their requests counted."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.sandbox.options import DeliveriesOptions
from gateway.sandbox.server import serving
from tests.world import UNCACHED, World, running_world

LENGTH: Final = 130
KEYS: Final = {"/platform/tasks": "tasks", "/platform/organizations": "organizations"}


@dataclass
class LittleLogistics:
    """Lists tasks and organizations in pages of its own size, and says so; lifetime: one test.

    Args:
        size_of: The page size that it serves for the one asked for.
        asked: The numbers of the pages that it was asked for.
    """

    size_of: Callable[[int], int]
    asked: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        number, size = int(request.query_params["page"]), self.size_of(int(request.query_params["per_page"]))
        self.asked.append(number)
        listed = range(LENGTH)[(number - 1) * size : number * size]
        records = [{"id": f"t{one}", "current_status": "complete", "business_name": "B"} for one in listed]
        answer = {"meta": {"page": number, "per_page": size}, KEYS[request.url.path]: records}
        await JSONResponse(answer)(scope, receive, send)


@asynccontextmanager
async def world_over(upstream: LittleLogistics) -> AsyncIterator[World]:
    async with serving(upstream) as url, running_world({**UNCACHED, "GATEWAY_LOGISTICS__URL": url}) as world:
        yield world


async def page_of(world: World, field: str, first: int, after: str | None) -> Any:  # noqa: ANN401 - as it was answered
    query = f"""query($first: Int, $after: String) {{
        page: {field}(first: $first, after: $after) {{ nodes {{ id }} pageInfo {{ endCursor hasNextPage }} }} }}"""
    return (await world.ask(query, {"first": first, "after": after})).data["page"]


@pytest.mark.parametrize("field", ["logisticsTasks", "organizations"])
@pytest.mark.parametrize(
    ("size_of", "first", "most"),
    [
        pytest.param(lambda asked: min(asked, 50), 100, 4, id="at most fifty for a hundred"),
        pytest.param(lambda asked: min(asked, 50), 60, 4, id="at most fifty for sixty"),
        pytest.param(lambda asked: min(asked, 30), 30, 2, id="as many as asked for"),
        pytest.param(lambda _: 40, 15, 3, id="always forty"),
    ],
)
async def test_a_list_is_paged_through_to_its_end_whatever_size_its_upstream_serves(
    field: str, size_of: Callable[[int], int], first: int, most: int
) -> None:
    upstream = LittleLogistics(size_of)
    seen: list[str] = []
    async with world_over(upstream) as world:
        page: Any = {"pageInfo": {"endCursor": None, "hasNextPage": True}}
        while page["pageInfo"]["hasNextPage"]:
            upstream.asked.clear()
            page = await page_of(world, field, first, page["pageInfo"]["endCursor"])
            seen += [node["id"].partition(":")[2] for node in page["nodes"]]

            assert len(page["nodes"]) in {first, LENGTH % first}
            assert len(upstream.asked) <= most

    assert seen == [f"t{number}" for number in range(LENGTH)]


async def test_a_first_page_of_an_upstream_that_caps_its_pages_asks_for_each_of_them_once() -> None:
    upstream = LittleLogistics(lambda asked: min(asked, 25))
    async with world_over(upstream) as world:
        page = await page_of(world, "logisticsTasks", 100, None)

    assert len(page["nodes"]) == 100
    assert page["pageInfo"]["hasNextPage"]
    assert upstream.asked == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("cap", [7, 30, 64])
async def test_deliveries_are_paged_through_to_their_end_under_any_cap(cap: int) -> None:
    seen: list[str] = []
    async with running_world(UNCACHED, deliveries=DeliveriesOptions(max_page_size=cap)) as world:
        page: Any = {"pageInfo": {"endCursor": None, "hasNextPage": True}}
        while page["pageInfo"]["hasNextPage"]:
            page = await page_of(world, "deliveries", 70, page["pageInfo"]["endCursor"])
            seen += [node["id"] for node in page["nodes"]]

            assert len(world.requests) <= 70 // cap + 3

    assert len(seen) == len(set(seen)) == 240
