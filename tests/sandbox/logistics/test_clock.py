"""Seeded tasks, and the status changes of tasks over time."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from gateway.sandbox.logistics.lifecycle import expiry
from gateway.sandbox.logistics.seed import TASKS_IN
from gateway.sandbox.options import LogisticsOptions
from tests.sandbox.logistics.server import NOON, LogisticsServer, logistics_server, new_task

EDGES = {
    ("pending_broadcast", "broadcasting"),
    ("pending_broadcast", "cancelled"),
    ("broadcasting", "cancelled"),
    ("broadcasting", "expired"),
    ("broadcasting", "accepted"),
    ("accepted", "pending_pickup"),
    ("pending_pickup", "pickup_arriving"),
    ("pickup_arriving", "unsuccessful_pickup"),
    ("pickup_arriving", "pending_delivery"),
    ("pending_delivery", "delivery_arriving"),
    ("delivery_arriving", "unsuccessful_delivery"),
    ("delivery_arriving", "complete"),
}
"""The transitions of the document's status table."""

FINAL = {"cancelled", "expired", "complete", "unsuccessful_pickup", "unsuccessful_delivery"}
ROUTE = [
    "broadcasting",
    "accepted",
    "pending_pickup",
    "pickup_arriving",
    "pending_delivery",
    "delivery_arriving",
    "complete",
]
ALWAYS_COMPLETE = LogisticsOptions(failing_share=0)
NEVER_COMPLETE = LogisticsOptions(failing_share=1)
MOMENT = timedelta(milliseconds=1)
DAYS = 4 * 24 * 3600


def words(task: dict[str, Any]) -> list[str]:
    return [entry["status"] for entry in task["statuses"]]


async def all_tasks(api: LogisticsServer) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await api.http.get("/platform/tasks")).json()["tasks"]
    return listed


async def test_the_sandbox_starts_with_tasks_in_every_status() -> None:
    async with logistics_server() as api:
        tasks = await all_tasks(api)

    assert Counter(task["current_status"] for task in tasks) == TASKS_IN
    assert sum(TASKS_IN.values()) == 120
    assert len(TASKS_IN) == 13


async def test_the_same_seed_gives_the_same_tasks_and_another_gives_others() -> None:
    async with logistics_server() as one, logistics_server() as same, logistics_server(seed=2) as other:
        tasks = [await all_tasks(api) for api in (one, same, other)]

    assert tasks[0] == tasks[1]
    assert not {task["id"] for task in tasks[0]} & {task["id"] for task in tasks[2]}


async def test_new_tasks_are_the_same_for_the_same_seed() -> None:
    async with logistics_server() as one, logistics_server() as same:
        created = [await api.create() for api in (one, same)]

    assert created[0] == created[1]


async def test_every_task_only_ever_takes_the_documented_transitions() -> None:
    async with logistics_server(LogisticsOptions(failing_share=0.5)) as api:
        await api.http.post("/platform/tasks/broadcast", json={"task_ids": [t["id"] for t in await api.tasks("draft")]})
        api.clock.advance(30 * 24 * 3600)
        tasks = await all_tasks(api)

    taken = {edge for task in tasks for edge in pairwise(words(task))}
    assert taken - {("draft", "broadcasting")} <= EDGES
    assert taken >= EDGES - {("pending_broadcast", "cancelled")}
    assert all(task["current_status"] == words(task)[-1] for task in tasks)


async def test_a_task_goes_all_the_way_and_each_status_begins_at_its_very_second() -> None:
    async with logistics_server(ALWAYS_COMPLETE) as api:
        task_id = (await api.create())["id"]
        planned = api.simulator.tasks.find(task_id).events
        seen = []
        for event in planned[1:]:
            api.clock.advance((event.happened_at - api.clock.now() - MOMENT).total_seconds())
            seen.append((await api.task(task_id))["current_status"])
            api.clock.advance(MOMENT.total_seconds())
            seen.append((await api.task(task_id))["current_status"])
        history = (await api.task(task_id))["statuses"]

    assert seen == [status for edge in pairwise(ROUTE) for status in edge]
    assert [entry["status"] for entry in history] == ROUTE
    assert [datetime.fromisoformat(entry["happened_at_utc"]) for entry in history] == [
        event.happened_at for event in planned
    ]


async def test_driver_and_proof_of_delivery_appear_when_there_is_one() -> None:
    async with logistics_server() as api:
        tasks = await all_tasks(api)

    drivers = {task["current_status"]: task["driver"] is not None for task in tasks}
    proofs = {task["current_status"] for task in tasks if task["epod"] is not None}
    assert {status for status, has in drivers.items() if not has} == {
        "draft",
        "pending_broadcast",
        "broadcasting",
        "cancelled",
        "expired",
    }
    assert all((task["org_transporter"] is None) == (task["driver"] is None) for task in tasks)
    assert proofs == {"complete"}


async def test_the_driver_stays_the_same_for_the_rest_of_the_journey() -> None:
    async with logistics_server(ALWAYS_COMPLETE) as api:
        task = (await api.tasks("accepted"))[0]
        api.clock.advance(2 * 3600)
        after = await api.task(task["id"])

    assert after["current_status"] == "complete"
    assert after["driver"] == task["driver"]
    assert after["epod"]["signed_at_utc"] == after["statuses"][-1]["happened_at_utc"] == after["updated_at"]


async def test_every_change_of_status_changes_the_revision() -> None:
    async with logistics_server(ALWAYS_COMPLETE) as api:
        task_id = (await api.create())["id"]
        revisions = []
        for event in api.simulator.tasks.find(task_id).events:
            api.clock.advance((event.happened_at - api.clock.now()).total_seconds())
            revisions.append((await api.task(task_id))["version_rev"])

    assert [revision.split("-")[0] for revision in revisions] == list("0123456")
    assert len({revision.split("-")[1] for revision in revisions}) == 7


@pytest.mark.parametrize(
    ("preference", "last", "since"),
    [
        ("squad", "expired", "2024-05-06T15:30:00Z"),
        ("all", "expired", "2024-05-06T16:00:00Z"),
        ("marine", "broadcasting", "2024-05-06T12:00:00Z"),
    ],
)
async def test_a_task_that_nobody_accepts_expires_by_the_rule_of_its_kind(
    preference: str, last: str, since: str
) -> None:
    async with logistics_server(NEVER_COMPLETE) as api:
        sent = [new_task(broadcast_preference=preference)] * 20
        created = (await api.http.post("/platform/tasks", json={"tasks": sent})).json()["tasks"]
        api.clock.advance(DAYS)
        tasks = (await all_tasks(api))[-len(created) :]

    ends = {(task["current_status"], task["statuses"][-1]["happened_at_utc"]) for task in tasks if not task["driver"]}
    assert ends == {(last, since)}


async def test_a_task_that_cannot_be_accepted_in_time_expires() -> None:
    window = {"start_time_utc": "2024-05-06T12:00:00Z", "end_time_utc": "2024-05-06T12:30:01Z"}
    async with logistics_server(ALWAYS_COMPLETE) as api:
        task = await api.create(broadcast_preference="squad", from_time_window=window)
        api.clock.advance(1)
        after = await api.task(task["id"])

    assert task["current_status"] == "broadcasting"
    assert after["current_status"] == "expired"


def test_a_standard_task_is_broadcast_for_a_day_at_most() -> None:
    assert expiry("all", NOON + timedelta(days=3), NOON) == NOON + timedelta(days=1)


async def test_no_task_moves_once_it_is_final() -> None:
    async with logistics_server() as api:
        before = {task["id"]: task for task in await api.tasks(*FINAL)}
        api.clock.advance(DAYS)
        after = {task["id"]: task for task in await all_tasks(api)}

    assert len(before) == 52
    assert {task_id: after[task_id] for task_id in before} == before


async def test_a_smaller_pace_moves_tasks_faster() -> None:
    async with logistics_server(LogisticsOptions(pace=0.01, failing_share=0)) as api:
        task = await api.create()
        api.clock.advance(60)
        after = await api.task(task["id"])

    assert after["current_status"] == "complete"
