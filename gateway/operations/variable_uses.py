"""How often an operation uses each of its variables: a large one takes its time in each place anew."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)


class VariableUses(NamedTuple):
    """What an operation makes of its variables; document lifetime.

    Args:
        places: How often each is used, in a fragment as often as that is spread.
        default_sizes: Values in the defaults of those whose default is a list or an object.
    """

    places: Counter[str]
    default_sizes: dict[str, int]


def variable_uses(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> VariableUses:
    """Look through an operation.

    The document has passed the limits: once its fragments are spread it is bounded, and none spreads itself.
    """
    places: Counter[str] = Counter()
    waiting: list[SelectionSetNode] = [operation.selection_set]
    while waiting:
        for selection in waiting.pop().selections:
            for argument in _arguments(selection):
                places.update(one.name.value for one in _values(argument.value) if isinstance(one, VariableNode))
            below = _below(selection, fragments)
            if below is not None:
                waiting.append(below)
    defaults = {
        one.variable.name.value: sum(1 for _ in _values(one.default_value)) - 1
        for one in operation.variable_definitions or ()
        if isinstance(one.default_value, ListValueNode | ObjectValueNode)
    }
    return VariableUses(places, defaults)


def _arguments(selection: SelectionNode) -> Iterator[ArgumentNode]:
    for directive in selection.directives or ():
        yield from directive.arguments or ()
    if isinstance(selection, FieldNode):
        yield from selection.arguments or ()


def _below(selection: SelectionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> SelectionSetNode | None:
    if isinstance(selection, FragmentSpreadNode):
        return fragments[selection.name.value].selection_set
    below: SelectionSetNode | None = getattr(selection, "selection_set", None)
    return below


def _values(value: ValueNode) -> Iterator[ValueNode]:
    """A value and all within it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += getattr(one, "values", None) or ()
        waiting += [field.value for field in getattr(one, "fields", None) or ()]
