"""Completes values to their part of the response: leaves, objects and lists.

A leaf is serialized inline where a cheap test of its class suffices, else as graphql-core does it. The object type of a
record is decided once per class of records.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from inspect import isawaitable, iscoroutine
from typing import Any, Protocol, TypeAlias, cast

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
    """Ensure that a value's class decides whether it is of a type.

    Raises:
        NotCovered: The type has an `is_type_of` or `resolve_type` that may look at more than the class, or await.
    """
    definition = named_type.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    own = getattr(definition, "resolve_type", None) or getattr(definition, "is_type_of", None)
    if own is not None and not isinstance(own, is_record):
        raise NotCovered


def type_of(value: object, named_type: GraphQLNamedType, run: Run) -> GraphQLObjectType:
    """Return the object type of a value, as graphql-core resolves it.

    Args:
        value: The value of a field or list item.
        named_type: The object, interface or union type of the field.
        run: The execution.

    Raises:
        NotCovered: The value is not of the type.
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
    # Type resolvers read only its schema, and the field's name for messages.
    info = run.info([], abstract_type, cast("GraphQLObjectType", abstract_type))
    name = _at_once(resolve(value, info, abstract_type))
    return next((one for one in possible if one.name == name), None)


def _at_once(answer: Any) -> Any:  # noqa: ANN401 - a type's name or a truth
    # Python warns of a coroutine that is dropped without being awaited or closed.
    if iscoroutine(answer):
        answer.close()
    if isawaitable(answer):
        raise NotCovered
    return answer


LeafType = GraphQLScalarType | GraphQLEnumType


def leaf_source(leaf: LeafType, value: str, names: dict[str, Any]) -> str:
    """Return the source of an expression that serializes a value which is not None.

    Args:
        leaf: The value's type.
        value: The name of the variable with the value.
        names: The globals of the expression, to which its objects are added.
    """
    serialize = f"serialize_{leaf.name}"
    names[serialize] = serializer(leaf)
    # `__class__ is` and not `isinstance`, since a subclass may serialize differently, such as an enum of strings.
    if leaf.name in {"String", "ID"}:
        return f"({value} if {value}.__class__ is str else {serialize}({value}))"
    if leaf.name == "Boolean":
        return f"({value} if {value}.__class__ is bool else {serialize}({value}))"
    if leaf.name == "Int":
        return (
            f"({value} if {value}.__class__ is int and -2147483648 <= {value} <= 2147483647 else {serialize}({value}))"
        )
    if leaf.name == "DateTime":
        names["datetime"], names["UTC"] = datetime, UTC
        # orjson writes such an instant as this scalar does, ten times as fast.
        return f"({value} if {value}.__class__ is datetime and {value}.tzinfo is UTC else {serialize}({value}))"
    if isinstance(leaf, GraphQLEnumType) and (members := _plain_members(leaf)) is not None:
        names[f"enum_{leaf.name}"] = members
        return f"({value}._name_ if {value}.__class__ is enum_{leaf.name} else {serialize}({value}))"
    return f"{serialize}({value})"


def serializer(leaf: LeafType) -> Callable[[Any], Any]:
    """Return a function that serializes values of a type as graphql-core does."""
    coerce = leaf.coerce_output_value

    def serialize(value: Any) -> Any:  # noqa: ANN401 - any value of a record
        """Return the serialized value.

        Raises:
            NotCovered: The type has none for this value.
        """
        serialized = coerce(value)
        # graphql-core makes an error of both for a leaf.
        if serialized is None or serialized is Undefined:
            raise NotCovered
        return serialized

    return serialize


def _plain_members(leaf: GraphQLEnumType) -> type[Enum] | None:
    """Return the class of an enum whose members serialize to their own names; else None."""
    wrapped = getattr(leaf, "wrapped_cls", None)
    if not (isinstance(wrapped, type) and issubclass(wrapped, Enum)):
        return None
    # A GraphQL name may differ from the member's, by `strawberry.enum_value(name=...)`.
    return wrapped if all(leaf.coerce_output_value(member) == member.name for member in wrapped) else None


Complete: TypeAlias = Callable[[Any, Run], Any]
"""Completes a value to its part of the response."""


class Selected(Protocol):
    """The interface of `Selection` (`objects.py`), which imports this module."""

    def function_for(self, value: object, run: Run) -> Complete:
        """Return the function that completes a record and all others of its class."""
        ...


def missing() -> None:
    """Reject a null where the schema does not allow one.

    Raises:
        NotCovered: Always.
    """
    raise NotCovered


def object_completer(selection: Selected) -> Complete:
    """Return a function that completes objects."""

    def complete_object(value: Any, run: Run) -> Any:  # noqa: ANN401 - a record of any kind
        if value is None:
            raise NotCovered
        return selection.function_for(value, run)(value, run)

    return complete_object


def leaf_completer(leaf: LeafType) -> Complete:
    """Return a function that completes scalars and enums."""
    names: dict[str, Any] = {"missing": missing}
    source = f"def complete(v, run):\n if v is None: missing()\n return {leaf_source(leaf, 'v', names)}"
    exec(compile(source, f"<leaf {leaf.name}>", "exec"), names)  # noqa: S102 - holds nothing of the client's
    return cast("Complete", names["complete"])


def list_completer(complete_item: Complete) -> Complete:
    """Return a function that completes lists of leaves or lists."""

    def complete_list(values: Any, run: Run) -> list[Any]:  # noqa: ANN401 - any sequence
        _require_list(values)
        return [complete_item(value, run) for value in values]

    return complete_list


def object_list_completer(selection: Selected, complete_item: Complete) -> Complete:
    """Return a function that completes lists of objects, some of which may be awaitable.

    Args:
        selection: The selections of the objects.
        complete_item: Completes an item, also None where the item type is nullable.
    """

    def complete_list(values: Any, run: Run) -> list[Any]:  # noqa: ANN401 - any sequence
        _require_list(values)
        first = values[0] if values else None
        # Nearly all lists have one class, whose function is then looked up once.
        if first is not None and not hasattr(first, "__await__") and len(set(map(type, values))) == 1:
            complete = selection.function_for(first, run)
            return [complete(value, run) for value in values]
        out: list[Any] = [None] * len(values)
        for number, value in enumerate(values):
            run.settle(value, out, number, complete_item)
        return out

    return complete_list


def _require_list(values: object) -> None:
    # graphql-core accepts more iterables, also asynchronous ones.
    if values.__class__ is not list and values.__class__ is not tuple:
        raise NotCovered
