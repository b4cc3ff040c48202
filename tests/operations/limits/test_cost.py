"""What operations are estimated at, held against what their upstreams were really asked."""

from typing import Any, Final

import pytest

from gateway.operations.cost.estimates import CostConfig, Costs
from gateway.operations.documents.documents import Documents
from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.world import UNCACHED, World, running_world

SCHEMA: Final = core_schema(build_schema())
PLAN: Final = {"X-Gateway-Explain": "plan"}

DELIVERIES: Final = [f"Delivery:{number}" for number in range(1, 52)]
QUOTED: Final = "{serviceType: CAR, stops: [{latitude: 1.28, longitude: 103.8}, {latitude: 1.3, longitude: 103.9}]}"

SPREAD: Final = """{ deliveries(first: 9) { nodes { ...D } } }
    fragment D on Delivery { product { id } dspUploadIdentification { id } }"""

QUERIES: Final[list[tuple[str, int]]] = [
    ("{ __typename upstreams { state } __schema { queryType { name } } }", 0),
    ("{ deliveries(first: 100) { totalCount nodes { id status } } }", 1),
    ("{ deliveries(first: 100) { nodes { product { name } } } }", 101),
    (
        "{ deliveries(first: 9) { nodes { a: product { id } b: product { id } } edges { node { product { id } } } } }",
        10,
    ),
    (SPREAD, 19),
    ("{ deliveries { nodes { ... @include(if: false) { product { id } } product @skip(if: true) { id } } } }", 1),
    ('{ delivery(id: "1") { id } }', 1),
    ('{ a: delivery(id: "1") { product { id } } b: delivery(id: "2") { id } c: node(id: "Delivery:3") { id } }', 7),
    (
        '{ node(id: "Delivery:1") { ... on Delivery { product { id } } ... on LogisticsTask { price { amount } } } }',
        2,
    ),
    ("{ smsJobs(first: 20) { nodes { jobId } } }", 2),
    ("{ smsJobs(first: 20) { nodes { qos } } }", 22),
    ("{ smsJobs { nodes { qos recipients { nodes { status job { qos } } } recipientSummary { failed } } } }", 42),
    ("{ smsJobs { nodes { jobId recipients { totalCount } } edges { node { recipients { totalCount } } } } }", 22),
    ("{ smsJobs(first: 5) { nodes { regarding { id ... on Delivery { product { id } } } } } }", 22),
    ("{ logisticsTasks(first: 50) { nodes { id } } }", 1),
    ("{ logisticsTasks(first: 20) { nodes { organization { roles { name } } } pageInfo { hasNextPage } } }", 42),
    ("{ organizations(first: 3) { nodes { roles { name } } pageInfo { hasNextPage } } }", 5),
    (f"{{ partner {{ name }} smsApiVersion {{ message }} priceQuote(input: {QUOTED}) {{ code }} }}", 3),
]


@pytest.mark.parametrize(("query", "estimate"), QUERIES)
async def test_no_operation_asks_its_upstreams_more_often_than_estimated(query: str, estimate: int) -> None:
    async with running_world(UNCACHED) as world:
        plan = (await world.ask(query, headers=PLAN)).json
        planned_requests = len(world.requests)
        answer = await world.ask(query)

    assert plan["data"] is None
    assert plan["extensions"]["gateway"]["plan"]["estimate"] == estimate
    assert sum(call["count"] for call in plan["extensions"]["gateway"]["plan"]["calls"]) == estimate
    assert planned_requests == 0
    assert "errors" not in answer.json
    assert len(world.requests) <= estimate
    assert len(world.requests) >= estimate / 4, "the estimate is far above what was asked"


async def _ids(world: World, query: str) -> list[str]:
    page = next(iter((await world.ask(query)).data.values()))
    return [node["id"] for node in page["nodes"]]


async def test_one_batch_carries_fifty_ids_and_two_carry_the_next() -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    async with running_world(UNCACHED) as world:
        for ids, expected, most in ((DELIVERIES[:50], 1, 53), (DELIVERIES, 2, 57)):
            plan = (await world.ask(query, {"ids": ids}, PLAN)).json["extensions"]["gateway"]["plan"]
            await world.ask(query, {"ids": ids})

            assert len(world.requests) == expected
            assert plan["estimate"] == most


async def test_jobs_and_recipients_by_id_are_looked_for_in_each_data_centre() -> None:
    async with running_world(UNCACHED) as world:
        job = (await _ids(world, "{ smsJobs(first: 1) { nodes { id } } }"))[0].removeprefix("SmsJob:")
        page = "{ totalCount }"
        query = f'{{ smsJob(id: "{job}") {{ qos recipients {page} }} recipients(jobId: "{job}") {page} }}'
        plan = (await world.ask(query, headers=PLAN)).json["extensions"]["gateway"]["plan"]
        await world.ask(query)

    assert plan["estimate"] >= len(world.requests) >= 2
    assert {call["operation"] for call in plan["calls"]} == {"job_report", "recipients"}


async def test_a_longer_window_of_jobs_costs_a_list_for_each_thirty_days_and_data_centre() -> None:
    query = '{ smsJobs(from: "2024-01-01T00:00:00Z", to: "2024-03-31T00:00:00Z", first: 100) { nodes { jobId } } }'
    async with running_world(UNCACHED) as world:
        plan = (await world.ask(query, headers=PLAN)).json["extensions"]["gateway"]["plan"]
        await world.ask(query)

    assert plan["estimate"] == len(world.requests) == 6


@pytest.mark.parametrize("page", ["deliveries", "logisticsTasks", "smsJobs", "organizations"])
async def test_a_page_that_starts_anywhere_costs_no_more_than_estimated(page: str) -> None:
    first = f"{{ {page}(first: 2) {{ pageInfo {{ endCursor }} }} }}"
    query = f"query($after: String) {{ {page}(first: 3, after: $after) {{ pageInfo {{ hasNextPage }} }} }}"
    async with running_world(UNCACHED) as world:
        after = {"after": (await world.ask(first)).data[page]["pageInfo"]["endCursor"]}
        plan = (await world.ask(query, after, PLAN)).json["extensions"]["gateway"]["plan"]
        await world.ask(query, after)

    assert 1 <= len(world.requests) <= plan["estimate"] <= 4


SENDING: Final = """mutation {
    sendSms(input: {messages: [{text: "a", recipients: [{destination: "+4917600000000"}]}]}) {
        job { qos recipients { totalCount } } errors { message } } }"""

MUTATIONS: Final[list[tuple[str, int]]] = [
    ('mutation { cancelDelivery(id: "1") { delivery { id product { id } } errors { message } } }', 4),
    (SENDING, 5),
    ('mutation { createOrganization(businessName: "Some Business") { organization { id roles { name } } } }', 3),
    ('mutation { broadcastLogisticsTasks(ids: ["LogisticsTask:1", "LogisticsTask:2"]) { tasks { id } } }', 3),
    ('mutation { cancelLogisticsTask(id: "LogisticsTask:1", reason: "no") { task { organization { id } } } }', 3),
]


@pytest.mark.parametrize(("mutation", "estimate"), MUTATIONS)
async def test_no_mutation_asks_its_upstreams_more_often_than_estimated(mutation: str, estimate: int) -> None:
    async with running_world(UNCACHED) as world:
        plan = (await world.ask(mutation, headers=PLAN)).json["extensions"]["gateway"]["plan"]
        planned_requests = len(world.requests)
        await world.ask(mutation)

    assert plan["estimate"] == estimate
    assert planned_requests == 0
    assert 1 <= len(world.requests) <= estimate


async def test_tasks_are_created_twenty_a_call() -> None:
    text = """mutation($tasks: [LogisticsTaskInput!]!) {
        createLogisticsTasks(tasks: $tasks) { tasks { organization { id } } } }"""

    assert _estimate(text, {"tasks": [{}] * 41}) == 3 + 41 + 41


@pytest.mark.parametrize(
    ("variables", "estimate"),
    [
        (None, 8),
        ({}, 8),
        ({"n": 3}, 4),
        ({"n": None}, 21),
        ({"n": 3, "skipped": True}, 1),
        ({"n": 1000000}, 101),
        ({"n": -5}, 1),
        ({"n": "many"}, 1),
        ({"n": 3.0}, 4),
        ({"n": [3]}, 1),
    ],
)
def test_variables_and_their_defaults_count(variables: dict[str, Any] | None, estimate: int) -> None:
    text = """query($n: Int = 7, $skipped: Boolean = false) {
        deliveries(first: $n) { nodes { product @skip(if: $skipped) { id } } } }"""

    assert _estimate(text, variables) == estimate


def test_the_same_document_is_estimated_anew_for_other_variables() -> None:
    documents, costs = Documents(SCHEMA), Costs(SCHEMA, CostConfig())
    document = documents.get("query($n: Int) { deliveries(first: $n) { nodes { product { id } } } }")
    operation = document.operation(None)

    estimates = [costs.of(document, operation, {"n": number}).estimate for number in (1, 2, 100, 1, 2)]

    assert estimates == [2, 3, 101, 2, 3]


def test_a_subscription_is_estimated_at_its_start() -> None:
    text = (
        """subscription($ids: [ID!]!) { statusChanged(ids: $ids) { node { id ... on Delivery { product { id } } } } }"""
    )

    assert _estimate(text, {"ids": [*DELIVERIES[:3], "LogisticsTask:1", "SmsJob:a"]}) == 6 + 3 + 1 + 2


def test_an_event_shares_no_call_with_the_read_that_it_comes_of() -> None:
    text = """subscription { statusChanged(ids: ["Recipient:j/1"]) {
        node { ... on Recipient { job { qos recipients { totalCount } } } } } }"""

    assert _estimate(text, None, CostConfig(sms_centres=1)) == 1 + 2


async def test_an_operation_above_the_limit_is_refused_before_any_call_with_both_numbers() -> None:
    async with running_world({**UNCACHED, "GATEWAY_LIMITS__COST": "50"}) as world:
        answer = await world.ask("{ deliveries(first: 50) { nodes { product { id } } } }")
        allowed = await world.ask("{ deliveries(first: 49) { nodes { product { id } } } }")
        plan = await world.ask("{ deliveries(first: 50) { nodes { product { id } } } }", headers=PLAN)

    assert answer.codes == {"": "OPERATION_TOO_EXPENSIVE"}
    assert "51" in answer.json["errors"][0]["message"]
    assert "50" in answer.json["errors"][0]["message"]
    assert len(allowed.data["deliveries"]["nodes"]) == 49
    assert plan.json["extensions"]["gateway"]["plan"]["limit"] == 50


def _estimate(text: str, variables: dict[str, Any] | None, config: CostConfig | None = None) -> int:
    document = Documents(SCHEMA).get(text)
    assert not document.errors
    return Costs(SCHEMA, config or CostConfig()).of(document, document.operation(None), variables).estimate


async def test_ids_in_the_defaults_of_variables_count_like_any_others() -> None:
    names = range(200)
    defaults = " ".join(f'$v{one}: ID! = "SmsJob:{one}"' for one in names)
    query = (
        f"query({defaults}) {{ nodes(ids: [{' '.join(f'$v{one}' for one in names)}]) {{ ... on SmsJob {{ qos }} }} }}"
    )
    async with running_world(UNCACHED) as world:
        answer = await world.ask(query)

    assert answer.codes == {"": "OPERATION_TOO_EXPENSIVE"}
    assert world.requests == []


@pytest.mark.parametrize("variables", [{}, {"first": "many"}, {"first": 2**40}, {"first": None}])
async def test_the_plan_of_what_its_variables_forbid_is_bad_input(variables: dict[str, Any]) -> None:
    query = "query($first: Int!) { deliveries(first: $first) { totalCount } }"
    async with running_world(UNCACHED) as world:
        planned = await world.ask(query, variables, PLAN)
        executed = await world.ask(query, variables)

    assert planned.codes == executed.codes == {"": "BAD_INPUT"}
    assert planned.json["errors"] == executed.json["errors"]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_subscription_is_planned_and_does_not_start(accept: str) -> None:
    query = 'subscription { statusChanged(ids: ["SmsJob:1", "SmsJob:2"]) { node { id } } }'
    async with running_world(UNCACHED) as world:
        response = await world.client.post(
            f"{world.url}/graphql", json={"query": query}, headers={**PLAN, "accept": accept}
        )

    assert '"plan":{"estimate":' in response.text
    assert world.requests == []


async def test_a_mutation_is_planned_over_a_stream_and_does_not_run() -> None:
    query = 'mutation { cancelDelivery(id: "1") { errors { message } } }'
    async with running_world(UNCACHED) as world:
        response = await world.client.post(
            f"{world.url}/graphql", json={"query": query}, headers={**PLAN, "accept": "text/event-stream"}
        )

    assert '"plan":{"estimate":3' in response.text
    assert world.requests == []
