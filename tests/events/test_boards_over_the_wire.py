"""Followed lists through the whole gateway, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from resolvers.events.boards import BOARD_SIZE
from tests.contract.documents import TASKS
from tests.events.subscriber import WAIT_SECONDS
from tests.events.test_over_the_wire import PATH, Followed, body_about, move
from tests.subscriptions.stream_client import SSE, Answer
from tests.world import UNCACHED, World, running_world

RARELY: Final = {"GATEWAY_EVENTS__POLL_MIN_SECONDS": "0.2", "GATEWAY_EVENTS__POLL_MAX_SECONDS": "3000"}
CHANGES: Final = """subscription($filter: ChangesFilter!, $after: String) { changes(filter: $filter, after: $after) {
    kind cursor nodeId rawStatus previousRawStatus source
    nodes { id rawStatus } node { id rawStatus }
    problem { code message retryable } } }"""
TASK: Final = {"tasks": [{name: value for name, value in TASKS["tasks"][0].items() if name != "organizationId"}]}
"""Of the partner's own organization."""

CREATE: Final = "mutation($tasks: [LogisticsTaskInput!]!) { createLogisticsTasks(tasks: $tasks) { tasks { id } } }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(RARELY) as running:
        yield running


@asynccontextmanager
async def following(world: World, filters: dict[str, Any], after: str | None = None) -> AsyncIterator["List"]:
    body = {"query": CHANGES, "variables": {"filter": filters, "after": after}}
    headers = {"accept": SSE}
    async with world.client.stream("POST", f"{world.url}/graphql", json=body, headers=headers) as response:
        yield List(Answer(response))


class List(Followed):
    """A followed list."""

    async def change(self) -> dict[str, Any]:
        answer = await self.next()
        assert "errors" not in answer, answer
        changed: dict[str, Any] = answer["data"]["changes"]
        return changed


async def test_what_is_created_enters_and_what_matches_no_longer_leaves(world: World) -> None:
    async with following(world, {"logisticsTasks": {"statuses": ["BROADCASTING"]}}) as followed:
        snapshot = await followed.change()
        created = (await world.ask(CREATE, TASK)).data["createLogisticsTasks"]["tasks"][0]["id"]
        entered = await followed.change()
        cancel = 'mutation($id: ID!) { cancelLogisticsTask(id: $id, reason: "no") { task { id } } }'
        await world.ask(cancel, {"id": created})
        left = await followed.change()

    assert snapshot["kind"] == "SNAPSHOT"
    assert snapshot["nodes"]
    assert {one["rawStatus"] for one in snapshot["nodes"]} == {"broadcasting"}
    assert (entered["kind"], entered["nodeId"], entered["node"]["rawStatus"]) == ("ENTERED", created, "broadcasting")
    assert (left["kind"], left["nodeId"], left["node"]["rawStatus"]) == ("LEFT", created, "cancelled")


async def test_a_webhook_changes_the_list_and_costs_one_read_of_it(world: World) -> None:
    async with following(world, {"logisticsTasks": {}}) as followed:
        snapshot = await followed.change()
        listed = {one["id"] for one in snapshot["nodes"] if one["rawStatus"] not in {"complete", "cancelled"}}
        task = next(one for one in world.logistics.tasks if f"LogisticsTask:{one.id}" in listed)
        world.logistics.requests.clear()
        move(world, task, "complete")
        await world.client.post(f"{world.url}{PATH}", json=body_about(task))
        changed = await followed.change()

    assert len(snapshot["nodes"]) == BOARD_SIZE
    assert changed["kind"] == "CHANGED"
    assert changed["node"] == {"id": f"LogisticsTask:{task.id}", "rawStatus": "complete"}
    assert changed["previousRawStatus"] != "complete"
    assert [one.path for one in world.logistics.requests] == ["/platform/tasks"]


async def test_what_has_left_is_shown_as_it_stands_now_and_not_as_a_cache_knows_it() -> None:
    settings = {"GATEWAY_EVENTS__POLL_MIN_SECONDS": "0.2", "GATEWAY_CACHE__TTL_ACTIVE": "600"}
    async with (
        running_world(settings) as world,
        following(world, {"logisticsTasks": {"statuses": ["BROADCASTING"]}}) as followed,
    ):
        listed = [one["id"].partition(":")[2] for one in (await followed.change())["nodes"]]
        task = next(one for one in world.logistics.tasks if one.id in listed)
        await world.ask(f'{{ logisticsTask(id: "{task.id}") {{ rawStatus }} }}')
        move(world, task, "accepted")
        left = await followed.change()

    assert left["kind"] == "LEFT"
    assert left["node"] == {"id": f"LogisticsTask:{task.id}", "rawStatus": "accepted"}


async def test_what_was_missed_comes_after_a_reconnect_instead_of_a_snapshot(world: World) -> None:
    async with following(world, {"logisticsTasks": {}}) as followed:
        snapshot = await followed.change()
    created = (await world.ask(CREATE, TASK)).data["createLogisticsTasks"]["tasks"][0]["id"]

    async with following(world, {"logisticsTasks": {}}, snapshot["cursor"]) as followed:
        left, entered = await followed.change(), await followed.change()

    assert (entered["kind"], entered["nodeId"]) == ("ENTERED", created)
    # It makes room, because the list was full.
    assert (left["kind"], left["nodeId"]) == ("LEFT", snapshot["nodes"][-1]["id"])
    assert left["cursor"] == snapshot["cursor"] != entered["cursor"]


@pytest.mark.parametrize(
    ("filters", "path"),
    [
        ({}, ["filter"]),
        ({"deliveries": {}, "smsJobs": {}}, ["filter"]),
        ({"deliveries": {"ids": ["1"]}}, ["filter", "deliveries", "ids"]),
        ({"logisticsTasks": {"statuses": ["UNKNOWN"]}}, ["filter", "logisticsTasks", "statuses"]),
    ],
)
async def test_a_list_that_cannot_be_followed_is_refused_before_any_call(
    world: World, filters: dict[str, Any], path: list[str]
) -> None:
    async with following(world, filters) as followed:
        answer = await followed.next()

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert error["extensions"]["argumentPath"] == path
    assert world.requests == []


@pytest.mark.parametrize(
    "filters",
    [
        {"deliveries": {}},
        {"deliveries": {"status": "WAITING"}},
        {"smsJobs": {}},
        {"smsJobs": {"open": True}},
        {"logisticsTasks": {}},
        {"logisticsTasks": {"statuses": ["COMPLETE"]}},
    ],
    ids=str,
)
async def test_the_start_of_a_followed_list_makes_no_more_calls_than_estimated(filters: dict[str, Any]) -> None:
    never = {"GATEWAY_EVENTS__POLL_MIN_SECONDS": "3000", "GATEWAY_EVENTS__POLL_MAX_SECONDS": "3000"}
    async with running_world({**UNCACHED, **never, "GATEWAY_LIMITS__COST": "10000"}) as world:
        body = {"query": CHANGES, "variables": {"filter": filters}}
        plan = await world.client.post(f"{world.url}/graphql", json=body, headers={"X-Gateway-Explain": "plan"})
        estimate = plan.json()["extensions"]["gateway"]["plan"]["estimate"]
        assert world.requests == []
        async with following(world, filters) as followed, asyncio.timeout(WAIT_SECONDS):
            snapshot = await followed.change()

        assert snapshot["kind"] == "SNAPSHOT"
        assert snapshot["nodes"]
        assert 0 < len(world.requests) <= estimate
