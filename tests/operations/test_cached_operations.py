"""The same operation runs once while it is in flight, and comes from the response cache while all in them is fresh."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest

from gateway.sandbox.faults import FaultSettings
from tests.world import World, running_world

LIST: Final = "{ deliveries(first: 5) { nodes { id status } } }"
KEEPING: Final = {"GATEWAY_CACHE__TTL_ACTIVE": "3600", "GATEWAY_CACHE__ENABLED": "true"}


@pytest.fixture
async def keeping() -> AsyncIterator[World]:
    async with running_world(KEEPING) as running:
        yield running


async def test_two_hundred_operations_at_once_for_the_same_jobs_cost_what_one_costs(keeping: World) -> None:
    query = "{ smsJobs(first: 15) { nodes { jobId qos recipients { nodes { smsId } } } } }"
    for simulator in keeping.simulators:
        simulator.faults.settings = FaultSettings(latency_seconds=0.2)

    answers = await asyncio.gather(
        *(keeping.client.post(f"{keeping.url}/graphql", json={"query": query}) for _ in range(200))
    )

    assert {answer.content for answer in answers} == {answers[0].content}
    assert len(answers[0].json()["data"]["smsJobs"]["nodes"]) == 15
    assert len(keeping.requests) == 31


async def test_a_cached_response_costs_no_request_and_has_the_same_bytes(keeping: World) -> None:
    first = await keeping.ask(LIST)

    second = await keeping.ask(LIST)

    assert second.json == first.json
    assert keeping.requests == []


async def test_a_response_is_forgotten_with_any_record_in_it(keeping: World) -> None:
    query = '{ nodes(ids: ["Delivery:1", "Delivery:2"]) { ... on Delivery { id deliverable } } }'
    await keeping.ask(query)

    changed = await keeping.ask(
        'mutation { updateDelivery(id: "2", input: {deliverable: false}) { delivery { id } errors { message } } }'
    )
    after = await keeping.ask(query)

    assert changed.data["updateDelivery"]["errors"] == []
    assert after.data["nodes"][1] == {"id": "Delivery:2", "deliverable": False}
    assert keeping.requests != []


async def test_a_response_with_an_error_is_not_kept(keeping: World) -> None:
    keeping.deliveries.faults.settings = FaultSettings(nonsense="html")
    failed = await keeping.ask(LIST)
    keeping.deliveries.faults.clear()

    answer = await keeping.ask(LIST)

    assert failed.codes == {"deliveries": "UPSTREAM_BAD_ANSWER"}
    assert len(answer.data["deliveries"]["nodes"]) == 5


@pytest.mark.parametrize("query", [LIST, '{ delivery(id: "1") { status } }', '{ delivery(id: "99999999") { status } }'])
async def test_a_browser_may_keep_a_response_if_it_asks_each_time_which_costs_no_upstream_call(
    query: str, keeping: World
) -> None:
    url = f"{keeping.url}/graphql"
    first = await keeping.client.get(url, params={"query": query})
    asked = len(keeping.requests)

    again = await keeping.client.get(url, params={"query": query}, headers={"if-none-match": first.headers["etag"]})

    assert first.status_code == 200
    assert first.headers["cache-control"] == again.headers["cache-control"] == "private, no-cache"
    assert again.status_code == 304
    assert again.content == b""
    assert len(keeping.requests) == asked > 0


async def test_mutations_in_flight_are_never_shared(keeping: World) -> None:
    mutation = (
        'mutation { sendSms(input: {messages: [{text: "Hello", recipients: [{destination: "+4917600000000"}]}]})'
        " { job { jobId } errors { message } } }"
    )

    answers = await asyncio.gather(
        *(keeping.client.post(f"{keeping.url}/graphql", json={"query": mutation}) for _ in range(5))
    )

    assert len({answer.json()["data"]["sendSms"]["job"]["jobId"] for answer in answers}) == 5


async def test_an_explained_operation_is_run_for_itself(keeping: World) -> None:
    await keeping.ask(LIST)

    answer = await keeping.ask(LIST, headers={"x-gateway-explain": "1"})

    assert answer.json["extensions"]["gateway"]["calls"][0]["cache"] == "hit"


async def test_an_operation_whose_first_caller_gives_up_is_run_for_the_others(keeping: World) -> None:
    keeping.deliveries.faults.settings = FaultSettings(latency_seconds=0.3, only_path_prefix="/api/v1/send-tasks")
    url, body = f"{keeping.url}/graphql", {"query": LIST}
    first = asyncio.create_task(keeping.client.post(url, json=body))
    async with asyncio.timeout(10):
        while not keeping.requests:  # noqa: ASYNC110 - a simulator has no event to wait for
            await asyncio.sleep(0.005)
    second = asyncio.create_task(keeping.client.post(url, json=body))

    first.cancel()
    answer = await second

    assert len(answer.json()["data"]["deliveries"]["nodes"]) == 5
