"""Filters of the list of tasks, which the gateway applies to pages of the upstream."""

import random
from typing import Any, Final

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from gateway.sandbox.server import serving
from resolvers.filtered_pages import MOST_READ
from resolvers.served_pages import LARGEST_PAGE
from tests.world import UNCACHED, Answer, World, running_world

PLAN: Final = {"X-Gateway-Explain": "plan"}


class ManyTasks:
    """A logistics API with tasks of some statuses; lifetime: one test.

    Args:
        tasks: The oldest first.
    """

    def __init__(self, tasks: list[dict[str, Any]]) -> None:
        self.tasks = tasks
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        query = Request(scope).query_params
        number, size = int(query["page"]), int(query["per_page"])
        ordered = self.tasks if query["order"] == "asc" else self.tasks[::-1]
        listed = ordered[(number - 1) * size : number * size]
        await JSONResponse({"meta": {"page": number, "per_page": size}, "tasks": listed})(scope, receive, send)


def task(number: int, status: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {"id": f"t{number:05}", "current_status": status, **more}


async def page_of(world: World, upstream: ManyTasks, arguments: str, variables: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    declared = ", ".join(f"${name}: {'Int' if name == 'size' else 'String'}" for name in variables)
    head = f"query Page({declared})" if declared else "query Page"
    query = f"""{head} {{ logisticsTasks(filter: {{ statuses: [COMPLETE] }} {arguments}) {{
        nodes {{ taskId }} pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} }} }}"""
    plan = (await world.ask(query, variables, PLAN)).json["extensions"]["gateway"]["plan"]
    upstream.asked = 0
    page = (await world.ask(query, variables)).data["logisticsTasks"]
    assert upstream.asked <= plan["estimate"]
    return page


@pytest.mark.parametrize("order", ["OLDEST_FIRST", "NEWEST_FIRST"])
@pytest.mark.parametrize("backwards", [False, True])
async def test_all_that_match_are_listed_once_however_far_apart_they_are(order: str, *, backwards: bool) -> None:
    chance = random.Random(3)  # noqa: S311 - tasks of a test
    for share, length in ((0.5, 90), (0.004, 3000), (0.0, 1500), (0.02, 1000)):
        words = ["complete" if chance.random() < share else "accepted" for _ in range(length)]
        upstream = ManyTasks([task(number, word) for number, word in enumerate(words)])
        expected = [one["id"] for one in upstream.tasks if one["current_status"] == "complete"]
        async with serving(upstream) as url, running_world({**UNCACHED, "GATEWAY_LOGISTICS__URL": url}) as world:
            seen: list[str] = []
            at = None
            for _ in range(100):
                arguments = f"orderBy: {order}, " + (
                    "last: $size, before: $at" if backwards else "first: $size, after: $at"
                )
                page = await page_of(world, upstream, arguments, {"size": 7, "at": at})
                ids = [one["taskId"] for one in page["nodes"]]
                seen = ids + seen if backwards else seen + ids
                info = page["pageInfo"]
                if not info["hasPreviousPage" if backwards else "hasNextPage"]:
                    break
                at = info["startCursor" if backwards else "endCursor"]
            else:
                raise AssertionError("the list does not end")

        assert seen == (expected[::-1] if order == "NEWEST_FIRST" else expected), (share, length)


async def test_a_cursor_of_a_filtered_page_leads_back_to_what_was_before_it() -> None:
    upstream = ManyTasks([task(number, "complete" if number % 3 == 0 else "accepted") for number in range(700)])
    async with serving(upstream) as url, running_world({**UNCACHED, "GATEWAY_LOGISTICS__URL": url}) as world:
        first = await page_of(world, upstream, "first: 90", {})
        second = await page_of(world, upstream, "first: 90, after: $at", {"at": first["pageInfo"]["endCursor"]})
        back = await page_of(world, upstream, "last: 90, before: $at", {"at": second["pageInfo"]["startCursor"]})

    assert back["nodes"] == first["nodes"]


async def test_one_page_reads_no_more_of_the_upstream_than_is_written_down() -> None:
    upstream = ManyTasks([task(number, "accepted") for number in range(5000)])
    async with serving(upstream) as url, running_world({**UNCACHED, "GATEWAY_LOGISTICS__URL": url}) as world:
        page = await page_of(world, upstream, "first: 20", {})

    assert upstream.asked == MOST_READ
    assert MOST_READ * LARGEST_PAGE == 1000
    assert page["nodes"] == []
    assert page["pageInfo"]["hasNextPage"]
    assert page["pageInfo"]["endCursor"]


TASKS: Final = [
    task(0, "complete", tracking_id="a", group_tag="x", org_id="o1", updated_at="2026-01-01T00:00:00Z"),
    task(1, "accepted", tracking_id="b", group_tag="x", from_time_window={"start_time_utc": "2026-01-02T08:00:00Z"}),
    task(2, "draft", group_tag="y", org_id="o2", updated_at="2026-01-03T00:00:00Z"),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("{}", [0, 1, 2]),
        ("{ statuses: [ACCEPTED, DRAFT] }", [1, 2]),
        ('{ trackingId: "b" }', [1]),
        ('{ groupTag: "x" }', [0, 1]),
        ('{ organizationId: "o1" }', [0]),
        ('{ organizationId: "Organization:o2" }', [2]),
        ('{ updatedFrom: "2026-01-01T01:00:00+01:00", updatedTo: "2026-01-02T00:00:00Z" }', [0]),
        ('{ pickupFrom: "2026-01-02T00:00:00Z" }', [1]),
        ('{ pickupTo: "2026-01-02T00:00:00Z" }', []),
        ('{ groupTag: "x", statuses: [COMPLETE], trackingId: "b" }', []),
    ],
)
async def test_each_filter_keeps_what_it_says(wanted: str, found: list[int]) -> None:
    upstream = ManyTasks(TASKS)
    async with serving(upstream) as url, running_world({**UNCACHED, "GATEWAY_LOGISTICS__URL": url}) as world:
        answer = await world.ask(f"{{ logisticsTasks(filter: {wanted}) {{ nodes {{ taskId }} }} }}")

    assert [one["taskId"] for one in answer.data["logisticsTasks"]["nodes"]] == [f"t{one:05}" for one in found]


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("{ statuses: [] }", ["filter", "statuses"]),
        ("{ statuses: [UNKNOWN] }", ["filter", "statuses"]),
        ('{ organizationId: "LogisticsTask:1" }', ["filter", "organizationId"]),
        (
            '{ updatedFrom: "2026-01-02T00:00:00Z", updatedTo: "2026-01-01T00:00:00Z" }',
            ["filter", "updatedFrom"],
        ),
    ],
)
async def test_a_filter_that_nothing_can_pass_is_refused(world: World, wanted: str, path: list[str]) -> None:
    answer: Answer = await world.ask(f"{{ logisticsTasks(filter: {wanted}) {{ nodes {{ taskId }} }} }}")

    assert answer.codes == {"logisticsTasks": "BAD_INPUT"}
    assert answer.json["errors"][0]["extensions"]["argumentPath"] == path
    assert world.requests == []


async def test_a_cursor_is_refused_under_another_filter(world: World) -> None:
    page = "pageInfo { endCursor }"
    cursor = (await world.ask(f"{{ logisticsTasks(first: 2) {{ {page} }} }}")).data["logisticsTasks"]["pageInfo"]

    answer = await world.ask(
        f'{{ logisticsTasks(filter: {{ statuses: [DRAFT] }}, after: "{cursor["endCursor"]}") {{ {page} }} }}'
    )

    assert answer.codes == {"logisticsTasks": "BAD_INPUT"}
