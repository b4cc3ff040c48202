"""What the client asked for below a field: so that a resolver fetches no more than that."""

from collections.abc import Iterator
from typing import TypeAlias

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
)
from graphql.execution import get_directive_values
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
    variables = info._raw_info.variable_values  # noqa: SLF001 - see above
    skip = get_directive_values(GraphQLSkipDirective, selection, variables)
    include = get_directive_values(GraphQLIncludeDirective, selection, variables)
    return not (skip and skip["if"]) and (include is None or bool(include["if"]))
