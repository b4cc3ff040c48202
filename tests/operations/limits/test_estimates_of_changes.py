"""Mutations, and pages of lists that have moved, make no more calls than they are estimated at."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.contract.documents import DELIVERY, TASKS
from tests.world import UNCACHED, World, running_world

PLAN: Final = {"X-Gateway-Explain": "plan"}
SETTINGS: Final = {**UNCACHED, "GATEWAY_LIMITS__COST": "100000"}
MUTATIONS: Final = 20
PAGES: Final = 8

DELIVERY_BELOW: Final = "{ delivery { id product { id } dspUploadIdentification { id } } errors { message } }"
TASK_BELOW: Final = "{ task { id organization { roles { name } } } errors { message } }"
TASKS_BELOW: Final = "{ tasks { id organization { roles { name } } } errors { message } }"

VARIABLES: Final[dict[str, Any]] = {
    "delivery": DELIVERY["input"],
    "tasks": TASKS["tasks"] * 23,
    "sms": {"messages": [{"text": "a", "recipients": [{"destination": "+4917600000000"}]}]},
}
TYPES: Final = {"delivery": "CreateDeliveryInput!", "tasks": "[LogisticsTaskInput!]!", "sms": "SendSmsInput!"}

GONE: Final = {
    "Delivery": [str(900_000 + one) for one in range(3)],
    "LogisticsTask": [f"00000000-0000-4000-8000-{one:012}" for one in range(3)],
}
"""Ids of things that do not exist."""

LISTS: Final = {
    "deliveries": ("", "id product { id }"),
    "logisticsTasks": ("order: DESC, ", "id organization { id }"),
    "organizations": ("", "id roles { name }"),
    "smsJobs": ("", "id qos recipients { totalCount }"),
}
"""Arguments of pages, and what is asked of their nodes."""


def bare(app: ASGIApp) -> ASGIApp:
    """The same API, but its changes are answered with ids only, or with nothing."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        written = scope["type"] == "http" and scope["method"] in {"POST", "PATCH"}
        if not written or not any(one in scope["path"] for one in ("/send-tasks", "/tasks", "/organizations")):
            await app(scope, receive, send)
            return
        messages: list[Message] = []

        async def kept(message: Message) -> None:
            messages.append(message)

        await app(scope, receive, kept)
        start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
        if start["status"] < 300:
            body = json.dumps(_ids_in(json.loads(body))).encode() if scope["method"] == "POST" else b""
            start = {"type": "http.response.start", "status": 200 if body else 204, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return asked


def _ids_in(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = dict(answer)
    for name in ("data", "organization"):
        if name in found:
            found[name] = {"id": found[name]["id"]}
    if "tasks" in found:
        found["tasks"] = [{"id": task["id"]} for task in found["tasks"]]
    return found


def _mutation(chance: random.Random, ids: dict[str, list[str]], number: int) -> str:
    delivery, task = chance.choice(ids["Delivery"]), chance.choice(ids["LogisticsTask"])
    several = chance.sample(ids["LogisticsTask"], chance.randint(1, len(ids["LogisticsTask"])))
    tracked = ", ".join(f'{{taskId: "{one}", trackingId: "t{number}"}}' for one in several)
    return chance.choice(
        [
            f"createDelivery(input: $delivery) {DELIVERY_BELOW}",
            f'updateDelivery(id: "{delivery}", input: {{deliverable: true}}) {DELIVERY_BELOW}',
            f'cancelDelivery(id: "{delivery}") {DELIVERY_BELOW}',
            f"sendSms(input: $sms) {{ job {{ id {chance.choice(['', 'qos recipients { totalCount }'])} }} }}",
            f"createLogisticsTasks(tasks: $tasks, draft: {chance.choice(['true', 'false'])}) {TASKS_BELOW}",
            f'updateLogisticsTask(id: "{task}", input: {{versionRev: "0-1", trackingId: "a"}}) {TASK_BELOW}',
            f'cancelLogisticsTask(id: "{task}", reason: "no") {TASK_BELOW}',
            f"broadcastLogisticsTasks(ids: {json.dumps(several)}) {TASKS_BELOW}",
            f"broadcastLogisticsTasksWithTracking(tasks: [{tracked}]) {TASKS_BELOW}",
            f"setTrackingIds(tasks: [{tracked}]) {TASKS_BELOW}",
            f'createOrganization(businessName: "Business {number}") {{ organization {{ roles {{ name }} }} }}',
        ]
    )


def _operation(fields: list[str]) -> tuple[str, dict[str, Any]]:
    text = " ".join(f"f{number}: {one}" for number, one in enumerate(fields))
    used = [name for name in VARIABLES if f"${name}" in text]
    head = f"({', '.join(f'${name}: {TYPES[name]}' for name in used)})" if used else ""
    return f"mutation{head} {{ {text} }}", {name: VARIABLES[name] for name in used}


async def _assert_within_estimate(world: World, query: str, variables: dict[str, Any]) -> None:
    plan = (await world.ask(query, variables, PLAN)).json
    assert "errors" not in plan, plan["errors"]
    answer = await world.ask(query, variables)
    assert "data" in answer.json, answer.json
    assert len(world.requests) <= plan["extensions"]["gateway"]["plan"]["estimate"], (query, variables)


async def _ids(world: World) -> dict[str, list[str]]:
    pages = "{ deliveries(first: 8) { nodes { id } } logisticsTasks(first: 8, order: DESC) { nodes { id } } }"
    found = (await world.ask(pages)).data
    known = [node["id"] for page in found.values() for node in page["nodes"]]
    return {
        kind: [one for one in known if one.startswith(f"{kind}:")] + [f"{kind}:{one}" for one in gone]
        for kind, gone in GONE.items()
    }


def _unchanged(app: ASGIApp) -> ASGIApp:
    return app


@pytest.mark.parametrize("around", [_unchanged, bare])
async def test_no_generated_mutation_makes_more_calls_than_it_is_estimated_at(
    around: Callable[[ASGIApp], ASGIApp],
) -> None:
    chance = random.Random(7)  # noqa: S311 - a test's own, to be repeated
    async with running_world(SETTINGS, around=around) as world:
        for number in range(MUTATIONS):
            ids = await _ids(world)
            fields = [_mutation(chance, ids, 10 * number + one) for one in range(chance.randint(1, 3))]
            await _assert_within_estimate(world, *_operation(fields))


def _changes(chance: random.Random, number: int) -> Iterator[str]:
    for one in range(chance.choice([0, 1, 3, 12])):
        yield "createDelivery(input: $delivery) { delivery { id } }"
        yield f'createOrganization(businessName: "Other {number} {one}") {{ organization {{ id }} }}'
        yield "sendSms(input: $sms) { job { id } }"
    if chance.random() < 0.5:
        yield "createLogisticsTasks(tasks: $tasks) { tasks { id } }"


@pytest.mark.parametrize("name", LISTS)
async def test_no_page_of_a_list_that_has_moved_makes_more_calls_than_it_is_estimated_at(name: str) -> None:
    chance = random.Random(11)  # noqa: S311 - a test's own, to be repeated
    arguments, below = LISTS[name]
    async with running_world(SETTINGS) as world:
        for number in range(PAGES):
            first = f"{{ {name}({arguments}first: {chance.randint(1, 30)}) {{ pageInfo {{ endCursor }} }} }}"
            after = (await world.ask(first)).data[name]["pageInfo"]["endCursor"]
            if changes := list(_changes(chance, number)):
                await world.ask(*_operation(changes))
            world.clock.advance(chance.choice([0, 600]))
            page = f"{name}({arguments}first: {chance.randint(1, 100)}, after: $after)"
            asked, more = chance.choice(["id", "id", below]), chance.choice(["", "pageInfo { hasNextPage }"])
            query = f"query($after: String) {{ {page} {{ nodes {{ {asked} }} {more} }} }}"
            await _assert_within_estimate(world, query, {"after": after})
