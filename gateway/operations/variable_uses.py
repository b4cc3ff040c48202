"""How often an operation uses each of its variables: a large one takes its time in each place anew."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from graphql import (
    FragmentDefinitionNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
)

from resolvers.selection import all_fields_of


class VariableUses(NamedTuple):
    """What an operation makes of its variables; document lifetime.

    Args:
        places: How often each is used in arguments of fields, in a fragment as often as that is spread. The variables
            of `@skip` and `@include` are Booleans, which are never large.
        default_sizes: Values in the defaults of those whose default is a list or an object.
    """

    places: Counter[str]
    default_sizes: dict[str, int]


def variable_uses(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> VariableUses:
    """Look through an operation.

    Args:
        operation: Of a document that has passed the limits.
        fragments: The document's, by name.
    """
    places: Counter[str] = Counter()
    for node, _, _ in all_fields_of(operation.selection_set, fragments):
        for argument in node.arguments or ():
            places.update(variables_in(argument.value))
    defaults = {
        one.variable.name.value: sum(1 for _ in _values(one.default_value)) - 1
        for one in operation.variable_definitions or ()
        if isinstance(one.default_value, ListValueNode | ObjectValueNode)
    }
    return VariableUses(places, defaults)


def variables_in(value: ValueNode) -> Iterator[str]:
    """Yield the names of the variables in a value, each as often as it stands there."""
    return (one.name.value for one in _values(value) if isinstance(one, VariableNode))


def _values(value: ValueNode) -> Iterator[ValueNode]:
    """A value and all within it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += getattr(one, "values", None) or ()
        waiting += [field.value for field in getattr(one, "fields", None) or ()]
