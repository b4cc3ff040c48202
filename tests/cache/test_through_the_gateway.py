import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.world import Answer, World, running_world

JOBS = "{ smsJobs(first: 20) { nodes { jobId source recipientSummary { pending succeeded failed } } } }"
SEND = """mutation ($text: String!) {
  sendSms(input: {messages: [{text: $text, recipients: [{destination: "+491711111111"}]}]}) {
    job { id } errors { message }
  }
}"""
DELIVERIES = "{ deliveries(first: 5) { nodes { sendTaskId deliverable product { name } } } }"
EXPLAIN = {"X-Gateway-Explain": "1"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running_world() as running:
        yield running


def calls(answer: Answer) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = answer.json["extensions"]["gateway"]["calls"]
    return told


@pytest.fixture
async def patient() -> AsyncIterator[World]:
    """Keeps records for longer than 200 operations take on a busy machine."""
    async with running_world({"GATEWAY_CACHE__TTL_ACTIVE": "3600"}) as running:
        yield running


def last_30_days(query: str) -> str:
    """With its window written out: the one that is taken where there is none begins anew from time to time."""
    until = datetime.now(UTC) + timedelta(minutes=1)
    since = until - timedelta(days=30)
    return query.replace("smsJobs(", f'smsJobs(from: "{since.isoformat()}", to: "{until.isoformat()}", ')


@pytest.mark.parametrize(
    "query",
    [lambda jobs, _: jobs, lambda jobs, number: jobs.replace("{ smsJobs", f"{{ a{number}: smsJobs")],
    ids=["same", "different"],
)
async def test_two_hundred_operations_for_the_same_20_cold_jobs_cost_41_requests(
    patient: World, query: Callable[[str, int], str]
) -> None:
    world, jobs = patient, last_30_days(JOBS)
    for number in range(4):
        await world.ask(SEND, {"text": f"so that one data centre holds 20 jobs: {number}"})
    for simulator in world.simulators:
        simulator.requests.clear()
    url = f"{world.url}/graphql"

    answers = await asyncio.gather(
        *(world.client.post(url, json={"query": query(jobs, number)}) for number in range(200))
    )

    told = [list(answer.json()["data"].values()) for answer in answers]
    assert told == [told[0]] * 200
    assert len(told[0][0]["nodes"]) == 20
    assert len(world.requests) == 41


async def test_what_a_list_told_is_not_asked_again(world: World) -> None:
    listed = (await world.ask("{ deliveries(first: 3) { nodes { id } } }")).data["deliveries"]["nodes"]

    answer = await world.ask(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [node["id"] for node in listed]}
    )

    assert answer.data["nodes"] == listed
    assert world.requests == []


async def test_a_change_is_seen_by_the_next_operation_in_the_record_and_in_lists(world: World) -> None:
    before = (await world.ask(DELIVERIES)).data["deliveries"]["nodes"]
    pending = (await world.ask("{ deliveries(filter: {status: PENDING}, first: 1) { nodes { id deliverable } } }")).data
    chosen = pending["deliveries"]["nodes"][0]
    changed = not chosen["deliverable"]

    await world.ask(
        "mutation ($id: ID!, $to: Boolean!) { updateDelivery(id: $id, input: {deliverable: $to}) { errors { message } } }",  # noqa: E501
        {"id": chosen["id"], "to": changed},
    )
    record = (await world.ask("query ($id: ID!) { delivery(id: $id) { deliverable } }", {"id": chosen["id"]})).data
    listed = (await world.ask(DELIVERIES)).data["deliveries"]["nodes"]

    assert record["delivery"]["deliverable"] is changed
    assert len(listed) == len(before)
    assert any(request.path.endswith("/send-tasks") for request in world.requests)


async def test_the_product_of_a_known_delivery_is_asked_for_once_however_many_deliveries_lead_to_it(
    world: World,
) -> None:
    first = await world.ask(DELIVERIES)

    second = await world.ask(DELIVERIES)

    assert first.data == second.data
    assert world.requests == []


async def test_an_explained_answer_tells_hits_from_misses(world: World) -> None:
    jobs = await world.ask("{ smsJobs(first: 1) { nodes { id } } }")
    variables = {"id": jobs.data["smsJobs"]["nodes"][0]["id"]}
    query = "query ($id: ID!) { smsJob(id: $id) { source } }"

    cold = calls(await world.ask(query, variables, EXPLAIN))
    warm = calls(await world.ask(query, variables, EXPLAIN))

    assert [call["cache"] for call in cold] == ["miss"]
    assert [(call["cache"], call["upstream"], call["method"], call["tries"]) for call in warm] == [
        ("hit", "SMS", "GET", 0)
    ]


async def test_nothing_is_kept_or_shared_where_both_are_switched_off() -> None:
    off = {"GATEWAY_CACHE__ENABLED": "false", "GATEWAY_CACHE__COALESCE": "false"}
    async with running_world(off) as world:
        await world.ask(DELIVERIES)
        again = await world.ask(DELIVERIES)

        assert again.data["deliveries"]["nodes"]
        assert len(world.requests) == 6
