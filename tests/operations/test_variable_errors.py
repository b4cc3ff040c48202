"""The errors of variables say where the value is and what must be there, in JSON's terms."""

from random import Random
from typing import Any, Final

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    is_composite_type,
    parse,
)
from graphql.execution.values import get_variable_values

from gateway.operations.documents.documents import Documents
from gateway.operations.documents.variable_errors import MAX_ERRORS, variable_errors, written
from gateway.operations.execution import core_schema
from gateway.operations.responses.report import report
from schema.root import build_schema
from tests.contract.documents import CREATE_TASKS, TASKS
from tests.contract.operations import replaced
from tests.internal_names import internal_names
from tests.operations.generated_inputs import Inputs
from tests.world import World

CORE: Final = core_schema(build_schema())
TASK: Final = ("tasks", 0)


def refusals(text: str, variables: dict[str, Any], *, suggestions: bool = True) -> list[dict[str, Any]]:
    """The entries of `errors` for an operation with these variables."""
    operation = parse(text).definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    refused = get_variable_values(CORE, operation.variable_definitions or (), variables)
    errors = variable_errors(CORE, refused, variables, suggestions=suggestions) if isinstance(refused, list) else []
    assert isinstance(refused, list) == bool(errors)
    return report(errors, "r")


DECIMAL: Final = "its type is Decimal. Write a finite number"


@pytest.mark.parametrize(
    ("place", "value", "at", "message"),
    [
        ("cargoNetQuantity", "x", "", 'cannot be "x"; its type is Int. It must be a whole number from -2147483648'),
        ("cargoNetQuantity", True, "", "cannot be true; its type is Int."),
        ("cargoNetQuantity", 2**40, "", "cannot be 1099511627776; its type is Int. It must be a whole number"),
        ("price", [{"amount": None}, 7], "", 'must be an object, of the type MoneyInput, not [{"amount": null}, 7].'),
        ("price", {"currency": "SGD"}, ".amount", "is missing; its type is Decimal!."),
        ("price.amount", None, "", "must not be null; its type is Decimal!."),
        ("price.amount", {"a": [None, False]}, "", 'cannot be {"a": [null, false]}; ' + DECIMAL),
        ("price.amout", "2", "", "is not a field of MoneyInput. Did you mean 'amount'?"),
        ("items.0.quantity", 1.5, "", "cannot be 1.5; its type is Int."),
        ("items.0.name", {"é": "\ud800"}, "", 'cannot be {"é": "?"}; its type is String.'),
        ("service", "FLT", "", "cannot be \"FLT\"; its type is TruckService. Did you mean 'FTL'"),
        ("service", "\ud800", "", 'cannot be "\\ud800"; its type is TruckService.'),
        (
            "pickup.timeWindow.start",
            "2030-01-02",
            "",
            'cannot be "2030-01-02"; its type is DateTime. It names no offset',
        ),
        ("pickup.timeWindow", "x" * 1000, "", f'must be an object, of the type TimeWindowInput, not "{"x" * 100}...".'),
    ],
)
def test_a_value_is_refused_with_its_path_and_in_jsons_form(place: str, value: object, at: str, message: str) -> None:
    steps = [int(step) if step.isdigit() else step for step in place.split(".")]

    (entry,) = refusals(CREATE_TASKS, replaced(TASKS, ("tasks", 0, *steps), value))

    path = ("tasks", 0, *steps, *at.split(".")[1:])
    assert entry["message"].startswith(f"{written(path)} {message}")
    assert entry["extensions"] == {"code": "BAD_INPUT", "variablePath": [str(step) for step in path]}
    assert entry["locations"] == [{"line": 2, "column": 11}]


async def test_a_missing_variable_and_a_plan_are_refused_in_the_same_words(world: World) -> None:
    executed = await world.ask(CREATE_TASKS)
    planned = await world.ask(CREATE_TASKS, headers={"X-Gateway-Explain": "plan"})

    assert executed.json == planned.json
    assert executed.json["errors"][0]["message"] == "$tasks is missing; its type is [LogisticsTaskInput!]!."


async def test_a_subscription_is_refused_in_the_same_words(world: World) -> None:
    query = "subscription ($ids: [ID!]!) { statusChanged(ids: $ids) { kind } }"
    body = {"query": query, "variables": {"ids": ["Delivery:1", None]}}

    async with world.client.stream(
        "POST", f"{world.url}/graphql", json=body, headers={"accept": "text/event-stream"}
    ) as response:
        text = (await response.aread()).decode()

    assert "$ids[1] must not be null; its type is ID!." in text


def test_errors_are_bounded_and_suggest_nothing_where_the_schema_is_hidden() -> None:
    text = "query ($ids: [ID!]!, $input: PriceQuoteInput) { a }"
    unknown = {"ids": [], "input": {"serviceTyp": "CAR", "serviceType": "CAT", "stops": []}}

    assert len(refusals(text, {"ids": [None] * 1000})) == MAX_ERRORS
    assert sum("Did you mean" in one["message"] for one in refusals(text, unknown)) == 2
    assert not any("Did you mean" in one["message"] for one in refusals(text, unknown, suggestions=False))


def _generated(number: int) -> tuple[str, dict[str, Any]]:
    random = Random(number)  # noqa: S311 - a test's choice
    word, root = random.choice([("query", CORE.query_type), ("mutation", CORE.mutation_type)])
    assert isinstance(root, GraphQLObjectType)
    name = random.choice([name for name, field in root.fields.items() if field.args])
    inputs = Inputs(random)
    selection = "{ __typename }" if is_composite_type(get_named_type(root.fields[name].type)) else ""
    return inputs.operation(name, root.fields[name], word, selection), inputs.given


def test_generated_variables_are_refused_exactly_where_graphql_core_refuses_them() -> None:
    refused = 0
    for number in range(1500):
        for entry in refusals(*_generated(number)):
            refused += 1
            path = tuple(int(one) if one.isdigit() else one for one in entry["extensions"]["variablePath"])
            assert entry["message"].startswith(f"{written(path)} ")
            assert internal_names(entry["message"]) == [], entry["message"]
    assert refused > 100


def test_generated_documents_are_refused_without_pythons_forms() -> None:
    documents = Documents(CORE)
    refused = 0
    for number in range(600):
        text, _ = _generated(number)
        for changed in _spoiled(text, Random(number)):  # noqa: S311 - a test's choice
            errors = documents.get(changed).errors
            refused += bool(errors)
            for entry in report(errors, "r"):
                assert internal_names(entry["message"]) == [], entry["message"]
    assert refused > 500


def _spoiled(text: str, random: Random) -> list[str]:
    """An operation with mistakes of several kinds in it."""
    types = [name for name, type_ in CORE.type_map.items() if isinstance(type_, GraphQLInputObjectType)]
    return [
        text.replace(": true", ": null").replace(": false", ': "f"').replace(": 1", ": {a: null}"),
        text.replace('"', "", 1),
        text.replace("(", "(unknown: [null, true, {a: 1.5}] ", 1),
        text.replace("!", "", 1).replace("ID", random.choice(types), 1),
        text.replace("{", "{ none ... on Nothing { a } ", 1),
        text.replace("}", "} }", 1),
        text.replace("]", "], null", 1),
    ]
