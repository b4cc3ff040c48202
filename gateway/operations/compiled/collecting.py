"""Which fields a selection asks of a type, as CollectFields of the GraphQL specification says."""

from collections.abc import Iterable, Iterator, Mapping

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

from gateway.operations.compiled.fallback import NotCovered

FieldGroups = dict[str, list[FieldNode]]
"""By response name, in the order of the response: the nodes that are merged under it."""


class Fields:
    """Collects the fields of one operation under one set of `@skip` and `@include`; plan lifetime.

    Args:
        schema: Says which types a fragment applies to.
        fragments: The document's, by name.
        conditions: The values of the variables that `@skip` and `@include` name.
    """

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], conditions: Mapping[str, bool]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._conditions = conditions

    def of(self, object_type: GraphQLObjectType, parents: Iterable[FieldNode | OperationDefinitionNode]) -> FieldGroups:
        """The fields that the parents' selections, merged, ask of a type."""
        groups: FieldGroups = {}
        spread: set[str] = set()
        for parent in parents:
            if parent.selection_set is not None:
                for node in self._walk(object_type, parent.selection_set, spread):
                    groups.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        return groups

    def _walk(
        self, object_type: GraphQLObjectType, selection_set: SelectionSetNode, spread: set[str]
    ) -> Iterator[FieldNode]:
        for selection in selection_set.selections:
            if not self._included(selection):
                continue
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                if self._applies(selection, object_type):
                    yield from self._walk(object_type, selection.selection_set, spread)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                spread.add(selection.name.value)
                fragment = self._fragments[selection.name.value]
                if self._applies(fragment, object_type):
                    yield from self._walk(object_type, fragment.selection_set, spread)

    def _applies(self, fragment: InlineFragmentNode | FragmentDefinitionNode, object_type: GraphQLObjectType) -> bool:
        if fragment.type_condition is None:
            return True
        condition = self._schema.type_map[fragment.type_condition.name.value]
        if is_abstract_type(condition):
            abstract: GraphQLAbstractType = condition
            return self._schema.is_sub_type(abstract, object_type)
        return condition is object_type

    def _included(self, selection: SelectionNode) -> bool:
        return all(
            self._value(directive) is (directive.name.value == "include") for directive in selection.directives or ()
        )

    def _value(self, directive: DirectiveNode) -> bool:
        value = (directive.arguments or ())[0].value
        if isinstance(value, VariableNode):
            return self._conditions[value.name.value]
        return isinstance(value, BooleanValueNode) and value.value


def condition_variables(nodes: Iterable[OperationDefinitionNode | FragmentDefinitionNode]) -> frozenset[str]:
    """The variables that decide what is selected, anywhere in an operation and the document's fragments.

    Raises:
        NotCovered: a selection has another directive than `@skip` and `@include`.
    """
    found: set[str] = set()
    waiting = [node.selection_set for node in nodes]
    while waiting:
        for selection in waiting.pop().selections:
            found.update(_variables_of(selection))
            below = getattr(selection, "selection_set", None)
            if below is not None:
                waiting.append(below)
    return frozenset(found)


def _variables_of(selection: SelectionNode) -> Iterator[str]:
    for directive in selection.directives or ():
        if directive.name.value not in {"skip", "include"}:
            raise NotCovered
        value = (directive.arguments or ())[0].value
        if isinstance(value, VariableNode):
            yield value.name.value
