"""Compiled execution gives the events of a subscription the responses that graphql-core gives them, byte for byte."""

import asyncio
from functools import partial
from random import Random
from typing import Any, Final, cast

import msgspec
import orjson
import pytest
from graphql.execution import Executor
from strawberry import Schema

from gateway.operations.compiled.plan import CompiledEvents, CompiledExecution
from gateway.operations.documents.documents import Document, Documents
from gateway.operations.execution import StandardExecution, core_schema, refused_inputs
from gateway.operations.request import GraphQLRequest
from gateway.operations.responses.encoding import ResponseWriter
from gateway.subscriptions.run import SubscriptionRun
from resolvers.accounts import Account
from resolvers.catalogue import record_types
from resolvers.context import Context
from resolvers.events.interface import StatusEvent, StatusEventKind, StatusEventSource, StatusProblem, TrackedRecord
from resolvers.upstreams.call import CallRecorder, CallScope
from resolvers.upstreams.names import Progress
from schema.root import build_schema
from tests.operations.generated import Generator
from tests.operations.simulated import NOW, UNBOUNDED, arguments_for, simulated_account

OPERATIONS_A_SEED: Final = 100
LISTS: Final = """{
    deliveries(first: 3) { nodes { id } }
    smsJobs(first: 2) { nodes { id recipients(first: 2) { nodes { id } } } }
    logisticsTasks(first: 3) { nodes { id } }
}"""
GAP: Final = StatusEvent(kind=StatusEventKind.GAP, cursor="gap", occurred_at=NOW)
PROBLEM: Final = StatusEvent(
    kind=StatusEventKind.PROBLEM,
    cursor="problem",
    occurred_at=NOW,
    problem=StatusProblem("NOT_FOUND", "There is nothing.", "Delivery:0", retryable=False),
)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return build_schema()


@pytest.fixture
def documents(schema: Schema) -> Documents:
    return Documents(core_schema(schema), UNBOUNDED)


def new_context(account: Account, _recorder: CallRecorder | None = None) -> Context:
    return Context(account, CallScope(asyncio.get_running_loop().time() + 60), now=lambda: NOW)


async def ids_of_everything(schema: Schema, documents: Documents, account: Account) -> list[str]:
    document = documents.get(LISTS)
    context = new_context(account)
    result = await CompiledExecution(schema).execute(document, document.operation(None), None, context)
    data: Any = result.data
    jobs = data["smsJobs"]["nodes"]
    recipients = [recipient for job in jobs for recipient in job["recipients"]["nodes"]]
    return [node["id"] for node in (*data["deliveries"]["nodes"], *jobs, *data["logisticsTasks"]["nodes"], *recipients)]


def snapshot_of(record: TrackedRecord) -> StatusEvent:
    return StatusEvent(
        kind=StatusEventKind.SNAPSHOT,
        cursor=f"of {record.id}",
        occurred_at=NOW,
        node=record,
        progress=record.progress,
        raw_status=record.raw_status,
    )


def change_of(record: TrackedRecord) -> StatusEvent:
    return msgspec.structs.replace(
        snapshot_of(record),
        kind=StatusEventKind.CHANGE,
        previous_progress=Progress.PENDING,
        previous_raw_status="before",
        source=StatusEventSource.POLL,
    )


async def events_about_everything(schema: Schema, documents: Documents) -> list[StatusEvent]:
    account = await simulated_account(failing=0)
    events: list[StatusEvent] = [GAP, PROBLEM]
    for one in await ids_of_everything(schema, documents, account):
        kind, _, local_id = one.partition(":")
        record = await new_context(account).loaders.record(record_types()[kind], local_id)
        assert record is not None
        events += [snapshot_of(record), change_of(record)]
    return events


def subscription(
    schema: Schema,
    document: Document,
    variables: dict[str, Any],
    compiled: CompiledEvents | None,
    account: Account,
) -> SubscriptionRun:
    assert not document.errors, (document.text, document.errors)
    assert document.node is not None
    request = GraphQLRequest(document.text, None, variables, None, may_mutate=True, request_id="test")
    operation = document.operation(None)
    return SubscriptionRun(
        StandardExecution(core_schema(schema)),
        document.node,
        operation,
        request,
        compiled,
        partial(new_context, account),
        writer=ResponseWriter(),
    )


def begins(schema: Schema, document: Document, variables: dict[str, Any]) -> bool:
    """Whether a subscription has a source; one with a null where none may stand is refused before it has events."""
    assert document.node is not None
    execution, context = StandardExecution(core_schema(schema)), cast("Context", None)
    executor = execution.executor(document.node, document.operation(None), variables, context)
    return isinstance(executor, Executor) and not refused_inputs(executor)


@pytest.mark.parametrize("failing", [0, 25])
@pytest.mark.parametrize("seed", range(4))
async def test_events_of_hundreds_of_generated_subscriptions_get_the_same_bytes_from_both_executions(
    schema: Schema, documents: Documents, seed: int, failing: int
) -> None:
    random = Random(seed)  # noqa: S311 - a test's choice
    events = await events_about_everything(schema, documents)
    account = await simulated_account(failing)
    arguments = {**await arguments_for(account), "statusChanged": {"ids": ['["Delivery:1", "SmsJob:2"]']}}
    generator = Generator(core_schema(schema), random, arguments)
    execution = CompiledExecution(schema)
    executed, begun = 0, 0

    for _ in range(OPERATIONS_A_SEED):
        query, variables = generator.subscription()
        document = documents.get(query)
        if not begins(schema, document, variables):
            continue
        begun += 1
        compiled = execution.events(document, document.operation(None), variables)
        standard = subscription(schema, document, variables, None, account)
        both = subscription(schema, document, variables, compiled, account)
        assert compiled is not None
        for event in [GAP, PROBLEM, *random.choices(events, k=3)]:
            # Once more, because the simulators take a moment to answer what they were not asked before, and errors
            # stand in the order in which they came.
            await standard.response(event)

            assert await both.response(event) == await standard.response(event), (query, event)
            executed += await compiled.data(event, new_context(account)) is not None
    assert OPERATIONS_A_SEED / 2 < begun < OPERATIONS_A_SEED
    assert 3 * begun < executed <= 5 * begun


@pytest.mark.parametrize(
    "query",
    [
        "subscription { statusChanged(ids: []) { kind cursor occurredAt source node { __typename id final } } }",
        "subscription { statusChanged(ids: []) { node { ... on Delivery { product { name } } } } }",
        "subscription { ...A } fragment A on Subscription { at: statusChanged(ids: []) { kind @skip(if: false) } }",
        "subscription($ids: [ID!]!, $n: Boolean!) { statusChanged(ids: $ids) { kind @include(if: $n) cursor } }",
    ],
)
async def test_an_event_without_errors_is_executed_by_compiled_functions(
    schema: Schema, documents: Documents, query: str
) -> None:
    account = await simulated_account(failing=0)
    document = documents.get(query)
    record = await new_context(account).loaders.record(record_types()["Delivery"], "1")
    assert record is not None
    variables = {"ids": ["Delivery:1"], "n": True} if "$ids" in query else {}
    compiled = CompiledExecution(schema).events(document, document.operation(None), variables)
    assert compiled is not None

    data = await compiled.data(snapshot_of(record), new_context(account))

    assert data is not None
    assert list(data) == ["at" if "at:" in query else "statusChanged"]


async def test_a_problem_is_an_event_with_data_and_no_error(schema: Schema, documents: Documents) -> None:
    account = await simulated_account(failing=0)
    document = documents.get(
        'subscription { statusChanged(ids: ["Delivery:0"]) { kind node { id } problem { code subjectId retryable } } }'
    )
    compiled = CompiledExecution(schema).events(document, document.operation(None), None)
    assert compiled is not None

    data = await compiled.data(PROBLEM, new_context(account))
    response = await subscription(schema, document, {}, compiled, account).response(PROBLEM)

    problem = {"code": "NOT_FOUND", "subjectId": "Delivery:0", "retryable": False}
    assert data == {"statusChanged": {"kind": "PROBLEM", "node": None, "problem": problem}}
    assert orjson.loads(response.body) == {"data": data}
    assert response.cursor == "problem"


async def test_a_subscription_executes_events_by_compiled_functions_first(schema: Schema, documents: Documents) -> None:
    account = await simulated_account(failing=0)
    query = 'subscription { %s: statusChanged(ids: ["Delivery:0"]) { kind } }'
    document = documents.get(query % "compiled")
    compiled = CompiledExecution(schema).events(document, document.operation(None), None)

    run = subscription(schema, documents.get(query % "standard"), {}, compiled, account)

    assert (await run.response(GAP)).body == b'{"data":{"compiled":{"kind":"GAP"}}}'
    assert (await run.response(PROBLEM)).body == b'{"data":{"compiled":{"kind":"PROBLEM"}}}'


async def test_what_is_compiled_is_kept_with_the_document(schema: Schema, documents: Documents) -> None:
    text = 'subscription { statusChanged(ids: ["Delivery:%d"]) { kind } }'
    execution, account = CompiledExecution(schema), await simulated_account(failing=0)
    for number in range(3):
        document = documents.get(text % number)
        compiled = execution.events(document, document.operation(None), None)
        assert compiled is not None
        await compiled.data(GAP, new_context(account))

    plans = {id(documents.get(text % number).plans[None]) for number in range(3)}

    assert len(plans) == 1
