"""What few calls may multiply to: the objects of a response are estimated too."""

from typing import Any, Final

import pytest

from gateway.operations.cost.estimates import CostConfig, Costs
from gateway.operations.documents.documents import Documents
from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.world import UNCACHED, running_world

SCHEMA: Final = core_schema(build_schema())
NESTED: Final = """{ recipients(jobId: "a", first: 3000) { nodes { job {
    recipients(first: 3000) { nodes { destination } } } } } }"""


@pytest.mark.parametrize(
    ("text", "variables", "nodes"),
    [
        ("{ deliveries(first: 100) { nodes { id } } }", None, 101),
        ("{ deliveries { edges { node { id } } pageInfo { hasNextPage } } }", None, 42),
        ("query($n: Int) { deliveries(first: $n) { nodes { id } } }", {"n": 2**31 - 1}, 101),
        ("query($n: Int) { deliveries(first: $n) { nodes { id } } }", {"n": -(10**30)}, 1),
        (
            "query($n: Int = 3) { a: smsJobs(first: $n) { nodes { id } } b: smsJobs(first: $n) { nodes { id } } }",
            {},
            8,
        ),
        ("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["Delivery:1"] * 70}, 70),
        (
            "query($ids: [ID!]!) { nodes(ids: $ids) { ... on SmsJob { recipients(first: 9) { nodes { id } } } } }",
            {"ids": ["SmsJob:1"] * 10},
            10 + 10 + 90,
        ),
        ("{ deliveries { nodes { id } } }", None, 21),
        ("{ deliveries @skip(if: true) { nodes { id } } }", None, 0),
        ("{ recipients(jobId: 1, first: 3000) { nodes { id } } }", None, 3001),
    ],
)
def test_the_objects_of_a_response_are_counted_at_most(text: str, variables: dict[str, Any] | None, nodes: int) -> None:
    document = Documents(SCHEMA).get(text)
    assert not document.errors
    assert Costs(SCHEMA, CostConfig()).of(document, document.operation(None), variables).nodes == nodes


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_lists_in_lists_are_refused_before_anything_is_called(accept: str) -> None:
    async with running_world(UNCACHED) as world:
        plan = (await world.ask(NESTED, headers={"X-Gateway-Explain": "plan"})).json["extensions"]["gateway"]["plan"]
        answer = await world.client.post(f"{world.url}/graphql", json={"query": NESTED}, headers={"accept": accept})
        metrics = (await world.client.get(f"{world.url}/metrics")).text

    assert plan["nodes"] == {"estimate": 9_009_001, "limit": 50_000}
    assert "OPERATION_TOO_EXPENSIVE" in answer.text
    assert "9009001 nodes" in answer.text
    assert "50000" in answer.text
    assert world.requests == []
    assert "gateway_large_requests_refused_total{" in metrics
    assert any("nodes" in line and line.endswith(" 1.0") for line in metrics.splitlines())


async def test_a_subscription_to_lists_in_lists_does_not_start() -> None:
    below = "recipients(first: 3000) { nodes { job { recipients(first: 3000) { nodes { id } } } } }"
    query = f'subscription {{ statusChanged(ids: ["SmsJob:a"]) {{ node {{ ... on SmsJob {{ {below} }} }} }} }}'
    async with running_world(UNCACHED) as world:
        answer = await world.client.post(
            f"{world.url}/graphql", json={"query": query}, headers={"accept": "text/event-stream"}
        )

    assert "OPERATION_TOO_EXPENSIVE" in answer.text
    assert world.requests == []
