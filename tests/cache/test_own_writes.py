"""Whatever was asked before, a client sees what it has created and changed: a cache answers as none would."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, Final
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.cache.records import pass_through
from resolvers.upstreams.call import Call
from tests.cache.notes import Clock, new_cache, process
from tests.cache.three_apis import LittleProcess, ThreeApis
from tests.contract import documents

Operation = tuple[str, dict[str, Any]]

READS: Final = {
    "delivery": "query ($id: ID!) { answer: delivery(id: $id) { sendTaskId deliverable product { name } } }",
    "task": "query ($id: ID!) { answer: logisticsTask(id: $id) { taskId status organization { businessName } } }",
    "organization": "query ($id: ID!) { answer: organization(id: $id) { organizationId businessName } }",
    "job": "query ($id: ID!) { answer: smsJob(id: $id) { jobId source } }",
    "recipients": "query ($id: ID!) { answer: recipients(jobId: $id) { nodes { smsId } totalCount } }",
}
LISTS: Final = {
    "deliveries": "{ answer: deliveries(first: 20) { nodes { sendTaskId deliverable } totalCount } }",
    "tasks": "{ answer: logisticsTasks(first: 20) { nodes { taskId status } pageInfo { hasNextPage } } }",
    "organizations": "{ answer: organizations(first: 20) { nodes { organizationId businessName } } }",
    "jobs": "{ answer: smsJobs(first: 20) { nodes { jobId source } } }",
}
NODES: Final = """{ answer: nodes(ids: [
  "Delivery:1", "Delivery:2", "Delivery:3", "LogisticsTask:1", "LogisticsTask:2", "Organization:1", "SmsJob:1"
]) { id ... on Delivery { deliverable } ... on LogisticsTask { status } ... on Organization { businessName } } }"""
TASK: Final = documents.TASKS["tasks"][0]
JOB: Final = {"input": {**documents.JOB["input"], "options": {"source": "Parcels"}}}
CREATIONS: Final[dict[str, Operation]] = {
    "delivery": (documents.CREATE_DELIVERY, documents.DELIVERY),
    "task": (documents.CREATE_TASKS, {"tasks": [TASK]}),
    "two drafts": (documents.CREATE_TASKS, {"tasks": [TASK, TASK], "draft": True}),
    "organization": (documents.CREATE_ORGANIZATION, {"businessName": "Mei"}),
    "job": (documents.SEND_SMS, JOB),
}
TOO_EARLY: Final = """mutation ($tasks: [LogisticsTaskInput!]!, $id: ID!) {
  early: cancelLogisticsTask(id: $id, reason: "x") { errors { __typename } }
  broadcast: broadcastLogisticsTasks(ids: [$id]) { tasks { taskId } errors { __typename } }
  answer: createLogisticsTasks(tasks: $tasks) { tasks { taskId status } errors { message } }
}"""

an_id = st.sampled_from(["1", "2", "3"])
operation = st.one_of(
    st.tuples(st.sampled_from(list(READS.values())), st.fixed_dictionaries({"id": an_id})),
    st.tuples(st.sampled_from([*LISTS.values(), NODES]), st.just({})),
    st.sampled_from(list(CREATIONS.values())),
    st.tuples(
        st.just(documents.UPDATE_DELIVERY),
        st.fixed_dictionaries({"id": an_id, "input": st.fixed_dictionaries({"deliverable": st.booleans()})}),
    ),
    st.tuples(st.just(documents.CANCEL_DELIVERY), st.fixed_dictionaries({"id": an_id})),
    st.tuples(st.just(documents.CANCEL_TASK), st.fixed_dictionaries({"id": an_id, "reason": st.just("x")})),
    st.tuples(st.just(documents.BROADCAST), st.fixed_dictionaries({"ids": st.lists(an_id, min_size=1, unique=True)})),
    st.tuples(st.just(TOO_EARLY), st.fixed_dictionaries({"tasks": st.just([TASK]), "id": an_id})),
)
history = st.lists(st.tuples(st.integers(0, 1), st.booleans(), operation), min_size=5, max_size=25)
"""Which of two processes is asked, whether creations are answered whole, and what is asked."""


@settings(max_examples=150, deadline=None)
@given(history)
def test_a_cache_answers_as_none_would(steps: list[tuple[int, bool, Operation]]) -> None:
    async def live_through() -> None:
        apis = ThreeApis()
        cached = LittleProcess(apis, new_cache(Clock(), ttl_active=3600, ttl_missing=3600))
        await answers_alike(steps, apis, [cached, cached])

    asyncio.run(live_through())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history)
def test_the_caches_of_two_processes_answer_as_none_would(
    redis_url: str, redis_prefix: str, steps: list[tuple[int, bool, Operation]]
) -> None:
    async def live_through() -> None:
        apis, clock, prefix = ThreeApis(), Clock(), f"{redis_prefix}{uuid4().hex}:"
        async with AsyncExitStack() as stack:
            caches = [
                await stack.enter_async_context(process(redis_url, prefix, clock, ttl_active=3600, ttl_missing=3600))
                for _ in range(2)
            ]
            await answers_alike(steps, apis, [LittleProcess(apis, cache) for cache in caches])

    asyncio.run(live_through())


async def answers_alike(
    steps: list[tuple[int, bool, Operation]], apis: ThreeApis, processes: list[LittleProcess]
) -> None:
    """Each operation gets the same answer as from a gateway that keeps nothing, over APIs with the same history."""
    other_apis = ThreeApis()
    uncached = LittleProcess(other_apis, pass_through())
    for number, answers_whole, (document, variables) in steps:
        apis.answers_whole = other_apis.answers_whole = answers_whole

        answer = await processes[number].ask(document, variables)

        assert answer == await uncached.ask(document, variables)


@pytest.mark.parametrize("answers_whole", [True, False])
@pytest.mark.parametrize(
    ("read", "creation"),
    [("delivery", "delivery"), ("task", "task"), ("task", "two drafts"), ("organization", "organization"),
     ("job", "job"), ("recipients", "job")],
)  # fmt: skip
async def test_what_was_missing_is_there_once_it_was_created(read: str, creation: str, answers_whole: bool) -> None:
    apis = ThreeApis(answers_whole=answers_whole)
    gateway = LittleProcess(apis, new_cache(Clock()))
    before = await gateway.ask(READS[read], {"id": "1"})

    created = await gateway.ask(*CREATIONS[creation])
    after = await gateway.ask(READS[read], {"id": "1"})

    assert before["data"]["answer"] is None
    assert created["data"]["answer"]["errors"] == []
    assert after["data"]["answer"] is not None


@pytest.mark.parametrize(
    ("read", "creation", "detail"),
    [
        ("delivery", "delivery", "delivery"),
        ("task", "task", "platform_task_detail"),
        ("organization", "organization", "organization_detail"),
        ("job", "job", "job_report"),
    ],
)
async def test_what_its_upstream_shows_a_moment_after_its_creation_is_not_remembered_as_missing(
    read: str, creation: str, detail: str
) -> None:
    apis = ThreeApis(answers_whole=False)
    gateway = LittleProcess(apis, new_cache(Clock()))
    apis.hidden.add(detail)
    await gateway.ask(*CREATIONS[creation])
    apis.hidden.clear()

    after = await gateway.ask(READS[read], {"id": "1"})

    assert after["data"]["answer"] is not None


async def test_a_query_in_flight_since_before_a_change_does_not_answer_whoever_has_seen_the_change() -> None:
    apis, both = ThreeApis(), '{ a: delivery(id: "1") { deliverable } b: smsJob(id: "1") { jobId } }'
    gateway, released = LittleProcess(apis, new_cache(Clock())), asyncio.Event()

    async def hold(call: Call) -> None:
        if call.operation == "job_report":
            await released.wait()

    apis.hold = hold
    early = asyncio.create_task(gateway.ask(both))
    await asyncio.sleep(0.01)
    await gateway.ask(*CREATIONS["delivery"])
    late = asyncio.create_task(gateway.ask(both))
    await asyncio.sleep(0.01)
    released.set()

    assert (await early)["data"]["a"] is None
    assert (await late)["data"]["a"] == {"deliverable": True}
