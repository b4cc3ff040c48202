"""What an operation asks for, freed of fragments and of all that can cost nothing: what estimates are made from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
)

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
