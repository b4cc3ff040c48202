"""Compiled functions read arguments and variables as graphql-core and Strawberry do together."""

import inspect
from random import Random
from typing import Any, Final

import pytest
import strawberry
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    OperationDefinitionNode,
    Undefined,
    parse,
    parse_value,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from strawberry import Schema
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from gateway.operations.compiled.arguments import Arguments, Variables, coercion, reading
from gateway.operations.compiled.run import NotCovered
from gateway.operations.execution import core_schema
from schema.root import build_schema
from tests.operations.generated_inputs import Inputs

OPERATIONS_A_FIELD: Final = 400
REFUSED: Final = "refused"

SCHEMA: Final[Schema] = build_schema()
CORE: Final = core_schema(SCHEMA)
FIELDS: Final = {
    f"{named.name}.{name}": definition
    for named in CORE.type_map.values()
    if isinstance(named, GraphQLObjectType) and named is not CORE.mutation_type and not named.name.startswith("__")
    for name, definition in named.fields.items()
    if definition.args
}


def strawberry_field(definition: GraphQLField) -> StrawberryField:
    field = definition.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    assert isinstance(field, StrawberryField)
    return field


def defaults(definition: GraphQLField) -> dict[str, Any]:
    """What a resolver takes for parameters that it is not given."""
    resolver = strawberry_field(definition).base_resolver
    assert resolver is not None
    parameters = resolver.signature.parameters.values()
    return {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}


def expected(definition: GraphQLField, operation: OperationDefinitionNode, given: dict[str, Any]) -> Any:  # noqa: ANN401 - arguments, or REFUSED
    variables = get_variable_values(CORE, operation.variable_definitions or (), given)
    if not isinstance(variables, VariableValues):
        return REFUSED
    try:
        values = get_argument_values(definition, node_of(operation), variables)
    except GraphQLError:
        return REFUSED
    registry, config = SCHEMA.schema_converter.scalar_registry, SCHEMA.config
    converted = convert_arguments(values, strawberry_field(definition).arguments, registry, config)
    return {**defaults(definition), **converted}


def compiled(definition: GraphQLField, operation: OperationDefinitionNode, given: dict[str, Any]) -> Any:  # noqa: ANN401 - see above
    variables = Variables(CORE, operation).values(given, {})
    if variables is None:
        return REFUSED
    try:
        return {**defaults(definition), **Arguments(definition, node_of(operation)).values(variables)}
    except NotCovered:
        return REFUSED


def operation_of(text: str) -> OperationDefinitionNode:
    (operation,) = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def node_of(operation: OperationDefinitionNode) -> FieldNode:
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    return node


@pytest.mark.parametrize("name", FIELDS)
def test_arguments_of_generated_operations_are_what_the_libraries_make_of_them(name: str) -> None:
    random = Random(name)  # noqa: S311 - a test's choice
    outcomes = {True: 0, False: 0}

    for _ in range(OPERATIONS_A_FIELD):
        inputs = Inputs(random)
        text = inputs.operation(name.partition(".")[2], FIELDS[name])
        operation = operation_of(text)
        wanted = expected(FIELDS[name], operation, inputs.given)

        got = compiled(FIELDS[name], operation, inputs.given)

        assert got == wanted, (text, inputs.given)
        outcomes[wanted == REFUSED] += 1
    # A field of one optional argument is refused about once in a hundred.
    assert all(outcomes.values())


def test_a_variable_that_must_be_sent_is_missed_wherever_it_is_used() -> None:
    variables = Variables(CORE, operation_of("query ($x: Boolean!) { __typename @include(if: $x) }"))

    assert variables.values({}, {}) is None
    assert variables.values({"x": True}, {}) == {"x": True}


def test_the_literals_of_a_document_join_the_variables_of_its_client() -> None:
    variables = Variables(CORE, operation_of("query ($x: Boolean!) { __typename @include(if: $x) }"))

    assert variables.values({"x": True}, {"literal 0": 5}) == {"x": True, "literal 0": 5}


def find_nothing(_: object) -> object:
    return Undefined


FREE_FORM: Final = GraphQLScalarType("FreeForm")
REFUSING: Final = GraphQLScalarType("Refusing", coerce_input_value=find_nothing)


@pytest.mark.parametrize(("type_", "value"), [(GraphQLNonNull(GraphQLList(GraphQLInt)), None), (REFUSING, 1)])
def test_a_value_that_its_type_does_not_have_is_refused(type_: GraphQLInputType, value: object) -> None:
    coerce = coercion(type_)

    with pytest.raises(NotCovered):
        coerce(value)


@pytest.mark.parametrize(("text", "type_"), [("{a: $x}", FREE_FORM), ('"text"', GraphQLInt)])
def test_a_literal_that_cannot_be_read_beforehand_is_left_to_graphql_core(text: str, type_: GraphQLInputType) -> None:
    node = parse_value(text)

    with pytest.raises(NotCovered):
        reading(node, type_)


def test_a_variable_without_a_value_is_null_in_a_list() -> None:
    read = reading(parse_value("[1, $x]"), GraphQLList(GraphQLInt))

    assert read({})[1] is None


@strawberry.input(one_of=True)
class OneOf:
    """An input whose fields exclude each other."""

    a: int | None = strawberry.UNSET
    b: int | None = strawberry.UNSET


@strawberry.input
class Maybe:
    """An input that distinguishes null from absence."""

    a: strawberry.Maybe[int]


@strawberry.input
class Built:
    """An input that another library builds."""

    a: int


def build(*_: object) -> Built:
    return Built(a=1)


Built.__strawberry_definition__.from_input = build  # type: ignore[attr-defined]  # set by the decorator


@strawberry.type
class Special:
    """Has arguments of kinds that the gateway's schema has not."""

    @strawberry.field
    def one_of(self, given: OneOf) -> int:
        return given.a or 0

    @strawberry.field
    def built(self, given: Built) -> int:
        return given.a

    @strawberry.field
    def maybe_within(self, given: Maybe) -> int:
        return given.a.value if given.a else 0

    @strawberry.field
    def maybe(self, given: strawberry.Maybe[int] = None) -> int:
        return given.value if given else 0


@pytest.mark.parametrize(
    "call", ["oneOf(given: {a: 1})", "built(given: {a: 1})", "maybeWithin(given: {a: 1})", "maybe(given: 1)"]
)
def test_arguments_of_special_kinds_are_left_to_graphql_core(call: str) -> None:
    core = core_schema(strawberry.Schema(Special))
    assert core.query_type is not None
    node = node_of(operation_of(f"{{ {call} }}"))

    with pytest.raises(NotCovered):
        Arguments(core.query_type.fields[node.name.value], node)
