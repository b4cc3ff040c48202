"""Random values of input types: as literals with variables in them, and as the JSON that clients send for these."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    get_nullable_type,
)

LEAVES: Final[dict[str, list[Any]]] = {
    "String": ["", "text", "1"],
    "ID": ["Delivery:1", "7", 7],
    "Int": [0, 1, -5, 100],
    "Float": [1.5, 0, -90],
    "Boolean": [True, False],
    "DateTime": ["2024-03-01T00:00:00Z", "2024-03-01T00:00:00+02:00"],
    "Date": ["2024-02-29"],
    "Decimal": ["1.5"],
    "JSON": ["text"],
}
"""What may stand for each scalar, in JSON and in documents alike."""

UNFIT: Final[list[Any]] = [{}, {"unknown": 1}, [[]], "no such word", 2**40, 1.25, True, None]
"""What stands in a variable where it mostly may not."""


@dataclass
class Inputs:
    """Makes the values of one operation; lifetime: that operation.

    Args:
        random: Decides.

    Attributes:
        given: What the client sends as variables.
    """

    random: Random
    given: dict[str, Any] = field(default_factory=dict)
    _declared: list[str] = field(default_factory=list)

    def operation(self, name: str, definition: GraphQLField, word: str = "query", selection: str = "") -> str:
        """The text of an operation with this field at its root."""
        arguments = self._members(definition.args, may_vary=True)
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        return f"{word} {declared} {{ {name} {f'({arguments})' if arguments else ''} {selection} }}"

    def literal(self, type_: GraphQLInputType) -> str:
        """A value of a type as it stands in a document, without variables."""
        return self._literal(type_, may_vary=False)

    def _members(self, members: "dict[str, GraphQLArgument] | dict[str, GraphQLInputField]", *, may_vary: bool) -> str:
        return " ".join(
            f"{name}: {self._literal(one.type, may_vary=may_vary)}"
            for name, one in members.items()
            if isinstance(one.type, GraphQLNonNull) or self._happens(0.6)
        )

    def _literal(self, type_: GraphQLInputType, *, may_vary: bool) -> str:
        if may_vary and self._happens(0.4):
            return self._variable(type_)
        if not isinstance(type_, GraphQLNonNull) and self._happens(0.1):
            return "null"
        inner = get_nullable_type(type_)
        if isinstance(inner, GraphQLList):
            items = [self._literal(inner.of_type, may_vary=may_vary) for _ in range(self.random.randint(0, 3))]
            return items[0] if len(items) == 1 and "$" not in items[0] else f"[{', '.join(items)}]"
        if isinstance(inner, GraphQLInputObjectType):
            return f"{{{self._members(inner.fields, may_vary=may_vary)}}}"
        leaf = self._leaf(inner)
        return str(leaf) if isinstance(inner, GraphQLEnumType) else json.dumps(leaf)

    def _variable(self, type_: GraphQLInputType) -> str:
        name = f"v{len(self._declared)}"
        self._declared.append(f"${name}: {type_}")
        if self._happens(0.3):
            # A type that may be null may stand where none may, if the variable has a default.
            declared = get_nullable_type(type_) if self._happens(0.5) else type_
            self._declared[-1] = f"${name}: {declared} = {self._literal(type_, may_vary=False)}"
            if declared is not type_ and self._happens(0.3):
                self.given[name] = None
                return f"${name}"
        if self._happens(0.8):
            self.given[name] = self._json(type_)
        return f"${name}"

    def _json(self, type_: GraphQLInputType) -> Any:  # noqa: ANN401 - any JSON
        if self._happens(0.06):
            return self.random.choice(UNFIT)
        if not isinstance(type_, GraphQLNonNull) and self._happens(0.1):
            return None
        inner = get_nullable_type(type_)
        if isinstance(inner, GraphQLList):
            items = [self._json(inner.of_type) for _ in range(self.random.randint(0, 3))]
            return items[0] if len(items) == 1 and not isinstance(items[0], list) else items
        if isinstance(inner, GraphQLInputObjectType):
            return {
                name: self._json(one.type)
                for name, one in inner.fields.items()
                if isinstance(one.type, GraphQLNonNull) or self._happens(0.6)
            }
        return self._leaf(inner)

    def _leaf(self, type_: GraphQLNamedType) -> Any:  # noqa: ANN401 - see above
        return self.random.choice(list(type_.values) if isinstance(type_, GraphQLEnumType) else LEAVES[type_.name])

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance
