"""Walks over selection sets, for resolvers, plans, estimates and limits.

Theory of operation
-------------------
A selection set holds fields, inline fragments and spreads of fragments. `fields_of` lists its fields in the order of
the document, each with the type conditions and the directives of all fragments around it. It applies none of them,
because that takes a type and the values of variables, which its users know at different times.

===================  ==================================  =============================================================
user                 directives                          type conditions
===================  ==================================  =============================================================
`selected_below`     by the values of this execution     ignored, so that no field that is needed is overlooked
compiled plans       by the values of one variant        by one object type, as CollectFields of the GraphQL
                                                         specification says; it spreads a fragment once per set, which
                                                         equals to taking each node once
estimates of cost    by the values of one estimate       by the type of the records
uses of variables    ignored                             ignored
merges of fields     ignored, as in validation           ignored, as in validation
===================  ==================================  =============================================================

Each spread lists the fragment's fields again. That is bounded, because `gateway/operations/documents/limits.py` limits
each document with its fragments spread, and refuses fragments that spread themselves. That check does not use
`fields_of`: it measures each fragment once, so that a document which doubles itself forty times is refused in the time
that it takes to parse it. The check of refused inputs (`gateway/operations/execution.py`) collects fields by
graphql-core, because its errors have to be those of graphql-core.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)
from strawberry import Info

from resolvers.context import Context

OperationInfo: TypeAlias = Info[Context, None]

CONDITIONS: Final = frozenset({"skip", "include"})
"""The directives that decide whether a selection is executed."""


SelectedField: TypeAlias = tuple[FieldNode, tuple[str, ...], tuple[DirectiveNode, ...]]
"""A field node; the type conditions of the fragments around it up to the parent field, outermost first; the directives
of these fragments and of the field."""


def fields_of(selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> list[SelectedField]:
    """Return the fields of a selection set, its fragments spread.

    Args:
        selection_set: A selection set of a document without fragments that spread themselves.
        fragments: The document's fragments, by name; a missing one has no fields.
    """
    found: list[SelectedField] = []
    _add_fields(selection_set, fragments, (), (), found)
    return found


def all_fields_of(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[SelectedField]:
    """Yield the fields of a selection set and all fields below them, as `fields_of` lists them.

    Args:
        selection_set: A selection set of a document without fragments that spread themselves.
        fragments: The document's fragments, by name.
    """
    # A stack instead of recursion, so that one generator serves all levels.
    waiting = [selection_set]
    while waiting:
        for field in fields_of(waiting.pop(), fragments):
            yield field
            if field[0].selection_set is not None:
                waiting.append(field[0].selection_set)


def _add_fields(
    selection_set: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    types: tuple[str, ...],
    directives: tuple[DirectiveNode, ...],
    found: list[SelectedField],
) -> None:
    for selection in selection_set.selections:
        own = selection.directives
        # Most selections have no directives, and share the tuple of those around them.
        around = (*directives, *own) if own else directives
        if isinstance(selection, FieldNode):
            found.append((selection, types, around))
            continue
        fragment = _fragment(selection, fragments)
        if fragment is not None:
            condition = fragment.type_condition
            within = (*types, condition.name.value) if condition is not None else types
            _add_fields(fragment.selection_set, fragments, within, around, found)


def _fragment(
    selection: SelectionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> InlineFragmentNode | FragmentDefinitionNode | None:
    if isinstance(selection, FragmentSpreadNode):
        return fragments.get(selection.name.value)
    assert isinstance(selection, InlineFragmentNode)  # noqa: S101 - GraphQL has no other selection
    return selection


def holds(directives: Iterable[DirectiveNode], value_of: Callable[[str], object]) -> bool:
    """Return whether a selection is executed by its `@skip` and `@include`; other directives are ignored.

    Args:
        directives: Directives of a valid document.
        value_of: Returns the value of a variable by its name.
    """
    for directive in directives:
        name = directive.name.value
        if name in CONDITIONS and _condition(directive, value_of) is not (name == "include"):
            return False
    return True


def condition_variable(directive: DirectiveNode) -> str | None:
    """Return the variable in a `@skip` or `@include` of a valid document; None where it has a literal."""
    value = (directive.arguments or ())[0].value
    return value.name.value if isinstance(value, VariableNode) else None


def _condition(directive: DirectiveNode, value_of: Callable[[str], object]) -> bool:
    """Return the value of `if`."""
    # Validation ensures that it is there, and is a Boolean or a variable of one.
    value = (directive.arguments or ())[0].value
    if isinstance(value, VariableNode):
        return bool(value_of(value.name.value))
    return isinstance(value, BooleanValueNode) and value.value


def selected_below(info: OperationInfo, *path: str) -> frozenset[str]:
    """Return the names of the fields selected at a path below the current field, by their directives.

    Args:
        info: The info of the current field.
        path: Field names from there, such as `"edges", "node"`.
    """
    # Fields under any type condition count, so that a resolver may fetch in vain, but never too little.
    nodes = list(info._raw_info.field_nodes)  # noqa: SLF001 - Strawberry's own selections cost 50 times as much
    for name in path:
        nodes = [node for node in _selected(info, nodes) if node.name.value == name]
    # Field names, not response names: a resolver asks what to fetch, whatever its alias is.
    return frozenset([node.name.value for node in _selected(info, nodes)])


def response_name(info: OperationInfo) -> str:
    """Return the name that a field has in the response: its alias, or else its own."""
    (node, *_) = info._raw_info.field_nodes  # noqa: SLF001 - Strawberry has no other way to its alias
    return node.alias.value if node.alias is not None else node.name.value


def _selected(info: OperationInfo, parents: Iterable[FieldNode]) -> list[FieldNode]:
    found: list[FieldNode] = []
    for parent in parents:
        if parent.selection_set is not None:
            for node, _, directives in fields_of(parent.selection_set, info._raw_info.fragments):  # noqa: SLF001 - see above
                if not directives or holds(directives, info.variable_values.__getitem__):
                    found.append(node)
    return found
