"""Which object type a record is of: decided once for all records of a class, so by its class alone."""

from inspect import isawaitable, iscoroutine
from typing import Any, cast

from graphql import (
    GraphQLAbstractType,
    GraphQLNamedType,
    GraphQLObjectType,
    default_type_resolver,
    is_abstract_type,
    is_object_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from gateway.operations.compiled.fallback import NotCovered
from gateway.operations.compiled.run import Run
from schema.nodes import is_record


def require_decided_by_class(named_type: GraphQLNamedType) -> None:
    """Make sure that all values of one class are of one type.

    Raises:
        NotCovered: the type has a predicate or a resolver of its own, which may look at more than the class, or be a
            coroutine.
    """
    definition = named_type.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    own = getattr(definition, "resolve_type", None) or getattr(definition, "is_type_of", None)
    if own is not None and not isinstance(own, is_record):
        raise NotCovered


def type_of(value: object, named_type: GraphQLNamedType, run: Run) -> GraphQLObjectType:
    """The object type of a value, as graphql-core finds it.

    Args:
        value: Whatever stands in a place.
        named_type: The object, interface or union type of the place.
        run: The execution.

    Raises:
        NotCovered: the value is none of the type.
    """
    object_type = _resolved(value, named_type, run) if is_abstract_type(named_type) else named_type
    if not is_object_type(object_type):
        raise NotCovered
    require_decided_by_class(object_type)
    if object_type.is_type_of is not None:
        info = run.info([], object_type, object_type)
        if not _at_once(object_type.is_type_of(value, info)):
            raise NotCovered
    return object_type


def _resolved(value: object, abstract_type: GraphQLAbstractType, run: Run) -> GraphQLNamedType | None:
    possible = run.compiled.schema.get_possible_types(abstract_type)
    for one in possible:
        require_decided_by_class(one)
    resolve = abstract_type.resolve_type or default_type_resolver
    # Only the schema and the field's name are read of it, the latter for messages.
    info = run.info([], abstract_type, cast("GraphQLObjectType", abstract_type))
    name = _at_once(resolve(value, info, abstract_type))
    return next((one for one in possible if one.name == name), None)


def _at_once(answer: Any) -> Any:  # noqa: ANN401 - a type's name or a truth
    if iscoroutine(answer):
        answer.close()
    if isawaitable(answer):
        raise NotCovered
    return answer
