"""Several operations in one request: a response for each, in their order, within the limits of one operation."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import httpx
import pytest

from gateway.operations.operation_log import LOGGER
from gateway.sandbox.faults import FaultSettings
from tests.world import World, running_world

JSON: Final = {"accept": "application/graphql-response+json"}
STATUS: Final = '{ delivery(id: "1") { status } }'
TYPE: Final = '{ delivery(id: "1") { type } }'
OTHER: Final = '{ delivery(id: "2") { type } }'
DELIVERABLE: Final = '{ delivery(id: "2") { deliverable } }'
CHANGE: Final = (
    "mutation ($to: Boolean!) { updateDelivery(id: 2, input: {deliverable: $to}) "
    "{ delivery { deliverable } errors { message } } }"
)
SUBSCRIPTION: Final = 'subscription { statusChanged(ids: ["Delivery:1"]) { kind } }'


def query(text: str, **variables: object) -> dict[str, Any]:
    return {"query": text, "variables": variables} if variables else {"query": text}


async def send(world: World, batch: object, headers: Mapping[str, str] = JSON) -> httpx.Response:
    """Clear the recorded requests, and send a batch."""
    for simulator in world.simulators:
        simulator.requests.clear()
    return await world.client.post(f"{world.url}/graphql", json=batch, headers=headers)


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


@pytest.fixture
async def keyed() -> AsyncIterator[World]:
    key = hashlib.sha256(b"key").hexdigest()
    settings = {"GATEWAY_AUTH__API_KEYS__SHOP": key, "GATEWAY_AUTH__CALLS_PER_MINUTE": "20"}
    async with running_world(settings) as world:
        yield world


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_each_operation_is_answered_in_its_place_with_its_own_errors(world: World, accept: str) -> None:
    batch = [
        query(STATUS),
        query("{ nothing }"),
        {"query": 7},
        query("{ upstreams { name } }"),
        query(SUBSCRIPTION),
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
    ]

    response = await send(world, batch, {"accept": accept})

    assert response.status_code == 200
    assert response.headers["content-type"].startswith(accept)
    assert "etag" not in response.headers
    answers = response.json()
    assert answers[0]["data"]["delivery"]["status"]
    assert len(answers[3]["data"]["upstreams"]) == 3
    assert [codes(answer) for answer in answers] == [
        [],
        ["BAD_INPUT"],
        ["BAD_INPUT"],
        [],
        ["BAD_INPUT"],
        ["PERSISTED_QUERY_NOT_FOUND"],
    ]
    assert "WebSocket" in answers[4]["errors"][0]["message"]


@pytest.mark.parametrize(
    ("batch", "words"),
    [([], "1 to 10 operations; this one has 0"), ([query(STATUS)] * 11, "1 to 10 operations; this one has 11")],
    ids=["none", "too many"],
)
async def test_a_batch_of_another_size_is_refused_as_a_whole(world: World, batch: object, words: str) -> None:
    response = await send(world, batch, {"accept": "application/json"})

    assert response.status_code == 400
    assert codes(response.json()) == ["BAD_INPUT"]
    assert words in response.json()["errors"][0]["message"]
    assert world.requests == []


@pytest.mark.parametrize("bound", ["0", "1"])
async def test_batches_can_be_switched_off(bound: str) -> None:
    async with running_world({"GATEWAY_LIMITS__BATCH": bound}) as world:
        response = await send(world, [query(STATUS)])

    assert response.status_code == 400
    assert "not accepted here" in response.json()["errors"][0]["message"]


async def test_a_stream_takes_no_batch(world: World) -> None:
    response = await send(world, [query(STATUS)] * 2, {"accept": "text/event-stream"})

    assert response.status_code == 400
    assert "not accepted here" in response.json()["errors"][0]["message"]


async def test_what_operations_read_in_common_is_read_once() -> None:
    async with running_world() as world:
        response = await send(world, [query(STATUS), query(TYPE), query(OTHER), query(STATUS)])

    status, kind, other, again = (answer["data"]["delivery"] for answer in response.json())
    assert status == again
    assert kind["type"]
    assert other["type"]
    assert sorted(one.path.rpartition("/")[2] for one in world.requests) == ["1", "2"]


async def test_operations_without_a_mutation_run_at_the_same_time(world: World) -> None:
    for simulator in world.simulators:
        simulator.faults.settings = FaultSettings(latency_seconds=0.2)
    jobs = [
        query("query ($first: Int!) { smsJobs(first: $first) { nodes { jobId } } }", first=one) for one in (1, 2, 3)
    ]

    await send(world, jobs)

    assert world.sms.primary.requests.most_at_once == 3


@pytest.mark.parametrize("named", [False, True], ids=["by its text", "by its hash"])
async def test_with_a_mutation_operations_run_in_their_order(world: World, named: bool) -> None:
    before = (await world.ask(DELIVERABLE)).data["delivery"]["deliverable"]
    change: dict[str, Any] = query(CHANGE, to=not before)
    if named:
        digest = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(CHANGE.encode()).hexdigest()}}
        await send(world, {**query(CHANGE, to=before), "extensions": digest})
        change = {"variables": {"to": not before}, "extensions": digest}

    response = await send(world, [query(DELIVERABLE), change, query(DELIVERABLE), query(CHANGE, to=before)])

    first, changed, second, restored = (answer["data"] for answer in response.json())
    assert first["delivery"]["deliverable"] is before
    assert changed["updateDelivery"] == {"delivery": {"deliverable": not before}, "errors": []}
    assert second["delivery"]["deliverable"] is not before
    assert restored["updateDelivery"]["delivery"]["deliverable"] is before


async def test_the_operations_of_a_batch_share_the_limits_of_one() -> None:
    lists = "query ($first: Int!) { deliveries(first: $first) { nodes { product { id } } } }"
    async with running_world({"GATEWAY_LIMITS__COST": "100"}) as world:
        response = await send(world, [query(lists, first=50), query(lists, first=60), query(STATUS)])
        alone = await send(world, query(lists, first=60))
        text = (await world.client.get(f"{world.url}/metrics")).text

    answers = response.json()
    assert [codes(answer) for answer in answers] == [[], ["OPERATION_TOO_EXPENSIVE"], ["OPERATION_TOO_EXPENSIVE"]]
    assert "100 are allowed for all of them" in answers[1]["errors"][0]["message"]
    assert codes(alone.json()) == []
    assert 'gateway_large_requests_refused_total{part="calls"} 2.0' in text


async def test_the_objects_of_a_batch_are_bounded_together() -> None:
    lists = "query ($first: Int!) { deliveries(first: $first) { nodes { id } } }"
    async with running_world({"GATEWAY_LIMITS__NODES": "100"}) as world:
        response = await send(world, [query(lists, first=70), query(lists, first=60)])

    assert [codes(answer) for answer in response.json()] == [[], ["OPERATION_TOO_EXPENSIVE"]]


async def test_the_responses_of_a_batch_are_bounded_together() -> None:
    lists = "query ($first: Int!) { deliveries(first: $first) { nodes { id status type createdAt } } }"
    async with running_world({"GATEWAY_LIMITS__RESPONSE_BYTES": "9000"}) as world:
        response = await send(world, [query(lists, first=60), query(lists, first=50), query(STATUS)])

    assert [codes(answer) for answer in response.json()] == [[], ["OPERATION_TOO_EXPENSIVE"], []]


async def test_a_refusal_by_the_limits_of_a_batch_reaches_no_other_request(world: World) -> None:
    for simulator in world.simulators:
        simulator.faults.settings = FaultSettings(latency_seconds=0.1)
    lists = (
        "query ($first: Int!) { deliveries(first: $first) { nodes { product { id } dspUploadIdentification { id } } } }"
    )

    batch, alone = await asyncio.gather(
        send(world, [query(lists, first=90), query(lists, first=91)]), send(world, query(lists, first=91))
    )

    assert [codes(answer) for answer in batch.json()] == [[], ["OPERATION_TOO_EXPENSIVE"]]
    assert codes(alone.json()) == []


async def test_each_operation_is_charged_and_the_headers_have_what_is_left(keyed: World) -> None:
    headers = {**JSON, "x-api-key": "key"}
    jobs = "query ($first: Int!) { smsJobs(first: $first) { nodes { jobId } } }"

    response = await send(keyed, [query(jobs, first=one) for one in (1, 2, 3)], headers)
    spent = await send(keyed, [query("{ smsJobs(first: 20) { nodes { qos } } }"), query(jobs, first=4)], headers)

    assert response.headers["ratelimit-limit"] == "20"
    assert int(response.headers["ratelimit-remaining"]) <= 17
    assert spent.status_code == 200
    assert [codes(answer) for answer in spent.json()] in ([["RATE_LIMITED"], []], [["OPERATION_TOO_EXPENSIVE"], []])


async def test_a_batch_of_a_caller_without_credentials_is_refused_as_a_whole(keyed: World) -> None:
    response = await send(keyed, [query(STATUS)] * 2, {**JSON, "x-api-key": "wrong"})

    assert response.status_code == 401
    assert codes(response.json()) == ["UNAUTHENTICATED"]


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.fields.append(vars(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger(LOGGER)
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


async def test_each_operation_has_a_line_in_the_log_and_counts_in_the_metrics(lines: Lines) -> None:
    async with running_world({"GATEWAY_LOG__OPERATIONS_SAMPLE": "1"}) as world:
        response = await send(world, [query("query One " + STATUS), query("{ no }")], {**JSON, "x-request-id": "r1"})
        text = (await world.client.get(f"{world.url}/metrics")).text

    assert response.headers["x-request-id"] == "r1"
    assert sorted((one["request_id"], one.get("operation"), one["outcome"]) for one in lines.fields) == [
        ("r1.0", "One", "success"),
        ("r1.1", None, "refused"),
    ]
    assert 'gateway_operations_total{outcome="whole"} 1.0' in text
    assert 'gateway_operations_total{outcome="refused"} 1.0' in text


async def test_each_operation_is_explained_for_itself(world: World) -> None:
    response = await send(world, [query(STATUS), query(OTHER)], {**JSON, "x-gateway-explain": "plan"})

    assert [answer["extensions"]["gateway"]["plan"]["estimate"] for answer in response.json()] == [1, 1]


async def test_a_batch_whose_client_leaves_begins_no_more_of_its_operations(world: World) -> None:
    world.deliveries.faults.settings = FaultSettings(latency_seconds=0.3)
    sending = asyncio.create_task(send(world, [query(CHANGE, to=True), query(CHANGE, to=False)]))
    async with asyncio.timeout(10):
        while not world.requests:  # noqa: ASYNC110 - a simulator has no event to wait for
            await asyncio.sleep(0.005)

    sending.cancel()
    async with asyncio.timeout(10):
        while 'gateway_operations_total{outcome="abandoned"} 1.0' not in await metrics(world):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)

    assert [one.method for one in world.requests] == ["PATCH"]


async def metrics(world: World) -> str:
    return (await world.client.get(f"{world.url}/metrics")).text
