"""The values of arguments and conditions, as far as an estimate needs them: before anything is coerced or checked."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from graphql import DirectiveNode, OperationDefinitionNode, ValueNode, VariableNode
from graphql.utilities import value_from_ast_untyped

from gateway.operations.cost.selection import Asked


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
        return all(self._holds(one) for one in conditions)

    def _holds(self, directive: DirectiveNode) -> bool:
        given = next((one.value for one in directive.arguments or () if one.name.value == "if"), None)
        value = None if given is None else self._value(given)
        return bool(value) is (directive.name.value == "include")

    def _value(self, node: ValueNode) -> Any:  # noqa: ANN401 - see argument
        if not isinstance(node, VariableNode):
            self.names.update(_variables_in(node))
            return value_from_ast_untyped(node, self._variables)
        name = node.name.value
        self.names.add(name)
        return self._variables.get(name)


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        one.variable.name.value: value_from_ast_untyped(one.default_value)
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }


def _variables_in(node: ValueNode) -> Iterator[str]:
    waiting: list[Any] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, VariableNode):
            yield one.name.value
        waiting += getattr(one, "values", None) or ()
        waiting += [field.value for field in getattr(one, "fields", None) or ()]
