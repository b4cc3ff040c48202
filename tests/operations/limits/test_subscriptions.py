"""Subscriptions pass the same gate as everything else."""

import hashlib
import json
from pathlib import Path
from typing import Final

import pytest

from tests.world import UNCACHED, World, running_world

STREAM: Final = {"accept": "text/event-stream"}
FOLLOW: Final = """subscription($ids: [ID!]!) {
    statusChanged(ids: $ids) { node { ... on Delivery { product { id } } } } }"""


async def codes_of(world: World, body: dict[str, object]) -> set[str]:
    """The codes in a stream that ends at once, being refused."""
    response = await world.client.post(f"{world.url}/graphql", json=body, headers=STREAM)
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
    return {error["extensions"]["code"] for line in lines for error in json.loads(line).get("errors", ())}


@pytest.mark.parametrize("settings", [{"GATEWAY_LIMITS__COST": "20"}, {"GATEWAY_AUTH__CALLS_PER_MINUTE": "20"}])
async def test_a_subscription_that_is_too_expensive_does_not_start(settings: dict[str, str]) -> None:
    async with running_world(settings) as world:
        codes = await codes_of(world, {"query": FOLLOW, "variables": {"ids": [f"Delivery:{one}" for one in range(20)]}})

    assert codes == {"OPERATION_TOO_EXPENSIVE"}
    assert world.requests == []


async def test_a_subscription_of_no_manifest_does_not_start(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"names": "{ upstreams { name } }"}))
    async with running_world({"GATEWAY_TRUSTED_DOCUMENTS": str(manifest)}) as world:
        untrusted = await codes_of(world, {"query": FOLLOW, "variables": {"ids": ["Delivery:1"]}})
        unknown = await codes_of(world, {"documentId": "nothing"})

    assert untrusted == {"FORBIDDEN"}
    assert unknown == {"PERSISTED_QUERY_NOT_FOUND"}


FREE: Final = "{ upstreams { name } }"


async def followed(world: World, ids: list[str], headers: dict[str, str] | None = None, query: str = FOLLOW) -> str:
    """The whole stream of a subscription that ends by itself."""
    body = {"query": query, "variables": {"ids": ids}}
    return (await world.client.post(f"{world.url}/graphql", json=body, headers={**STREAM, **(headers or {})})).text


async def left(world: World, headers: dict[str, str] | None = None) -> int:
    """What is left of a caller's budget."""
    return int((await world.ask(FREE, headers=headers)).headers["ratelimit-remaining"])


async def final_deliveries(world: World, count: int) -> list[str]:
    query = f"{{ deliveries(filter: {{status: COMPLETED}}, first: {count}) {{ nodes {{ id }} }} }}"
    nodes = (await world.ask(query)).data["deliveries"]["nodes"]
    assert len(nodes) == count
    return [node["id"] for node in nodes]


async def test_subscriptions_to_what_is_missing_make_no_more_calls_than_their_budget() -> None:
    missing = [f"Delivery:{900_000 + one}" for one in range(50)]
    bare = "subscription($ids: [ID!]!) { statusChanged(ids: $ids) { kind } }"
    async with running_world({**UNCACHED, "GATEWAY_AUTH__CALLS_PER_MINUTE": "110"}) as world:
        streams = [await followed(world, missing, query=bare) for _ in range(6)]
        requests = len(world.requests)
        metrics = (await world.client.get(f"{world.url}/metrics")).text

    refused = [stream for stream in streams if "RATE_LIMITED" in stream]
    assert [stream.count("PROBLEM") for stream in streams[:2]] == [50, 50]
    assert len(refused) == 4
    assert 2 * 50 <= requests <= 110
    assert 'gateway_spent_budgets_refused_total{budget="calls"} 4.0' in metrics


async def test_what_a_start_did_not_use_is_given_back_and_what_others_read_is_free() -> None:
    settings = {
        **UNCACHED,
        "GATEWAY_AUTH__CALLS_PER_MINUTE": "60",
        "GATEWAY_AUTH__API_KEYS__PHONE": hashlib.sha256(b"phone").hexdigest(),
        "GATEWAY_EVENTS__POLL_MIN_SECONDS": "30",
    }
    phone = {"X-API-Key": "phone"}
    bare = "subscription($ids: [ID!]!) { statusChanged(ids: $ids) { kind } }"
    async with running_world(settings) as world:
        ids = await final_deliveries(world, 3)
        before = await left(world)
        stream = await followed(world, ids, query=bare)
        requests, after = len(world.requests), await left(world)
        await followed(world, ids, phone, query=bare)
        requests_of_other, of_other = len(world.requests), await left(world, phone)

    assert stream.count("SNAPSHOT") == 3
    assert (requests, requests_of_other) == (1, 0)
    assert before - after in {0, 1}, "a call each second comes back"
    assert of_other == 60


async def test_the_calls_of_its_events_are_a_subscriptions_own() -> None:
    query = "subscription($ids: [ID!]!) { statusChanged(ids: $ids) { node { ... on Delivery { product { id } } } } }"
    async with running_world({**UNCACHED, "GATEWAY_AUTH__CALLS_PER_MINUTE": "60"}) as world:
        ids = await final_deliveries(world, 10)
        world.deliveries.requests.clear()
        await followed(world, ids, query=query)
        requests, after = len(world.requests), await left(world)

    assert requests == 11
    assert 60 - 1 - 11 <= after <= 60 - 11 + 2


async def test_a_subscription_that_is_refused_costs_nothing() -> None:
    query = 'subscription($ids: [ID!]!) { statusChanged(ids: $ids, after: "no cursor") { kind } }'
    async with running_world({**UNCACHED, "GATEWAY_AUTH__CALLS_PER_MINUTE": "60"}) as world:
        stream = await followed(world, [f"Delivery:{one}" for one in range(1, 40)], query=query)
        after = await left(world)

    assert "BAD_INPUT" in stream
    assert after == 60


JOBS_OF_RECIPIENTS: Final = """subscription($ids: [ID!]!) { statusChanged(ids: $ids) { node {
    ... on Recipient { job { qos recipients { totalCount } } }
    ... on SmsJob { qos recipients { totalCount } }
    ... on Delivery { product { id } dspUploadIdentification { id } }
    ... on LogisticsTask { organization { roles { name } } } } } }"""


async def test_the_start_of_a_subscription_makes_no_more_calls_than_estimated() -> None:
    async with running_world({**UNCACHED, "GATEWAY_LIMITS__COST": "2000"}) as world:
        jobs = (await world.ask("{ smsJobs(first: 4) { nodes { id final recipients { nodes { id final } } } } }")).data
        tasks = (await world.ask("{ logisticsTasks(first: 20) { nodes { id final } } }")).data["logisticsTasks"]
        things = [one for job in jobs["smsJobs"]["nodes"] for one in (job, *job["recipients"]["nodes"])]
        ids = [one["id"] for one in things + tasks["nodes"] if one["final"]] + await final_deliveries(world, 5)
        ids += [f"Delivery:{900_000 + one}" for one in range(9)] + ["SmsJob:J.20240101-000000.000-gone"]
        planned = await followed(world, ids, {"X-Gateway-Explain": "plan"}, query=JOBS_OF_RECIPIENTS)
        estimate = int(planned.partition('"estimate":')[2].partition(",")[0])
        for simulator in world.simulators:
            simulator.requests.clear()
        stream = await followed(world, ids, query=JOBS_OF_RECIPIENTS)
        requests = len(world.requests)

    assert stream.count("event: next") == len(ids)
    assert len(ids) < requests <= estimate
