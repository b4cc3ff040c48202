"""Compiled execution answers what graphql-core answers, byte for byte."""

import asyncio
from functools import partial
from random import Random
from typing import Final

import pytest
from strawberry import Schema

from gateway.operations.execution import core_schema
from resolvers.accounts import Account
from resolvers.context import Context
from resolvers.upstreams.call import CallScope
from schema.root import build_schema
from tests.operations.compared import Comparison, empty_context
from tests.operations.failing_schema import ARGUMENTS, TYPES, Query
from tests.operations.generated import Generator
from tests.operations.simulated import NOW, arguments_for, simulated_account

OPERATIONS_A_SEED: Final = 100


@pytest.fixture(scope="module")
def schema() -> Schema:
    return build_schema()


def new_context(account: Account) -> Context:
    return Context(account, CallScope(asyncio.get_running_loop().time() + 60), now=lambda: NOW)


@pytest.mark.parametrize("failing", [0, 25])
@pytest.mark.parametrize("seed", range(4))
async def test_hundreds_of_generated_operations_get_the_same_bytes_from_both_executions(
    schema: Schema, seed: int, failing: int
) -> None:
    account = await simulated_account(failing)
    comparison = Comparison(schema, partial(new_context, account))
    generator = Generator(core_schema(schema), Random(seed), await arguments_for(account))  # noqa: S311 - a test's choice

    async for one in comparison.of(generator, OPERATIONS_A_SEED):
        assert one.compiled == one.standard, (one.query, one.variables)

    assert 0 < comparison.compiled.fallbacks < OPERATIONS_A_SEED


@pytest.mark.parametrize("seed", range(4))
async def test_errors_where_null_may_stand_and_where_not_are_the_same_in_both_executions(seed: int) -> None:
    failing = Schema(Query, types=TYPES)
    comparison = Comparison(failing, empty_context)
    generator = Generator(core_schema(failing), Random(seed), ARGUMENTS)  # noqa: S311 - a test's choice
    whole, partial_data, none = 0, 0, 0

    async for one in comparison.of(generator, OPERATIONS_A_SEED):
        assert one.compiled == one.standard, (one.query, one.variables)
        whole += b'"errors":[]' in one.standard
        none += b'"data":null' in one.standard
        partial_data += b'"errors":[]' not in one.standard and b'"data":null' not in one.standard

    assert min(whole, partial_data, none) > OPERATIONS_A_SEED / 20


async def test_operations_without_errors_are_executed_by_compiled_functions(schema: Schema) -> None:
    account = await simulated_account(failing=0)
    comparison = Comparison(schema, partial(new_context, account))
    queries = [
        "{ deliveries(first: 5) { edges { cursor node { id product { name } } } pageInfo { endCursor } } }",
        "{ smsJobs(first: 3) { nodes { id qos finishedAt recipients(first: 2) { nodes { destination progress } } } } }",
        "{ logisticsTasks(first: 2) { nodes { price { amount } statusHistory { status } organization { id } } } }",
        "query($a: ID!, $b: Boolean!) { node(id: $a) { id @include(if: $b) ... on Trackable { progress } } }",
        '{ nodes(ids: ["Delivery:1", "SmsJob:x"]) { ...A } } fragment A on Node { id ... on Delivery { type } }',
        "{ upstreams { name state } __typename }",
    ]

    for query in queries:
        variables = {"a": "Delivery:1", "b": True} if "$a" in query else {}
        await comparison.response(comparison.compiled, query, variables)

    assert comparison.compiled.fallbacks == 0


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
    comparison = Comparison(schema, partial(new_context, account))

    got = await comparison.response(comparison.compiled, query, {})

    assert comparison.compiled.fallbacks == 1
    assert got == await comparison.response(comparison.standard, query, {})


@pytest.mark.parametrize("directive", ["skip", "include"])
@pytest.mark.parametrize("known", [True, False])
async def test_a_condition_that_is_null_is_neither_true_nor_false(schema: Schema, directive: str, known: bool) -> None:
    account = await simulated_account(failing=0)
    comparison = Comparison(schema, partial(new_context, account))
    query = f"query ($b: Boolean = true) {{ __typename @{directive}(if: $b) }}"
    await comparison.response(comparison.compiled, query, {"b": known})

    got = await comparison.response(comparison.compiled, query, {"b": None})

    assert got == await comparison.response(comparison.standard, query, {"b": None})
    assert b'"code":"BAD_INPUT"' in got
