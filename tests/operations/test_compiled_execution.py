"""Compiled execution answers what graphql-core answers, byte for byte."""

import asyncio
from random import Random
from typing import Any, Final

import orjson
import pytest
from graphql import ExecutionResult
from strawberry import Schema

from gateway.operations.compiled.execution import CompiledExecution
from gateway.operations.documents import Documents
from gateway.operations.execution import Execution, StandardExecution, core_schema
from gateway.operations.report import report
from resolvers.accounts import Account
from resolvers.context import Context
from resolvers.upstreams.call import CallScope
from schema.root import build_schema
from tests.operations.generated import Generator
from tests.operations.simulated import NOW, UNBOUNDED, arguments_for, simulated_account

OPERATIONS_A_SEED: Final = 250


@pytest.fixture(scope="module")
def schema() -> Schema:
    return build_schema()


async def answer(
    execution: Execution, documents: Documents, account: Account, query: str, variables: dict[str, Any]
) -> bytes:
    document = documents.get(query)
    assert not document.errors, (query, document.errors)
    context = Context(account, CallScope(asyncio.get_running_loop().time() + 60), now=lambda: NOW)
    result: ExecutionResult = await execution.execute(document, document.operation(None), variables, context)
    context.close()
    return orjson.dumps({"data": result.data, "errors": report(result.errors or (), "test")})


@pytest.mark.parametrize("failing", [0, 25])
@pytest.mark.parametrize("seed", range(4))
async def test_thousands_of_generated_operations_get_the_same_bytes_from_both_executions(
    schema: Schema, seed: int, failing: int
) -> None:
    account = await simulated_account(failing)
    documents = Documents(core_schema(schema), UNBOUNDED)
    compiled, standard = CompiledExecution(schema), StandardExecution(core_schema(schema))
    generator = Generator(core_schema(schema), Random(seed), await arguments_for(account))  # noqa: S311 - a test's choice

    for _ in range(OPERATIONS_A_SEED):
        query, variables = generator.operation()
        # Once more, because the simulators take a moment to answer what they were not asked before, and errors stand
        # in the order in which they came.
        await answer(standard, documents, account, query, variables)
        expected = await answer(standard, documents, account, query, variables)

        got = await answer(compiled, documents, account, query, variables)

        assert got == expected, query
    assert 0 < compiled.fallbacks < OPERATIONS_A_SEED


async def test_operations_without_errors_are_executed_by_compiled_functions(schema: Schema) -> None:
    account = await simulated_account(failing=0)
    documents = Documents(core_schema(schema), UNBOUNDED)
    compiled = CompiledExecution(schema)
    queries = [
        "{ deliveries(first: 5) { edges { cursor node { id product { name } } } pageInfo { endCursor } } }",
        "{ smsJobs(first: 3) { nodes { id qos finishedAt recipients(first: 2) { nodes { destination progress } } } } }",
        "{ logisticsTasks(first: 2) { nodes { price { amount } statusHistory { status } organization { id } } } }",
        "query($a: ID!, $b: Boolean!) { node(id: $a) { id @include(if: $b) ... on Trackable { progress } } }",
        '{ nodes(ids: ["Delivery:1", "SmsJob:x"]) { ...A } } fragment A on Node { id ... on Delivery { type } }',
        "{ upstreams { name state } __typename }",
    ]

    for query in queries:
        await answer(compiled, documents, account, query, {"a": "Delivery:1", "b": True} if "$a" in query else {})

    assert compiled.fallbacks == 0


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("{ __schema { queryType { name } } }", id="introspection"),
        pytest.param('mutation { cancelDelivery(id: "1") { errors { message } } }', id="a mutation"),
        pytest.param('{ delivery(id: "SmsJob:1") { id } }', id="an error"),
    ],
)
async def test_what_is_not_compiled_is_executed_by_graphql_core(schema: Schema, query: str) -> None:
    account = await simulated_account(failing=0)
    documents = Documents(core_schema(schema), UNBOUNDED)
    compiled, standard = CompiledExecution(schema), StandardExecution(core_schema(schema))

    got = await answer(compiled, documents, account, query, {})

    assert compiled.fallbacks == 1
    assert got == await answer(standard, documents, account, query, {})
