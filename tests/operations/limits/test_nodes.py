"""What few calls may multiply to: the objects of a response are estimated too; no field is without a cost."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import pytest
import strawberry

from gateway.operations.cost.declared import UndeclaredCost, require_declared_costs
from gateway.operations.cost.estimates import CostConfig, Costs
from gateway.operations.documents.documents import Documents
from gateway.operations.execution import core_schema
from schema.mutation import Mutation
from schema.query import Query
from schema.root import build_schema
from schema.subscription import Subscription
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
    assert Costs(CostConfig()).of(document, document.operation(None), variables).nodes == nodes


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


def test_every_field_of_the_schema_has_a_declared_cost() -> None:
    require_declared_costs(SCHEMA)


async def asks(info: strawberry.Info) -> str:
    return str(info)


@strawberry.type
class Found:
    name: str


@strawberry.type
class Lost:
    name: str


@strawberry.interface
class Reaching:
    reached: str = strawberry.field(resolver=asks)


@strawberry.type
class Thing(Reaching):
    asked: str = strawberry.field(resolver=asks)
    nodes: list[Found]
    tasks: list[Found] | None
    either: list[Annotated[Found | Lost, strawberry.union("Either")]]
    names: list[str]


@strawberry.type
class ThingConnection:
    nodes: list[Thing]


@strawberry.type
class Surprising(Query):
    thing: Thing
    things: ThingConnection
    listed: list[Found]


@strawberry.type
class Following(Subscription):
    @strawberry.subscription
    async def thing_changed(self) -> AsyncIterator[str]:
        yield ""


def test_whatever_may_cost_calls_or_be_long_is_refused_by_name_until_it_is_declared() -> None:
    schema = core_schema(strawberry.Schema(Surprising, subscription=Following))

    with pytest.raises(UndeclaredCost) as refused:
        require_declared_costs(schema)

    told = set(str(refused.value).removeprefix("No cost is declared for ").partition(":")[0].split(", "))
    assert told == {
        *("Surprising.thing", "Surprising.things", "Surprising.listed", "Following.thingChanged"),
        *("Thing.asked", "Thing.reached", "Thing.nodes", "Thing.tasks", "Thing.either"),
    }


async def test_a_gateway_does_not_start_with_a_field_whose_cost_is_not_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.app.build_schema", lambda **_: strawberry.Schema(Surprising))

    with pytest.raises(UndeclaredCost, match=r"Surprising\.thing"):
        async with running_world():
            pass


def test_a_query_or_a_mutation_without_a_declared_cost_is_refused_by_name() -> None:
    async def resolve() -> str:
        return ""

    @strawberry.type
    class Wider(Query):
        surprise: str = strawberry.field(resolver=resolve)

    @strawberry.type
    class Wilder(Mutation):
        change_surprise: str = strawberry.mutation(resolver=resolve)

    schema = strawberry.Schema(Wider, Wilder)

    with pytest.raises(UndeclaredCost, match=r"Wider\.surprise.*Wilder\.changeSurprise"):
        require_declared_costs(core_schema(schema))
