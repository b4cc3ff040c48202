"""What the client asked for below a field: so that a resolver fetches no more than that."""

from collections.abc import Iterator
from typing import TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)
from strawberry import Info

from resolvers.context import Context

OperationInfo: TypeAlias = Info[Context, None]


def selected_below(info: OperationInfo, *path: str) -> frozenset[str]:
    """The names of the fields selected at a path below the current field, fragments and directives applied.

    Fields under a type condition count whatever the type: a resolver may fetch for nothing, but never too little.

    Args:
        info: The current field's.
        path: Field names from there, such as `"edges", "node"`.
    """
    nodes = list(info._raw_info.field_nodes)  # noqa: SLF001 - Strawberry's own selections cost 50 times as much
    for name in path:
        nodes = [node for node in _fields(info, nodes) if node.name.value == name]
    return frozenset(node.name.value for node in _fields(info, nodes))


def _fields(info: OperationInfo, parents: list[FieldNode]) -> Iterator[FieldNode]:
    for parent in parents:
        if parent.selection_set is not None:
            yield from _fields_of_set(info, parent.selection_set)


def _fields_of_set(info: OperationInfo, selection_set: SelectionSetNode) -> Iterator[FieldNode]:
    raw = info._raw_info  # noqa: SLF001 - see above
    for selection in selection_set.selections:
        if selection.directives and not _included(info, selection):
            continue
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields_of_set(info, selection.selection_set)
        elif isinstance(selection, FragmentSpreadNode):
            yield from _fields_of_set(info, raw.fragments[selection.name.value].selection_set)


def _included(info: OperationInfo, selection: SelectionNode) -> bool:
    for directive in selection.directives or ():
        if directive.name.value == "skip" and _condition(info, directive):
            return False
        if directive.name.value == "include" and not _condition(info, directive):
            return False
    return True


def _condition(info: OperationInfo, directive: DirectiveNode) -> bool:
    """The value of `if`, which validation has seen to be there and to be a Boolean or a variable of one."""
    value = (directive.arguments or ())[0].value
    if isinstance(value, VariableNode):
        return bool(info.variable_values[value.name.value])
    return isinstance(value, BooleanValueNode) and value.value
