"""Collects the fields that a document selects of an object type, and calls their resolvers.

A resolver is called as Strawberry calls it, with all that does not depend on the record prepared once.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    is_abstract_type,
)
from strawberry import Info
from strawberry.types.field import StrawberryField

from gateway.operations.compiled.arguments import Arguments
from gateway.operations.compiled.run import NotCovered, Run
from resolvers.context import Context
from resolvers.selection import CONDITIONS, all_fields_of, condition_variable, fields_of, holds

FieldGroups = dict[str, list[FieldNode]]
"""The nodes that are merged under each response name, in the order of the response."""


class Fields:
    """Collects the fields of one operation under one set of `@skip` and `@include`; plan lifetime.

    Args:
        schema: The schema, for the types that a fragment applies to.
        fragments: The document's fragments, by name.
        conditions: The values of the variables that `@skip` and `@include` name.
    """

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], conditions: Mapping[str, bool]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._condition = conditions.__getitem__

    def of(self, object_type: GraphQLObjectType, parents: Iterable[FieldNode | OperationDefinitionNode]) -> FieldGroups:
        """Return the fields that the parents' merged selections select of a type."""
        groups: FieldGroups = {}
        taken: set[int] = set()
        for parent in parents:
            for node in self._nodes(object_type, parent.selection_set):
                # A fragment that is spread twice has the same nodes; they count once.
                if id(node) not in taken:
                    taken.add(id(node))
                    groups.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        return groups

    def _nodes(self, object_type: GraphQLObjectType, selection_set: SelectionSetNode | None) -> list[FieldNode]:
        if selection_set is None:
            return []
        return [
            node
            for node, types, directives in fields_of(selection_set, self._fragments)
            if holds(directives, self._condition) and all(self._applies(one, object_type) for one in types)
        ]

    def _applies(self, condition: str, object_type: GraphQLObjectType) -> bool:
        named = self._schema.type_map[condition]
        if is_abstract_type(named):
            abstract: GraphQLAbstractType = named
            return self._schema.is_sub_type(abstract, object_type)
        return named is object_type


def condition_variables(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> frozenset[str]:
    """Return the variables in the `@skip` and `@include` of an operation.

    Raises:
        NotCovered: A selection has another directive.
    """
    found = set()
    for _, _, directives in all_fields_of(operation.selection_set, fragments):
        for directive in directives:
            # Another directive may change the execution in a way that the plan does not know.
            if directive.name.value not in CONDITIONS:
                raise NotCovered
            found.add(condition_variable(directive))
    return frozenset(name for name in found if name is not None)


class ResolverCall:
    """A field of a document that has a resolver; plan lifetime.

    Args:
        parent_type: The type that has the field.
        definition: graphql-core's definition of the field.
        field: Strawberry's definition of the field.
        nodes: The field's nodes in the document.
        response_name: The field's name in the response.
        complete: Completes its value to its part of the response.

    Raises:
        NotCovered: An argument cannot be read by compiled code.
    """

    def __init__(
        self,
        parent_type: GraphQLObjectType,
        definition: GraphQLField,
        field: StrawberryField,
        nodes: list[FieldNode],
        response_name: str,
        complete: Callable[[Any, Run], Any],
    ) -> None:
        resolver = field.base_resolver
        assert resolver is not None  # noqa: S101 - the only kind of field that gets here
        self._parent_type = parent_type
        self._definition = definition
        self._field = field
        self._nodes = nodes
        self._response_name = response_name
        self._complete = complete
        self._function = cast("Callable[..., Any]", resolver.wrapped_func)
        self._takes_self = resolver.self_parameter is not None
        self._parent_name = resolver.parent_parameter.name if resolver.parent_parameter else None
        self._info_name = resolver.info_parameter.name if resolver.info_parameter else None
        self._arguments = Arguments(definition, nodes[0])

    def resolve(self, record: Any, run: Run, out: dict[str, Any]) -> None:  # noqa: ANN401 - a record of any kind
        """Call the resolver, and put the completed value into `out`, now or when it arrives."""
        known = run.calls.get(self)
        # Prepared at the first record of an execution: a field of a hundred records coerces its arguments once.
        if known is None:
            known = run.calls[self] = self._prepare(run)
        # Copied only if the record is among the arguments; resolvers get them as keywords, which copies anyway.
        arguments = known if self._parent_name is None else {**known, self._parent_name: record}
        value = self._function(record, **arguments) if self._takes_self else self._function(**arguments)
        run.settle(value, out, self._response_name, self._complete)

    def _prepare(self, run: Run) -> dict[str, Any]:
        """Return the arguments that are the same for every record of one execution."""
        arguments = self._arguments.values(run.variables)
        if self._info_name is not None:
            arguments[self._info_name] = Info(_raw_info=self._info(run), _field=self._field)
        return arguments

    def _info(self, run: Run) -> "GraphQLResolveInfo[Context]":
        return run.info(self._nodes, self._definition.type, self._parent_type)
