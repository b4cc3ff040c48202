"""What an operation asks for, without fragments and conditions, and the values of its arguments: what estimates use.

Values are read before anything is coerced or checked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)
from graphql.utilities import value_from_ast_untyped

CONDITIONS: Final = frozenset({"skip", "include"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A field that the client asks for; document lifetime.

    Args:
        name: The field's.
        types: The type conditions around it, up to the field above.
        conditions: The `@skip` and `@include` on it and on the fragments around it.
        arguments: By name.
        below: What is asked of its value.
    """

    name: str
    types: frozenset[str]
    conditions: tuple[DirectiveNode, ...] = ()
    arguments: Mapping[str, ValueNode] = field(default_factory=dict)
    below: tuple["Asked", ...] = ()


def asked_by(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[Asked, ...]:
    """What an operation asks for.

    The document has passed the limits: once its fragments are spread it is bounded, and none spreads itself.
    """
    return _Reading(fragments).below(operation.selection_set)


class _Reading:
    """Reads selections; lives as long as the reading of one operation."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments

    def below(self, selection_set: SelectionSetNode | None) -> tuple[Asked, ...]:
        if selection_set is None:
            return ()
        found: dict[object, Asked] = {}
        for asked in self._fields(selection_set, frozenset(), ()):
            # Of the same plain field one is enough; those with arguments or something below are all kept.
            plain = not asked.below and not asked.arguments
            found[(asked.name, asked.types, asked.conditions) if plain else id(asked)] = asked
        return tuple(found.values())

    def _fields(
        self, selection_set: SelectionSetNode, types: frozenset[str], conditions: tuple[DirectiveNode, ...]
    ) -> Iterator[Asked]:
        for selection in selection_set.selections:
            here = (*conditions, *_conditions(selection))
            if isinstance(selection, FieldNode):
                arguments = {one.name.value: one.value for one in selection.arguments or ()}
                yield Asked(selection.name.value, types, here, arguments, self.below(selection.selection_set))
            else:
                yield from self._fragment(selection, types, here)

    def _fragment(
        self, selection: SelectionNode, types: frozenset[str], conditions: tuple[DirectiveNode, ...]
    ) -> Iterator[Asked]:
        fragment: InlineFragmentNode | FragmentDefinitionNode
        if isinstance(selection, FragmentSpreadNode):
            fragment = self._fragments[selection.name.value]
        else:
            assert isinstance(selection, InlineFragmentNode)  # noqa: S101 - GraphQL has no other selection
            fragment = selection
        if fragment.type_condition is not None:
            types = types | {fragment.type_condition.name.value}
        yield from self._fields(fragment.selection_set, types, conditions)


def _conditions(selection: SelectionNode) -> Sequence[DirectiveNode]:
    return [one for one in selection.directives or () if one.name.value in CONDITIONS]


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
        return not conditions or all(self._holds(one) for one in conditions)

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
