"""Functions that complete values of a type: leaves, objects, lists.

A leaf is written by a test that costs nothing where the value is what it should be. Which object type a record is of
is decided once for all records of a class, so by its class alone.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import Enum
from functools import lru_cache
from inspect import isawaitable, iscoroutine
from typing import Any, Final, Protocol, TypeAlias, cast

from graphql import (
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    Undefined,
    default_type_resolver,
    is_abstract_type,
    is_object_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from gateway.operations.compiled.run import NotCovered, Run
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


LeafType = GraphQLScalarType | GraphQLEnumType

MINUTE: Final = timedelta(minutes=1)


def leaf_source(leaf: LeafType, value: str, names: dict[str, Any]) -> str:
    """The source of an expression that serializes a value which is not None.

    Args:
        leaf: The value's type.
        value: A name that holds the value.
        names: Where the objects go that the expression refers to.
    """
    serialize = f"serialize_{leaf.name}"
    names[serialize] = serializer(leaf)
    if leaf.name in {"String", "ID"}:
        return f"({value} if {value}.__class__ is str else {serialize}({value}))"
    if leaf.name == "Boolean":
        return f"({value} if {value}.__class__ is bool else {serialize}({value}))"
    if leaf.name == "Int":
        return (
            f"({value} if {value}.__class__ is int and -2147483648 <= {value} <= 2147483647 else {serialize}({value}))"
        )
    if leaf.name == "DateTime":
        names["datetime"], names["UTC"], names["is_plain_zone"] = datetime, UTC, is_plain_zone
        # The JSON encoder writes an instant as this scalar does, and ten times as fast.
        plain = f"{value}.__class__ is datetime and ({value}.tzinfo is UTC or is_plain_zone({value}.tzinfo))"
        return f"({value} if {plain} else {serialize}({value}))"
    if isinstance(leaf, GraphQLEnumType) and (members := _plain_members(leaf)) is not None:
        names[f"enum_{leaf.name}"] = members
        return f"({value}._name_ if {value}.__class__ is enum_{leaf.name} else {serialize}({value}))"
    return f"{serialize}({value})"


@lru_cache(maxsize=128)
def is_plain_zone(zone: tzinfo | None) -> bool:
    """Whether the JSON encoder writes a zone as `isoformat` does: one of whole minutes, the same all the year."""
    return isinstance(zone, timezone) and not zone.utcoffset(None) % MINUTE


def serializer(leaf: LeafType) -> Callable[[Any], Any]:
    """Serializes a value of this type the way graphql-core does."""
    coerce = leaf.coerce_output_value

    def serialize(value: Any) -> Any:  # noqa: ANN401 - whatever a record holds
        """The serialized value.

        Raises:
            NotCovered: there is none.
        """
        serialized = coerce(value)
        if serialized is None or serialized is Undefined:
            raise NotCovered
        return serialized

    return serialize


def _plain_members(leaf: GraphQLEnumType) -> type[Enum] | None:
    """The enum class behind a type, where each member is written by its own name."""
    wrapped = getattr(leaf, "wrapped_cls", None)
    if not (isinstance(wrapped, type) and issubclass(wrapped, Enum)):
        return None
    return wrapped if all(leaf.coerce_output_value(member) == member.name for member in wrapped) else None


Complete: TypeAlias = Callable[[Any, Run], Any]
"""Turns a value into its part of the response."""


class Selected(Protocol):
    """What a place of a document asks of the objects that stand there."""

    def function_for(self, value: object, run: Run) -> Complete:
        """What completes a record and all others of its class."""
        ...


def missing() -> None:
    """A null where the schema promises a value.

    Raises:
        NotCovered: always.
    """
    raise NotCovered


def object_completer(selection: Selected) -> Complete:
    """A function for objects."""

    def complete_object(value: Any, run: Run) -> Any:  # noqa: ANN401 - a record of any kind
        if value is None:
            raise NotCovered
        return selection.function_for(value, run)(value, run)

    return complete_object


def leaf_completer(leaf: LeafType) -> Complete:
    """A function for scalars and enums."""
    names: dict[str, Any] = {"missing": missing}
    source = f"def complete(v, run):\n if v is None: missing()\n return {leaf_source(leaf, 'v', names)}"
    exec(compile(source, f"<leaf {leaf.name}>", "exec"), names)  # noqa: S102 - holds nothing of the client's
    return cast("Complete", names["complete"])


def list_completer(complete_item: Complete) -> Complete:
    """A function for lists of leaves and of lists."""

    def complete_list(values: Any, run: Run) -> list[Any]:  # noqa: ANN401 - any sequence
        _require_list(values)
        return [complete_item(value, run) for value in values]

    return complete_list


def object_list_completer(selection: Selected, complete_item: Complete) -> Complete:
    """A function for lists of objects, mostly of one class, some of which may still be awaited.

    Args:
        selection: What is asked of the objects.
        complete_item: Completes an item, None included where the list may hold it.
    """

    def complete_list(values: Any, run: Run) -> list[Any]:  # noqa: ANN401 - any sequence
        _require_list(values)
        first = values[0] if values else None
        if first is not None and not hasattr(first, "__await__") and len(set(map(type, values))) == 1:
            complete = selection.function_for(first, run)
            return [complete(value, run) for value in values]
        out: list[Any] = [None] * len(values)
        for number, value in enumerate(values):
            run.settle(value, out, number, complete_item)
        return out

    return complete_list


def _require_list(values: object) -> None:
    if values.__class__ is not list and values.__class__ is not tuple:
        raise NotCovered
