"""The fields of a selection set, and what a resolver may know of them before it asks an upstream.

Theory of operation
-------------------
A selection set holds fields, inline fragments and spreads of fragments. `fields_of` lists its fields in the order of
the document, each with the type conditions and the directives of all fragments around it, and decides nothing: which of
them count depends on a type and on the values of variables, and its readers know these at different times.

===================  ==================================  =============================================================
reader               directives                          type conditions
===================  ==================================  =============================================================
`selected_below`     by the values of this execution     count whatever the type: nothing that is needed is overlooked
compiled plans       by the values of one variant        by one object type, as CollectFields of the GraphQL
                                                         specification says; it spreads a fragment once in a set, which
                                                         comes to taking each node once
estimates of cost    when an estimate is made            when it is known of which type the records are
uses of variables    passed over                         passed over
merges of fields     passed over, as validation does     passed over, as validation does
===================  ==================================  =============================================================

Each spread lists the fragment's fields anew. That is bounded, because `gateway/operations/documents/limits.py` bounds
each document with its fragments spread, and has refused fragments that spread themselves. That check itself does not
read through `fields_of`: it works out the size of each fragment once, so that a document which doubles itself forty
times is refused in the time that it takes to read it. `gateway/operations/execution.py` leaves the collection of fields
of refused inputs to graphql-core, since the errors that it finds are to be those of graphql-core.
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
"""The directives that decide whether a selection is asked for."""


SelectedField: TypeAlias = tuple[FieldNode, tuple[str, ...], tuple[DirectiveNode, ...]]
"""A field where it is selected; the type conditions of the fragments around it, the outermost first, up to the field
above; the directives of these fragments and its own."""


def fields_of(selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> list[SelectedField]:
    """Return the fields of a selection set, its fragments spread.

    Args:
        selection_set: In a document without fragments that spread themselves.
        fragments: The document's, by name; one that is missing has no fields.
    """
    found: list[SelectedField] = []
    _add_fields(selection_set, fragments, (), (), found)
    return found


def all_fields_of(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[SelectedField]:
    """Yield the fields of a selection set and all below them, each with what is around it up to the field above.

    Args:
        selection_set: In a document without fragments that spread themselves.
        fragments: The document's, by name.
    """
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
    """Return whether a selection is asked for under its `@skip` and `@include`; other directives decide nothing.

    Args:
        directives: In a valid document.
        value_of: Returns the value of a variable by its name.
    """
    for directive in directives:
        name = directive.name.value
        if name in CONDITIONS and _condition(directive, value_of) is not (name == "include"):
            return False
    return True


def condition_variable(directive: DirectiveNode) -> str | None:
    """Return the variable that a `@skip` or `@include` of a valid document depends on; None where it has a literal."""
    value = (directive.arguments or ())[0].value
    return value.name.value if isinstance(value, VariableNode) else None


def _condition(directive: DirectiveNode, value_of: Callable[[str], object]) -> bool:
    """The value of `if`, which validation has seen to be there and to be a Boolean or a variable of one."""
    value = (directive.arguments or ())[0].value
    if isinstance(value, VariableNode):
        return bool(value_of(value.name.value))
    return isinstance(value, BooleanValueNode) and value.value


def selected_below(info: OperationInfo, *path: str) -> frozenset[str]:
    """Return the names of the fields selected at a path below the current field, fragments and directives applied.

    Fields under a type condition count whatever the type: a resolver may fetch for nothing, but never too little.

    Args:
        info: The current field's.
        path: Field names from there, such as `"edges", "node"`.
    """
    nodes = list(info._raw_info.field_nodes)  # noqa: SLF001 - Strawberry's own selections cost 50 times as much
    for name in path:
        nodes = [node for node in _selected(info, nodes) if node.name.value == name]
    return frozenset([node.name.value for node in _selected(info, nodes)])


def _selected(info: OperationInfo, parents: Iterable[FieldNode]) -> list[FieldNode]:
    found: list[FieldNode] = []
    for parent in parents:
        if parent.selection_set is not None:
            for node, _, directives in fields_of(parent.selection_set, info._raw_info.fragments):  # noqa: SLF001 - see above
                if not directives or holds(directives, info.variable_values.__getitem__):
                    found.append(node)
    return found
