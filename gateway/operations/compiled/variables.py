"""The variables of an operation: their types are looked up once, their values for each request."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from graphql import (
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableDefinitionNode,
    type_from_ast,
)

from gateway.operations.compiled.arguments import Read, reading
from gateway.operations.compiled.fallback import NotCovered
from gateway.operations.compiled.inputs import Coerce, coercion


class _Variable(NamedTuple):
    """One of them; `default` reads the value that it has where the client sends none."""

    name: str
    coerce: Coerce
    default: Read | None
    required: bool


class Variables:
    """The variables of one operation; plan lifetime.

    Args:
        schema: Has their types.
        operation: Defines them.

    Raises:
        NotCovered: there is one whose values are not compiled.
    """

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._variables = [_variable(schema, node) for node in operation.variable_definitions or ()]

    def values(self, given: Mapping[str, Any] | None, literals: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The value of each that has one, as resolvers take it; None where graphql-core has to say what does not fit.

        Args:
            given: As the client sent them.
            literals: The values of the variables that stand in the places of literals.
        """
        if not self._variables:
            return literals
        try:
            return {**self._values(given or {}), **literals}
        except NotCovered:
            return None

    def _values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for name, coerce, default, required in self._variables:
            if name in given:
                found[name] = coerce(given[name])
            elif default is not None:
                found[name] = default({})
            elif required:
                raise NotCovered
        return found


def _variable(schema: GraphQLSchema, node: VariableDefinitionNode) -> _Variable:
    type_ = cast("GraphQLInputType", type_from_ast(schema, node.type))
    default = None if node.default_value is None else reading(node.default_value, type_)
    return _Variable(node.variable.name.value, coercion(type_), default, isinstance(type_, GraphQLNonNull))
