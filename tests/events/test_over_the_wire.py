"""Webhooks, mutations and subscriptions through the whole gateway, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from gateway.sandbox.logistics.lifecycle import Status, StatusEvent
from gateway.sandbox.logistics.tasks import Task
from tests.events.subscriber import WAIT_SECONDS
from tests.subscriptions.stream_client import SSE, Answer
from tests.world import World, running_world

SECRET = "sandbox"
PATH = f"/webhooks/logistics/{SECRET}"
QUIET = {"GATEWAY_EVENTS__POLL_MIN_SECONDS": "3000", "GATEWAY_EVENTS__POLL_MAX_SECONDS": "3000"}
FOLLOW = """subscription($ids: [ID!]!) { statusChanged(ids: $ids) {
  kind cursor rawStatus previousRawStatus source problem { code subjectId }
  node { id progress ... on LogisticsTask { version: versionRev } }
} }"""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world(QUIET) as running:
        yield running


class Followed:
    """A subscription over SSE."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_SECONDS):
            event = await self._answer.event()
        told: dict[str, Any] = orjson.loads(event["data"]) if event.get("data") else event
        return told

    async def status(self) -> dict[str, Any]:
        told = await self.next()
        changed: dict[str, Any] = told["data"]["statusChanged"]
        return changed


def task_in(world: World, *statuses: str) -> Task:
    return next(task for task in world.logistics.tasks if task.status(world.clock.now()) in statuses)


def move(world: World, task: Task, status: str) -> None:
    world.clock.advance(1)
    task.append(world.clock.now(), StatusEvent(Status(status), world.clock.now()))


def body_about(task: Task) -> dict[str, Any]:
    return {"type": "update", "model_name": "Task", "data": {"id": task.id, "current_status": "complete"}}


async def test_a_webhook_leads_to_what_the_upstream_says_and_not_to_what_it_says_itself(world: World) -> None:
    task = task_in(world, "broadcasting")
    request = {"query": FOLLOW, "variables": {"ids": [f"LogisticsTask:{task.id}"]}}
    async with world.client.stream("POST", f"{world.url}/graphql", json=request, headers={"accept": SSE}) as response:
        followed = Followed(Answer(response))
        snapshot = await followed.status()
        move(world, task, "accepted")
        answered = await world.client.post(world.url + PATH, json=body_about(task))
        change = await followed.status()

    assert answered.status_code == 200
    assert (snapshot["kind"], snapshot["rawStatus"]) == ("SNAPSHOT", "broadcasting")
    assert (change["previousRawStatus"], change["rawStatus"], change["source"]) == (
        "broadcasting",
        "accepted",
        "WEBHOOK",
    )
    assert change["node"]["version"] != snapshot["node"]["version"]


async def test_a_webhook_forgets_the_cached_record_of_a_task_that_nobody_watches(world: World) -> None:
    task = task_in(world, "broadcasting")
    query = "query($id: ID!) { logisticsTask(id: $id) { rawStatus } }"
    before = await world.ask(query, {"id": task.id})
    move(world, task, "accepted")
    await world.client.post(world.url + PATH, json=body_about(task))
    request = {"query": FOLLOW, "variables": {"ids": [f"LogisticsTask:{task.id}"]}}
    async with world.client.stream("POST", f"{world.url}/graphql", json=request, headers={"accept": SSE}) as response:
        await Followed(Answer(response)).status()
    after = await world.ask(query, {"id": task.id})

    assert before.data["logisticsTask"]["rawStatus"] == "broadcasting"
    assert after.data["logisticsTask"]["rawStatus"] == "accepted"


async def test_300_webhooks_about_tasks_that_nobody_follows_cost_no_call(world: World) -> None:
    task = task_in(world, "broadcasting")
    request = {"query": FOLLOW, "variables": {"ids": [f"LogisticsTask:{task.id}"]}}
    async with world.client.stream("POST", f"{world.url}/graphql", json=request, headers={"accept": SSE}) as response:
        followed = Followed(Answer(response))
        await followed.status()
        for number in range(300):
            body = {"type": "update", "model_name": "Task", "data": {"id": f"task-{number}"}}
            answered = await world.client.post(world.url + PATH + "/" * (number % 2), json=body)
            assert answered.status_code == 200
        move(world, task, "accepted")
        await world.client.post(world.url + PATH, json=body_about(task))
        change = await followed.status()

    assert change["rawStatus"] == "accepted"
    assert [request.path.rpartition("/")[2] for request in world.requests] == [task.id] * 2


async def test_a_mutation_appears_at_once(world: World) -> None:
    task = task_in(world, "broadcasting")
    request = {"query": FOLLOW, "variables": {"ids": [f"LogisticsTask:{task.id}"]}}
    cancel = 'mutation($id: ID!) { cancelLogisticsTask(id: $id, reason: "No vessel") { task { rawStatus } } }'
    async with world.client.stream("POST", f"{world.url}/graphql", json=request, headers={"accept": SSE}) as response:
        followed = Followed(Answer(response))
        await followed.status()
        cancelled = await world.ask(cancel, {"id": task.id})
        change = await followed.status()
        end = await followed.next()

    assert cancelled.data["cancelLogisticsTask"]["task"]["rawStatus"] == "cancelled"
    assert (change["rawStatus"], change["source"]) == ("cancelled", "MUTATION")
    assert end["event"] == "complete"


async def test_an_id_that_cannot_be_followed_is_a_problem_and_the_others_go_on(world: World) -> None:
    task = task_in(world, "complete")
    request = {"query": FOLLOW, "variables": {"ids": ["LogisticsTask:none", f"LogisticsTask:{task.id}"]}}
    async with world.client.stream("POST", f"{world.url}/graphql", json=request, headers={"accept": SSE}) as response:
        followed = Followed(Answer(response))
        told = [(await followed.next())["data"]["statusChanged"] for _ in range(2)]

    by_kind = {one["kind"]: one for one in told}
    assert by_kind["PROBLEM"]["problem"] == {"code": "NOT_FOUND", "subjectId": "LogisticsTask:none"}
    assert by_kind["SNAPSHOT"]["rawStatus"] == "complete"


async def test_a_cursor_that_was_made_up_is_refused(world: World) -> None:
    query = 'subscription { statusChanged(ids: ["LogisticsTask:1"], after: "bm9uZQ") { kind } }'
    async with world.client.stream(
        "POST", f"{world.url}/graphql", json={"query": query}, headers={"accept": SSE}
    ) as response:
        told = await Followed(Answer(response)).next()

    assert told["errors"][0]["extensions"]["code"] == "BAD_INPUT"
