"""The fields that an operation selects, with their prices, and the values of their arguments, for estimates."""

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


class PricedField(msgspec.Struct, frozen=True, eq=False):
    """A selected field and its price; document lifetime.

    Args:
        name: The field's name.
        types: The type conditions around it, up to the parent field.
        conditions: The `@skip` and `@include` on it and on the fragments around it.
        arguments: The nodes of its arguments, by name.
        below: The fields selected of its value.
        price: The price that the schema declares for it.
    """

    name: str
    types: frozenset[str]
    conditions: tuple[DirectiveNode, ...]
    arguments: Mapping[str, ValueNode]
    below: tuple["PricedField", ...]
    price: Price


_NO_FIELD: Final = (NO_PRICE, "")
_NO_FIELDS: Final[Mapping[str, tuple[Price, str]]] = {}


class SelectionReader:
    """Finds the fields that operations select, with their prices; process lifetime.

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

    def priced_fields(
        self, operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> tuple[PricedField, ...]:
        """Return the root fields of an operation, with all fields below them.

        Args:
            operation: An operation of a valid document within the document limits, so that the recursion is bounded.
            fragments: The document's fragments, by name.
        """
        return self._below(operation.selection_set, self._roots[operation.operation], fragments)

    def _below(
        self, selection_set: SelectionSetNode | None, parent: str, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> tuple[PricedField, ...]:
        if selection_set is None:
            return ()
        found: dict[object, PricedField] = {}
        for node, types, directives in fields_of(selection_set, fragments):
            name, arguments = node.name.value, {one.name.value: one.value for one in node.arguments or ()}
            # Every type has `__typename`, which costs nothing; so do `__schema` and `__type`, with all below them.
            price, kind = self._fields.get(types[-1] if types else parent, _NO_FIELDS).get(name, _NO_FIELD)
            below = self._below(node.selection_set, kind, fragments)
            selected = PricedField(name, frozenset(types), directives, arguments, below, price)
            # A field without arguments and subfields costs the same each time, so one of it is enough.
            plain = not below and not arguments
            found[(name, selected.types, directives) if plain else id(selected)] = selected
        return tuple(found.values())


class Values:
    """Reads the values of arguments under one set of variables; lifetime: one estimate.

    Values are as the client wrote them, neither coerced nor checked. An invalid one counts as none, because the
    operation is refused before any call.

    Args:
        operation: Has the defaults of variables.
        variables: As the client sent them, and the literals of a parameterized document.

    Attributes:
        names: The variables that were read, which the estimate depends on.
        depends_on_time: Whether the estimate depends on the time too; set by the reader of a time.
    """

    def __init__(self, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None) -> None:
        # A null that the client sends overrides a default, as in GraphQL's coercion.
        self._variables = {**_defaults(operation), **(variables or {})}
        self.names: set[str] = set()
        self.depends_on_time = False

    def argument(self, selected: PricedField, name: str) -> Any:  # noqa: ANN401 - any value
        """Return an argument's value; None where it is absent."""
        node = selected.arguments.get(name)
        return None if node is None else self._value(node)

    def member(self, selected: PricedField, name: str, member: str) -> Any:  # noqa: ANN401 - any value
        """Return the value of one field of an input object; None where it is absent."""
        node = selected.arguments.get(name)
        if isinstance(node, ObjectValueNode):
            # The whole object is not read, so that the estimate depends on no variable of its other fields.
            written = next((field.value for field in node.fields if field.name.value == member), None)
            return None if written is None else self._value(written)
        given = self.argument(selected, name)
        return given.get(member) if isinstance(given, Mapping) else None

    def reference(self, selected: PricedField, name: str) -> str:
        """Return a text that is the same for the same value, without reading it: a variable counts by its name."""
        node = selected.arguments.get(name)
        if isinstance(node, VariableNode):
            return f"${node.name.value}"
        return str(getattr(node, "value", None))

    def number(self, selected: PricedField, name: str, default: int, most: int) -> int:
        """Return a number that the client requests, from 0 to `most`; 0 where the value is no number."""
        value = self.argument(selected, name)
        if value is None:
            return default
        # Clamped, because the resolver refuses a number outside of the range before any call.
        return int(max(0, min(value, most))) if isinstance(value, int | float) else 0

    def page(self, selected: PricedField) -> int:
        """Return the length of the list of a connection or payload; 1 where the field has none."""
        size = selected.price.size
        if isinstance(size, PageByFirst):
            # The resolver refuses two sizes before any call.
            last = self.number(selected, "last", 0, size.most)
            return last or self.number(selected, "first", size.usual, size.most)
        return len(self.many(selected, size.argument)) if isinstance(size, PageByArgument) else 1

    def many(self, selected: PricedField, name: str) -> list[Any]:
        """Return the items of a list; a single value is a list of one, as GraphQL coerces it."""
        value = self.argument(selected, name)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]

    def instant(self, selected: PricedField, name: str) -> datetime | None:
        """Return a point in time; None where it is absent or invalid."""
        value = self.argument(selected, name)
        try:
            instant = datetime.fromisoformat(value) if isinstance(value, str) else value
            return instant.astimezone(UTC) if isinstance(instant, datetime) else None
        except (ValueError, OverflowError):
            return None

    def holds(self, conditions: Sequence[DirectiveNode]) -> bool:
        """Return whether a selection under these `@skip` and `@include` is executed."""
        return not conditions or holds(conditions, self._variable)

    def _value(self, node: ValueNode) -> Any:  # noqa: ANN401 - see argument
        if isinstance(node, VariableNode):
            return self._variable(node.name.value)
        # Variables in a list or object count as read, even if its reader looks at a part only.
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
