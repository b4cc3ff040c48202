"""No operation makes more calls than its estimate, also where records are missing or calls refused."""

import random
from collections.abc import Iterator
from typing import Final

import pytest

from gateway.operations.cost.estimates import CostConfig
from gateway.sandbox.options import CommaList, DeliveriesOptions
from tests.world import UNCACHED, World, running_world

PLAN: Final = {"X-Gateway-Explain": "plan"}
OPERATIONS: Final = 60

GONE: Final = {
    "Delivery": [str(900_000 + one) for one in range(60)],
    "LogisticsTask": [f"00000000-0000-4000-8000-{one:012}" for one in range(8)],
    "SmsJob": [f"J.20240101-000000.000-gone{one}" for one in range(8)],
    "Organization": [f"00000000-0000-4000-9000-{one:012}" for one in range(4)],
    "Product": [str(900_000 + one) for one in range(4)],
}
"""Ids of things that do not exist."""

BELOW: Final = """... on Node {
    ... on Delivery { product { id } dspUploadIdentification { id } }
    ... on SmsJob { qos recipients { totalCount nodes { job { qos } } } }
    ... on SmsJob { regarding { id ... on Delivery { product { id } } } }
    ... on LogisticsTask { organization { roles { name } } }
    ... on Organization { roles { name } } }"""


async def _known_ids(world: World) -> list[str]:
    pages = (
        "deliveries(first: 30)",
        "smsJobs(first: 8)",
        "logisticsTasks(first: 8)",
        "organizations(first: 4)",
    )
    ids = []
    for page in pages:
        answer = await world.ask(f"{{ {page} {{ nodes {{ id }} }} }}")
        ids += [node["id"] for node in next(iter(answer.data.values()))["nodes"]]
    return ids


def _operations(known: list[str], seed: int) -> Iterator[tuple[str, dict[str, object]]]:
    chance = random.Random(seed)  # noqa: S311 - a test's own, to be repeated
    everything = known + [f"{kind}:{own}" for kind, owns in GONE.items() for own in owns]
    cursorless = ["deliveries", "smsJobs", "logisticsTasks", "organizations"]
    for _ in range(OPERATIONS):
        ids = chance.sample(everything, chance.randint(1, 70))
        deliveries = [one.partition(":")[2] for one in ids if one.startswith("Delivery:")]
        first = chance.randint(1, 12)
        job = chance.choice([one for one in everything if one.startswith("SmsJob:")])
        shapes = [
            f"nodes(ids: $ids) {{ id {chance.choice([BELOW, ''])} }}",
            f"{chance.choice(cursorless)}(first: {first}) {{ nodes {{ id {BELOW} }} pageInfo {{ hasNextPage }} }}",
            f"listed: deliveries(filter: {{ids: $own}}, first: {first}) {{ nodes {{ product {{ id }} }} totalCount }}",
            f'recipients(jobId: "{job}") {{ totalCount nodes {{ job {{ qos }} }} }}',
            *[
                f'{chance.choice(["a", "b", "c"])}{n}: node(id: "{one}") {{ id {BELOW} }}'
                for n, one in enumerate(ids[:5])
            ],
        ]
        fields = " ".join(chance.sample(shapes, chance.randint(1, 3)))
        declared = [name for name in ("$ids: [ID!]!", "$own: [ID!]") if name.split(":")[0] in fields]
        head = f"query({', '.join(declared)})" if declared else "query"
        yield f"{head} {{ {fields} }}", {"ids": ids, "own": deliveries or ["1"]}


@pytest.mark.parametrize("comma_list", ["ids", "refuse", "ignore"])
async def test_no_generated_operation_makes_more_calls_than_it_is_estimated_at(comma_list: CommaList) -> None:
    options = DeliveriesOptions(comma_list=comma_list)
    settings = {**UNCACHED, "GATEWAY_LIMITS__COST": "100000"}
    async with running_world(settings, deliveries=options) as world:
        known = await _known_ids(world)
        for query, variables in _operations(known, seed=len(comma_list)):
            plan = (await world.ask(query, variables, PLAN)).json
            assert "errors" not in plan, plan["errors"]
            await world.ask(query, variables)
            assert len(world.requests) <= plan["extensions"]["gateway"]["plan"]["estimate"], (query, variables)


@pytest.mark.parametrize(("count", "most"), [(50, 53), (100, 106)])
async def test_deliveries_that_are_missing_stay_within_their_estimate(count: int, most: int) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = {"ids": [f"Delivery:{900_000 + one}" for one in range(count)]}
    async with running_world(UNCACHED) as world:
        plan = (await world.ask(query, ids, PLAN)).json["extensions"]["gateway"]["plan"]
        await world.ask(query, ids)

    assert count < len(world.requests) <= plan["estimate"] == most


@pytest.mark.parametrize("comma_list", ["ids", "refuse"])
@pytest.mark.parametrize("below", ["id", "... on Delivery { product { id } }"])
@pytest.mark.parametrize("field", ["nodes(ids: $ids)", "deliveries(filter: {ids: $ids}, first: 100)"])
async def test_a_hundred_ids_fit_the_default_limit(field: str, below: str, comma_list: CommaList) -> None:
    selection = below if field.startswith("nodes") else f"nodes {{ {below} }}"
    query = f"query($ids: [ID!]!) {{ {field} {{ {selection} }} }}"
    ids = {"ids": [f"Delivery:{one}" for one in range(1, 101)]}
    async with running_world(UNCACHED, deliveries=DeliveriesOptions(comma_list=comma_list)) as world:
        plan = (await world.ask(query, ids, PLAN)).json["extensions"]["gateway"]["plan"]
        answer = await world.ask(query, ids)

    assert "errors" not in answer.json
    assert len(world.requests) <= plan["estimate"] <= CostConfig().limit
