"""What the schema declares as null only on error is so, whatever goes wrong at an upstream."""

from collections.abc import Iterator
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    is_object_type,
    parse,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from gateway.operations.execution import core_schema
from gateway.sandbox.faults import FaultSettings
from schema.nullability import SemanticNonNull
from schema.root import build_schema
from tests.scenarios.test_messages import FAILURES, Failing
from tests.world import UNCACHED, running_world

CORE: Final = core_schema(build_schema())
QUERY: Final = """{
  deliveries(first: 3) { nodes { id smsJobs(first: 3) { searched } } edges { node { id } } }
  smsJobs(first: 3) {
    nodes { id qos recipients { nodes { id } edges { node { id } } } } edges { node { id recipientCount } }
  }
  smsApiVersion { majorVersion }
  logisticsTasks(first: 3) { nodes { id smsJobs(first: 3) { searched } } edges { node { id } } }
  priceQuote(input: { serviceType: CAR, stops: [{ address: "A" }, { address: "B" }] }) { code }
  partner { name }
  organizations(first: 3) { nodes { id } edges { node { id } } }
}"""


def levels_of(field: GraphQLField) -> list[int]:
    directives = getattr(field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF), "directives", ())
    return [level for one in directives if isinstance(one, SemanticNonNull) for level in one.levels]


def declared() -> set[str]:
    """All fields that have the directive."""
    types = [one for one in CORE.type_map.values() if isinstance(one, GraphQLObjectType)]
    return {f"{one.name}.{name}" for one in types for name, field in one.fields.items() if levels_of(field)}


def nulls(
    node: FieldNode | OperationDefinitionNode, type_: GraphQLObjectType, value: dict[str, Any], path: tuple[Any, ...]
) -> Iterator[tuple[str, tuple[Any, ...] | None]]:
    """The declared fields in a response, each with the path of its null or with None."""
    for child in node.selection_set.selections if node.selection_set else ():
        assert isinstance(child, FieldNode)
        field, found = type_.fields[child.name.value], value[child.name.value]
        at, below = (*path, child.name.value), get_named_type(field.type)
        items = [(found, at)]
        if isinstance(found, list):
            items = [(one, (*at, index)) for index, one in enumerate(found)]
        for one, where in items:
            if levels_of(field):
                yield f"{type_.name}.{child.name.value}", where if one is None else None
            if one is not None and is_object_type(below):
                assert isinstance(below, GraphQLObjectType)
                yield from nulls(child, below, one, where)


def assert_declared_nulls_have_errors(answer: dict[str, Any]) -> dict[str, tuple[Any, ...] | None]:
    """Return the declared fields that the answer has, each with the path of a null or with None."""
    (operation,) = parse(QUERY).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert CORE.query_type is not None
    errors = [tuple(error["path"]) for error in answer.get("errors", ())]
    found = list(nulls(operation, CORE.query_type, answer["data"], ()))
    for name, where in found:
        # The error of a field below that may not be null makes its parent null.
        assert where is None or any(path[: len(where)] == where for path in errors), (name, where, errors)
    return dict(sorted(found, key=lambda one: one[1] is not None))


async def test_a_declared_field_is_null_only_where_there_is_an_error() -> None:
    failing = Failing()
    async with running_world(UNCACHED, around=failing) as world:
        found = assert_declared_nulls_have_errors((await world.ask(QUERY)).json)
        assert found.keys() == declared()
        assert not any(found.values())

        for failure in ("missing", "nonsense", "refused", "down"):
            failing.answer = FAILURES[failure]
            found = assert_declared_nulls_have_errors((await world.ask(QUERY)).json)
            assert any(found.values()), failure


async def test_an_item_is_null_only_where_there_is_an_error() -> None:
    async with running_world(UNCACHED) as world:
        for simulator in (world.sms.primary, world.sms.secondary):
            simulator.faults.settings = FaultSettings(outage="503", only_path_prefix="/rest/v1/jobs/")
        found = assert_declared_nulls_have_errors((await world.ask(QUERY)).json)

    assert found["SmsJobEdge.node"]
