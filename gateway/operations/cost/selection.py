"""What an operation asks for and what its fields cost, and the values of its arguments: what estimates use.

Values are read before anything is coerced or checked.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from graphql import (
    DirectiveNode,
    FragmentDefinitionNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)
from graphql.utilities import value_from_ast_untyped

from gateway.operations.documents.documents import variables_in
from resolvers.selection import fields_of, holds
from schema.prices import NO_PRICE, PageByArgument, PageByFirst, Price, price_of


class Asked(msgspec.Struct, frozen=True, eq=False):
    """A field that the client asks for; document lifetime.

    Args:
        name: The field's.
        types: The type conditions around it, up to the field above.
        conditions: The `@skip` and `@include` on it and on the fragments around it.
        arguments: By name.
        below: What is asked of its value.
        price: What its declaration says that it costs.
    """

    name: str
    types: frozenset[str]
    conditions: tuple[DirectiveNode, ...]
    arguments: Mapping[str, ValueNode]
    below: tuple["Asked", ...]
    price: Price


_NO_FIELD: Final = (NO_PRICE, "")
_NO_FIELDS: Final[Mapping[str, tuple[Price, str]]] = {}


class SelectionReader:
    """Reads what operations ask for, with the prices of the fields; process lifetime.

    Args:
        schema: Its fields declare their prices.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        roots = {one: schema.get_root_type(one) for one in OperationType}
        self._roots = {one: root.name for one, root in roots.items() if root is not None}
        self._fields = {
            owner.name: {
                name: (price_of(field), get_named_type(field.type).name) for name, field in owner.fields.items()
            }
            for owner in schema.type_map.values()
            if isinstance(owner, GraphQLObjectType | GraphQLInterfaceType)
        }

    def asked_by(
        self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> tuple[Asked, ...]:
        """What an operation asks for.

        The document has passed the limits: once its fragments are spread it is bounded, and none spreads itself.

        Args:
            operation: Of a document that is valid against the schema.
            fragments: The document's, by name.
        """
        return self._below(operation.selection_set, self._roots[operation.operation], fragments)

    def _below(
        self, selection_set: SelectionSetNode | None, parent: str, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> tuple[Asked, ...]:
        if selection_set is None:
            return ()
        found: dict[object, Asked] = {}
        for node, types, directives in fields_of(selection_set, fragments):
            name, arguments = node.name.value, {one.name.value: one.value for one in node.arguments or ()}
            # Every type has `__typename`, which costs nothing; so do `__schema` and `__type`, with all below them.
            price, kind = self._fields.get(types[-1] if types else parent, _NO_FIELDS).get(name, _NO_FIELD)
            below = self._below(node.selection_set, kind, fragments)
            asked = Asked(name, frozenset(types), directives, arguments, below, price)
            # Of the same plain field one is enough; those with arguments or something below are all kept.
            plain = not below and not arguments
            found[(name, asked.types, directives) if plain else id(asked)] = asked
        return tuple(found.values())


class Values:
    """Reads values under one set of variables; estimate lifetime.

    Args:
        operation: Says which defaults variables have.
        variables: As the client sent them, and the literals that stand in variables' places.

    Attributes:
        names: The variables that were read, so that the estimate depends on them.
        depends_on_time: Whether it depends on the time as well; set by who asks for that.
    """

    def __init__(self, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None) -> None:
        self._variables = {**_defaults(operation), **(variables or {})}
        self.names: set[str] = set()
        self.depends_on_time = False

    def argument(self, asked: Asked, name: str) -> Any:  # noqa: ANN401 - whatever the client wrote there
        """An argument's value; None where it is not given."""
        node = asked.arguments.get(name)
        return None if node is None else self._value(node)

    def member(self, asked: Asked, name: str, member: str) -> Any:  # noqa: ANN401 - whatever the client wrote there
        """The value of one field of an input object, which depends on no other field; None where it is not given."""
        node = asked.arguments.get(name)
        if isinstance(node, ObjectValueNode):
            written = next((field.value for field in node.fields if field.name.value == member), None)
            return None if written is None else self._value(written)
        given = self.argument(asked, name)
        return given.get(member) if isinstance(given, Mapping) else None

    def reference(self, asked: Asked, name: str) -> str:
        """What tells an argument's value from others without reading it: a variable stands for whatever it holds."""
        node = asked.arguments.get(name)
        if isinstance(node, VariableNode):
            return f"${node.name.value}"
        return str(getattr(node, "value", None))

    def number(self, asked: Asked, name: str, default: int, most: int) -> int:
        """How many the client asks for, from 0 to `most`; what is no number is refused later, and costs nothing."""
        value = self.argument(asked, name)
        if value is None:
            return default
        return int(max(0, min(value, most))) if isinstance(value, int | float) else 0

    def page(self, asked: Asked) -> int:
        """How many objects the lists of a connection or of a payload hold; 1 where the field has none."""
        size = asked.price.size
        if isinstance(size, PageByFirst):
            return self.number(asked, "first", size.usual, size.most)
        return len(self.many(asked, size.argument)) if isinstance(size, PageByArgument) else 1

    def many(self, asked: Asked, name: str) -> list[Any]:
        """A list's items; GraphQL takes a single value for a list of one."""
        value = self.argument(asked, name)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]

    def instant(self, asked: Asked, name: str) -> datetime | None:
        """A point in time; None where it is not given, or is none."""
        value = self.argument(asked, name)
        try:
            instant = datetime.fromisoformat(value) if isinstance(value, str) else value
            return instant.astimezone(UTC) if isinstance(instant, datetime) else None
        except (ValueError, OverflowError):
            return None

    def holds(self, conditions: Sequence[DirectiveNode]) -> bool:
        """Whether a selection under these `@skip` and `@include` is asked for."""
        return not conditions or holds(conditions, self._variable)

    def _value(self, node: ValueNode) -> Any:  # noqa: ANN401 - see argument
        if isinstance(node, VariableNode):
            return self._variable(node.name.value)
        self.names.update(variables_in(node))
        return value_from_ast_untyped(node, self._variables)

    def _variable(self, name: str) -> Any:  # noqa: ANN401 - see argument
        self.names.add(name)
        return self._variables.get(name)


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        one.variable.name.value: value_from_ast_untyped(one.default_value)
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }
