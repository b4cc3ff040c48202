"""How many requests an operation costs its upstreams, counted at their sockets."""

from collections import Counter
from typing import Final

import pytest

from gateway.sandbox.faults import FaultSettings
from gateway.sandbox.options import DeliveriesOptions, SmsOptions
from tests.world import UNCACHED, World, running_world

JOB_FIELDS: Final = "jobId qos finishedAt"
RECIPIENT_FIELDS: Final = "recipients { nodes { smsId destination status } }"


@pytest.fixture(autouse=True)
async def twenty_jobs_in_the_primary_data_centre(world: World) -> None:
    """The seed has 18 there in the last 30 days, and a page of 20 would go on in the secondary."""
    options, url = SmsOptions(), world.sms_primary_url
    for number in range(4):
        message = {"text": f"Hello {number}", "recipients": [{"dst": "+4917600000000"}]}
        answer = await world.client.post(
            f"{url}/jobs", json={"messages": [message]}, auth=(options.username, options.password)
        )
        assert answer.is_success


def jobs(selection: str) -> str:
    return f"{{ smsJobs(first: 20) {{ nodes {{ {selection} }} }} }}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(jobs("jobId"), 1, id="only job ids"),
        pytest.param(jobs("id __typename"), 1, id="only global ids of jobs"),
        pytest.param("{ smsJobs(first: 20) { edges { cursor node { jobId } } } }", 1, id="edges of job ids"),
        pytest.param(jobs(JOB_FIELDS), 21, id="jobs with their reports"),
        pytest.param(jobs(f"{JOB_FIELDS} {RECIPIENT_FIELDS}"), 41, id="jobs with reports and recipients"),
        pytest.param(jobs(f"jobId {RECIPIENT_FIELDS}"), 21, id="job ids with recipients"),
        pytest.param(jobs(f"{RECIPIENT_FIELDS} recipientSummary {{ failed }}"), 21, id="recipients and their summary"),
        pytest.param(jobs("jobId ... @include(if: false) { qos }"), 1, id="job fields that are not included"),
        pytest.param("{ deliveries(first: 100) { nodes { id status } } }", 1, id="a full page of deliveries"),
        pytest.param("{ logisticsTasks(first: 50) { nodes { id status } } }", 1, id="a page of tasks"),
        pytest.param("{ upstreams { name state } __typename }", 0, id="what the gateway knows itself"),
    ],
)
async def test_an_operation_costs_no_more_requests_than_its_selection_needs(
    world: World, query: str, expected: int
) -> None:
    answer = await world.ask(query)

    assert answer.data
    assert len(world.requests) == expected


async def test_reports_and_recipients_of_a_page_are_asked_for_at_the_same_time(world: World) -> None:
    world.sms.primary.faults.settings = FaultSettings(latency_seconds=0.2)

    answer = await world.ask(jobs(f"{JOB_FIELDS} {RECIPIENT_FIELDS}"))

    assert len(answer.data["smsJobs"]["nodes"]) == 20
    assert world.sms.primary.requests.most_at_once == 40


async def test_calls_at_once_stay_within_the_upstreams_limit() -> None:
    async with running_world({**UNCACHED, "GATEWAY_SMS__CONCURRENCY": "7"}) as world:
        world.sms.primary.faults.settings = FaultSettings(latency_seconds=0.02)

        answer = await world.ask(jobs(f"{JOB_FIELDS} {RECIPIENT_FIELDS}"))

        assert len(answer.data["smsJobs"]["nodes"]) == 20
        assert world.sms.primary.requests.most_at_once == 7


async def test_the_same_job_asked_for_twice_costs_one_report(world: World) -> None:
    job_id = (await world.ask("{ smsJobs(first: 1) { nodes { jobId } } }")).data["smsJobs"]["nodes"][0]["jobId"]

    answer = await world.ask(
        f'{{ a: smsJob(id: "{job_id}") {{ qos }} b: smsJob(id: "SmsJob:{job_id}") {{ qos }}'
        f' c: node(id: "SmsJob:{job_id}") {{ id }} }}'
    )

    assert answer.data["a"] == answer.data["b"]
    assert len(world.requests) == 1


async def test_fifty_deliveries_by_id_are_one_request(world: World) -> None:
    ids = [f"Delivery:{number}" for number in range(1, 51)]

    answer = await world.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Delivery { status } } }", {"ids": ids})

    assert [node["id"] for node in answer.data["nodes"]] == ids
    assert len(world.requests) == 1
    assert world.requests[0].query.startswith("filter%5Bid%5D=1%2C2%2C3%2C")


@pytest.mark.parametrize(
    "options",
    [DeliveriesOptions(comma_list=how) for how in ("ids", "ignore", "refuse")],
    ids=["ids", "ignore", "refuse"],
)
async def test_deliveries_by_id_are_right_whatever_the_upstream_makes_of_a_list_of_ids(
    options: DeliveriesOptions,
) -> None:
    async with running_world(UNCACHED, deliveries=options) as world:
        ids = [*(f"Delivery:{number}" for number in range(1, 11)), "Delivery:99999999"]

        answer = await world.ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids})

        assert [node and node["id"] for node in answer.data["nodes"]] == [*ids[:-1], None]


async def test_an_upstream_that_refuses_a_list_of_ids_is_not_asked_for_one_again() -> None:
    async with running_world(UNCACHED, deliveries=DeliveriesOptions(comma_list="refuse")) as world:
        query = '{ nodes(ids: ["Delivery:1", "Delivery:2"]) { id } }'

        await world.ask(query)
        first = Counter(request.path for request in world.requests)
        await world.ask(query)
        second = Counter(request.path for request in world.requests)

    assert first == {"/api/v1/send-tasks": 1, "/api/v1/send-tasks/1": 1, "/api/v1/send-tasks/2": 1}
    assert second == {"/api/v1/send-tasks/1": 1, "/api/v1/send-tasks/2": 1}


@pytest.mark.parametrize("start", [0, 1, 19, 20, 33, 90, 139, 140, 210])
async def test_a_window_of_deliveries_costs_at_most_two_requests_wherever_it_starts(world: World, start: int) -> None:
    everything = [
        node["id"]
        for page in (None, 99, 199)
        for node in (
            await world.ask(
                "query($after: String) { deliveries(first: 100, after: $after) { nodes { id } } }",
                {"after": None if page is None else await _cursor_at(world, page)},
            )
        ).data["deliveries"]["nodes"]
    ]
    after = None if start == 0 else await _cursor_at(world, start - 1)

    answer = await world.ask(
        "query($after: String) { deliveries(first: 33, after: $after) { nodes { id } pageInfo { hasNextPage } } }",
        {"after": after},
    )

    page = answer.data["deliveries"]
    assert [node["id"] for node in page["nodes"]] == everything[start : start + 33]
    assert page["pageInfo"]["hasNextPage"] is (start + 33 < 240)
    assert len(world.requests) <= 2


async def _cursor_at(world: World, index: int) -> str:
    """The cursor of the delivery at an index, as a client gets at it: by paging there."""
    after = None
    for _ in range(index // 100):
        page = await world.ask(
            "query($after: String) { deliveries(first: 100, after: $after) { pageInfo { endCursor } } }",
            {"after": after},
        )
        after = page.data["deliveries"]["pageInfo"]["endCursor"]
    page = await world.ask(
        "query($after: String, $first: Int) { deliveries(first: $first, after: $after) { pageInfo { endCursor } } }",
        {"after": after, "first": index % 100 + 1},
    )
    return str(page.data["deliveries"]["pageInfo"]["endCursor"])


async def test_a_small_page_cap_upstream_changes_the_number_of_requests_and_nothing_else() -> None:
    async with running_world(UNCACHED, deliveries=DeliveriesOptions(max_page_size=30)) as world:
        answer = await world.ask("{ deliveries(first: 100) { totalCount nodes { id } } }")

        assert len(answer.data["deliveries"]["nodes"]) == 100
        assert len({node["id"] for node in answer.data["deliveries"]["nodes"]}) == 100
        assert len(world.requests) == 4


async def test_calls_to_different_upstreams_run_side_by_side(world: World) -> None:
    first = await world.ask("{ smsJobs(first: 1) { nodes { jobId } } logisticsTasks(first: 1) { nodes { taskId } } }")
    job_id = first.data["smsJobs"]["nodes"][0]["jobId"]
    task_id = first.data["logisticsTasks"]["nodes"][0]["taskId"]
    barrier = 0.3
    for simulator in (world.deliveries, world.sms.primary, world.logistics):
        simulator.faults.settings = FaultSettings(latency_seconds=barrier)

    answer = await world.ask(
        f'{{ delivery(id: "1") {{ id }} smsJob(id: "{job_id}") {{ qos {RECIPIENT_FIELDS} }}'
        f' logisticsTask(id: "{task_id}") {{ id }}'
        " priceQuote(input: {serviceType: CAR, stops: [{latitude: 1.28, longitude: 103.8},"
        " {latitude: 1.3, longitude: 103.9}]}) { code } }"
    )

    assert answer.data["delivery"]
    assert len(world.requests) == 5
    assert world.sms.primary.requests.most_at_once == 2
    assert world.logistics.requests.most_at_once == 2
