"""How values of scalars and enums become JSON: by a test that costs nothing where the value is what it should be."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from graphql import GraphQLEnumType, GraphQLScalarType, Undefined

from gateway.operations.compiled.fallback import NotCovered

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
