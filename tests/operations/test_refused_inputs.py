"""A null that validation lets pass, in a place where none may stand, is the client's mistake and costs no call."""

import json
from random import Random
from typing import Final

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_composite_type,
)

from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.operations.generated_inputs import Inputs
from tests.world import World

CORE: Final = core_schema(build_schema())
ROOTS: Final[dict[str, GraphQLObjectType]] = {
    word: root for word, root in (("query", CORE.query_type), ("mutation", CORE.mutation_type)) if root is not None
}
FIELDS: Final = [(word, name) for word, root in ROOTS.items() for name in root.fields]
ARGUMENTS: Final = [
    (word, name, argument)
    for word, name in FIELDS
    for argument, definition in ROOTS[word].fields[name].args.items()
    if isinstance(definition.type, GraphQLNonNull)
]
CONDITIONED: Final = [
    (word, name)
    for word, name in FIELDS
    if word == "mutation" and is_composite_type(get_named_type(ROOTS[word].fields[name].type))
]


def call(name: str, field: GraphQLField, varied: str | None = None, selected: str = "__typename") -> str:
    """A call of a field with all arguments that it must have, one of them by the variable `$v`."""
    values = Inputs(Random(name))  # noqa: S311 - a test's choice
    given = [
        f"{argument}: {'$v' if argument == varied else values.literal(one.type)}"
        for argument, one in field.args.items()
        if isinstance(one.type, GraphQLNonNull)
    ]
    selection = f"{{ {selected} }}" if is_composite_type(get_named_type(field.type)) else ""
    arguments = f"({', '.join(given)})" if given else ""
    return f"{name}{arguments} {selection}"


def declared(name: str, argument: GraphQLArgument) -> str:
    values = Inputs(Random(name))  # noqa: S311 - a test's choice
    return f"$v: {get_nullable_type(argument.type)} = {values.literal(argument.type)}"


@pytest.mark.parametrize(("word", "name", "argument"), ARGUMENTS)
async def test_a_null_for_an_argument_that_takes_none_is_refused_before_any_call(
    world: World, word: str, name: str, argument: str
) -> None:
    field = ROOTS[word].fields[name]
    query = f"{word} ({declared(name, field.args[argument])}) {{ {call(name, field, argument)} }}"

    answer = await world.ask(query, {"v": None})

    assert answer.codes == {name: "BAD_INPUT"}
    assert argument in answer.json["errors"][0]["message"]
    assert (answer.json["data"] or {name: None}) == {name: None}
    assert world.requests == []


@pytest.mark.parametrize(("word", "name"), CONDITIONED)
@pytest.mark.parametrize("directive", ["skip", "include"])
async def test_a_null_condition_below_a_mutation_is_refused_before_the_change_is_sent(
    world: World, word: str, name: str, directive: str
) -> None:
    selected = f"errors {{ message ... @{directive}(if: $v) {{ __typename }} }}"
    query = f"{word} ($v: Boolean = true) {{ {call(name, ROOTS[word].fields[name], selected=selected)} }}"

    answer = await world.ask(query, {"v": None})

    assert answer.codes == {f"{name}.errors": "BAD_INPUT"}
    assert answer.json["data"] is None
    assert world.requests == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ('{ delivery(id: "1") { id @include(if: $v) } }', "delivery"),
        ('{ delivery(id: "1") { product { ...A } } } fragment A on Product { id @skip(if: $v) }', "delivery.product"),
        ('{ node(id: "Delivery:1") { id ... on Trackable { final @skip(if: $v) } } }', "node"),
        ("{ __typename @skip(if: $v) }", ""),
        ("{ ... @include(if: $v) { __typename } }", ""),
    ],
)
async def test_a_null_condition_of_a_query_is_an_error_where_it_stands(world: World, query: str, path: str) -> None:
    answer = await world.ask(f"query ($v: Boolean = true) {query}", {"v": None})

    assert answer.codes == {path: "BAD_INPUT"}


async def test_one_wrong_field_keeps_all_changes_of_a_mutation_from_being_sent(world: World) -> None:
    query = """mutation ($v: ID = "Delivery:2") {
        first: cancelDelivery(id: "Delivery:1") { delivery { id } }
        second: cancelDelivery(id: $v) { delivery { id } }
    }"""

    answer = await world.ask(query, {"v": None})

    assert answer.codes == {"second": "BAD_INPUT"}
    assert world.requests == []


async def test_a_null_that_is_never_reached_keeps_nothing_back(world: World) -> None:
    query = """mutation ($v: ID = "Delivery:2", $do: Boolean!) {
        cancelDelivery(id: "Delivery:1") { errors { message } }
        other: cancelDelivery(id: $v) @include(if: $do) { errors { message } }
    }"""

    answer = await world.ask(query, {"v": None, "do": False})

    assert "errors" not in answer.json
    assert world.requests != []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ('subscription ($v: [ID!] = ["Delivery:1"]) { statusChanged(ids: $v) { kind } }', "statusChanged"),
        (
            'subscription ($v: Boolean = true) { statusChanged(ids: ["Delivery:1"]) { kind @skip(if: $v) } }',
            "statusChanged",
        ),
    ],
)
async def test_a_subscription_with_a_null_that_it_cannot_take_does_not_begin(
    world: World, query: str, path: str
) -> None:
    body = {"query": query, "variables": {"v": None}}
    headers = {"accept": "text/event-stream"}

    answer = await world.client.post(f"{world.url}/graphql", json=body, headers=headers, timeout=5)

    (event,) = [json.loads(line.removeprefix("data:")) for line in answer.text.splitlines() if "errors" in line]
    (error,) = event["errors"]
    assert error["extensions"] == {"code": "BAD_INPUT"}
    assert error["path"] == [path]
    assert world.requests == []
