"""However upstreams answer, and however their lists move, no operation makes more calls than it is estimated at."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.deliveries.simulator import create_deliveries
from gateway.sandbox.logistics.simulator import create_logistics
from gateway.sandbox.server import serving
from gateway.sandbox.sms.simulator import create_sms
from tests.contract.documents import DELIVERY, JOB, TASKS
from tests.operations.limits.whims import Whims
from tests.world import UNCACHED, World, running_world

PLAN: Final = {"X-Gateway-Explain": "plan"}
OPERATIONS: Final = 80

DELIVERY_BELOW: Final = "id product { id } dspUploadIdentification { id }"
TASK_BELOW: Final = "id organization { id roles { name } }"
JOB_BELOW: Final = """jobId qos recipients { totalCount nodes { job { qos } } }
    regarding { id ... on Delivery { product { id } } }"""
NODE_BELOW: Final = f"""id ... on Delivery {{ {DELIVERY_BELOW} }} ... on LogisticsTask {{ {TASK_BELOW} }}
    ... on SmsJob {{ {JOB_BELOW} }}"""

PAGES: Final = {
    "deliveries": DELIVERY_BELOW,
    "smsJobs": JOB_BELOW,
    "logisticsTasks": TASK_BELOW,
    "organizations": "id roles { name }",
}

OF_CONNECTION: Final = {
    "DeliveryConnection": "deliveries",
    "SmsJobConnection": "smsJobs",
    "LogisticsTaskConnection": "logisticsTasks",
    "OrganizationConnection": "organizations",
}

CHANGES: Final = {
    "createDelivery(input: $delivery)": f"delivery {{ {DELIVERY_BELOW} }}",
    "updateDelivery(id: $own, input: {deliverable: false})": f"delivery {{ {DELIVERY_BELOW} }}",
    "cancelDelivery(id: $own)": f"delivery {{ {DELIVERY_BELOW} }}",
    "sendSms(input: $job)": f"job {{ {JOB_BELOW} }}",
    "createLogisticsTasks(tasks: $tasks)": f"tasks {{ {TASK_BELOW} }}",
    "createLogisticsTasks(tasks: $tasks, draft: true)": f"tasks {{ {TASK_BELOW} }}",
    'updateLogisticsTask(id: $task, input: {versionRev: "0-0a0a0a0a"})': f"task {{ {TASK_BELOW} }}",
    'cancelLogisticsTask(id: $task, reason: "no")': f"task {{ {TASK_BELOW} }}",
    "broadcastLogisticsTasks(ids: $taskIds)": f"tasks {{ {TASK_BELOW} }}",
    "broadcastLogisticsTasksWithTracking(tasks: $tracked)": f"tasks {{ {TASK_BELOW} }}",
    "setTrackingIds(tasks: $tracked)": f"tasks {{ {TASK_BELOW} }}",
    'createOrganization(businessName: "A")': "organization { id roles { name } }",
}
"""Every mutation, with what is asked of its payload."""

TYPES: Final = {
    "$own": "ID!",
    "$task": "ID!",
    "$taskIds": "[ID!]!",
    "$ids": "[ID!]!",
    "$delivery": "CreateDeliveryInput!",
    "$job": "SendSmsInput!",
    "$tasks": "[LogisticsTaskInput!]!",
    "$tracked": "[TrackingIdInput!]!",
    "$numbers": "[ID!]!",
}


@dataclass
class Whimsical:
    """A gateway over upstreams that have whims; lifetime: its block."""

    world: World
    upstreams: tuple[Whims, ...]

    @property
    def calls(self) -> list[str]:
        """What the upstreams were asked."""
        return [call for upstream in self.upstreams for call in upstream.calls]

    async def ask(self, query: str, variables: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The answer; calls are counted anew."""
        for upstream in self.upstreams:
            upstream.calls.clear()
        return (await self.world.ask(query, variables, headers)).json


@asynccontextmanager
async def _whimsical(chance: random.Random, cache: Mapping[str, str] = UNCACHED) -> AsyncIterator[Whimsical]:
    clock = ManualClock(datetime.now(UTC))
    sms = create_sms(clock)
    simulators = (create_deliveries(clock), sms.primary, sms.secondary, sms.send, create_logistics(clock))
    upstreams = tuple(Whims(one.app, chance) for one in simulators)
    async with AsyncExitStack() as stack:
        deliveries, primary, secondary, send, logistics = [
            await stack.enter_async_context(serving(one)) for one in upstreams
        ]
        settings = {
            **cache,
            # What is polled after a subscription has begun is not a part of its start.
            "GATEWAY_EVENTS__POLL_MIN_SECONDS": "60",
            "GATEWAY_EVENTS__POLL_MAX_SECONDS": "60",
            "GATEWAY_LIMITS__COST": "100000",
            "GATEWAY_LIMITS__NODES": "1000000",
            "GATEWAY_DELIVERIES__URL": f"{deliveries}/api/v1",
            "GATEWAY_SMS__URLS": f"{primary}/rest/v1,{secondary}/rest/v1",
            "GATEWAY_SMS__SEND_URL": f"{send}/rest/v1",
            "GATEWAY_LOGISTICS__URL": logistics,
        }
        yield Whimsical(await stack.enter_async_context(running_world(settings)), upstreams)


class Generator:
    """Makes operations from ids and cursors of earlier answers; lifetime: one test."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._pending: list[str] = []
        self._ids = [f"Delivery:{one}" for one in range(1, 60)]
        self._cursors: dict[str, list[str]] = {name: [] for name in PAGES}

    def operation(self) -> tuple[str, dict[str, Any]]:
        """An operation with its variables."""
        chance = self._chance
        kinds: list[Callable[[], str]] = [self._change, self._page, self._page_behind, self._nodes, self._listed]
        first = chance.choice(kinds)()
        rest = [self._change() for _ in range(chance.choice([0, 0, 2]))] if first in self._changes() else []
        fields = " ".join(f"f{number}: {one}" for number, one in enumerate([first, *rest]))
        declared = [f"{name}: {kind}" for name, kind in TYPES.items() if _names(fields, name)]
        kind = "mutation" if first in self._changes() else "query"
        head = f"{kind}({', '.join(declared)})" if declared else kind
        return f"{head} {{ {fields} }}", self._variables(fields)

    def learn(self, answer: dict[str, Any]) -> None:
        """Note the ids and cursors of an answer."""
        for value in _objects(answer.get("data")):
            if isinstance(value.get("id"), str) and ":" in value["id"]:
                self._ids.append(value["id"])
            if value.get("status") == "PENDING":
                self._pending.append(value["id"])
            page = value.get("pageInfo")
            if page and page.get("endCursor"):
                self._cursors[OF_CONNECTION[value["__typename"]]].append(page["endCursor"])
                self._cursors[OF_CONNECTION[value["__typename"]]].append(page["startCursor"])

    @staticmethod
    def _changes() -> set[str]:
        return {f"{head} {{ {below} errors {{ message }} }}" for head, below in CHANGES.items()}

    def _change(self) -> str:
        return self._chance.choice(sorted(self._changes()))

    def _page(self) -> str:
        return self._page_of(self._chance.choice(list(PAGES)), "")

    def _page_of(self, name: str, cursor: str) -> str:
        size, at = self._chance.choice([("first", "after"), ("last", "before")])
        arguments = f"{size}: {self._chance.randint(1, 30)}{f', {at}: {cursor}' if cursor else ''}"
        if name != "organizations":
            # A cursor of another order is refused, which is an answer without a call.
            arguments += self._chance.choice(["", ", orderBy: NEWEST_FIRST", ", orderBy: OLDEST_FIRST"])
        below = f"nodes {{ {PAGES[name]} }}" if self._chance.random() < 0.5 else "nodes { __typename }"
        page = "startCursor endCursor hasNextPage hasPreviousPage"
        return f"{name}({arguments}) {{ __typename {below} pageInfo {{ {page} }} }}"

    def _page_behind(self) -> str:
        name = self._chance.choice(list(PAGES))
        known = self._cursors[name]
        return self._page_of(name, f'"{self._chance.choice(known)}"' if known else "")

    def _nodes(self) -> str:
        return f"nodes(ids: $ids) {{ {self._chance.choice([NODE_BELOW, 'id'])} }}"

    def _listed(self) -> str:
        return f"deliveries(filter: {{ids: $numbers}}) {{ totalCount nodes {{ {DELIVERY_BELOW} }} }}"

    def _variables(self, fields: str) -> dict[str, Any]:
        chance = self._chance
        deliveries = [one for one in self._ids if one.startswith("Delivery:")]
        tasks = [one for one in self._ids if one.startswith("LogisticsTask:")] or ["LogisticsTask:none"]
        several = chance.choices(tasks, k=chance.choice([1, 3, 20, 21, 45]))
        made = {
            "own": chance.choice(self._pending or deliveries),
            "task": chance.choice(tasks),
            "taskIds": several,
            "ids": chance.choices(self._ids, k=chance.choice([1, 2, 7, 60])),
            "delivery": DELIVERY["input"],
            "job": {
                "messages": [{"text": f"a {chance.random()}", "recipients": JOB["input"]["messages"][0]["recipients"]}]
            },
            "tasks": TASKS["tasks"] * chance.choice([1, 2, 20, 45]),
            "tracked": [
                {"taskId": one, "trackingId": f"t{number}"} for number, one in enumerate(dict.fromkeys(several))
            ],
            "numbers": [str(chance.randint(1, 300)) for _ in range(chance.choice([1, 2, 50, 70]))],
        }
        return {name: value for name, value in made.items() if _names(fields, f"${name}")}


def _names(fields: str, variable: str) -> bool:
    return re.search(rf"\{variable}\b", fields) is not None


def _objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any part of an answer
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(one)


CACHED: Final = {"GATEWAY_CACHE__TTL_ACTIVE": "600", "GATEWAY_CACHE__TTL_MISSING": "600"}
"""Nothing goes stale, however slow the machine: a read in the background would be counted to the next operation."""


@pytest.mark.parametrize("cache", [UNCACHED, CACHED], ids=["uncached", "cached"])
@pytest.mark.parametrize("seed", range(3))
async def test_no_operation_makes_more_calls_than_estimated_whatever_its_upstreams_answer(
    seed: int, cache: Mapping[str, str]
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's own, to be repeated
    generator = Generator(chance)
    async with _whimsical(chance, cache) as asked:
        generator.learn(await asked.ask("{ deliveries(filter: {status: PENDING}) { nodes { id status } } }", {}))
        for _ in range(OPERATIONS):
            query, variables = generator.operation()
            plan = await asked.ask(query, variables, PLAN)
            assert "errors" not in plan, (query, variables, plan["errors"])
            assert asked.calls == []
            for upstream in asked.upstreams:
                upstream.moved = chance.random() < 0.3
            answer = await asked.ask(query, variables)
            assert answer.get("data") is not None or "BAD_INPUT" in str(answer), (query, variables, answer)
            estimate = plan["extensions"]["gateway"]["plan"]["estimate"]
            assert len(asked.calls) <= estimate, (query, variables, plan, asked.calls)
            generator.learn(answer)


async def _start(asked: Whimsical, body: dict[str, Any], news: int) -> None:
    """Follow things until each was reported once, with its status or a problem."""
    url, accept = f"{asked.world.url}/graphql", {"accept": "text/event-stream"}
    async with asyncio.timeout(20), asked.world.client.stream("POST", url, json=body, headers=accept) as response:
        async for line in response.aiter_lines():
            news -= line == "event: next"
            if not news:
                return


@pytest.mark.parametrize("seed", range(2))
async def test_no_start_of_a_subscription_makes_more_calls_than_estimated(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's own, to be repeated
    async with _whimsical(chance) as asked:
        pages = " ".join(f"{name}(first: 20) {{ nodes {{ id }} }}" for name in ("smsJobs", "logisticsTasks"))
        known = [one["id"] for one in _objects((await asked.ask(f"{{ {pages} }}", {})).get("data")) if "id" in one]
        known += [f"Delivery:{one}" for one in (*range(1, 60), *range(900_000, 900_060))]
        for _ in range(20):
            ids = chance.sample(known, chance.choice([1, 2, 12, 60]))
            query = f"subscription($ids: [ID!]!) {{ statusChanged(ids: $ids) {{ kind node {{ {NODE_BELOW} }} }} }}"
            plan = await asked.ask(query, {"ids": ids}, PLAN)
            await _start(asked, {"query": query, "variables": {"ids": ids}}, len(ids))
            estimate = plan["extensions"]["gateway"]["plan"]["estimate"]
            assert len(asked.calls) <= estimate, (ids, plan, asked.calls)
