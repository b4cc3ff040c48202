"""Execution of a subscription's events: the value of the one field at its root is the event itself."""

from collections.abc import Iterable
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    is_object_type,
)

from gateway.operations.compiled.collecting import Fields
from gateway.operations.compiled.fallback import NotCovered
from gateway.operations.compiled.objects import Selection
from gateway.operations.compiled.run import Run
from gateway.operations.compiled.variable_names import variables_in


class EventSelection:
    """What a subscription asks of its events; plan lifetime.

    Args:
        schema: The whole schema.
        fields: Collects fields.
        root_type: The subscription type.
        operation: The subscription.

    Raises:
        NotCovered: the type of events is another than an object that is never null.
    """

    def __init__(
        self, schema: GraphQLSchema, fields: Fields, root_type: GraphQLObjectType, operation: OperationDefinitionNode
    ) -> None:
        # Validation has seen to it that there is one field, and that no directive is on it.
        self._response_name, nodes = next(iter(fields.of(root_type, [operation]).items()))
        output = root_type.fields[nodes[0].name.value].type
        if not isinstance(output, GraphQLNonNull) or not is_object_type(output.of_type):
            raise NotCovered
        self._selection = Selection(schema, fields, output.of_type, [*nodes])

    def complete(self, event: Any, run: Run) -> dict[str, Any]:  # noqa: ANN401 - whatever a source gives
        """The data of the response to an event.

        Raises:
            NotCovered: the event is an error.
        """
        if event is None or isinstance(event, Exception):
            raise NotCovered
        return {self._response_name: self._selection.complete(event, run)}


def event_variables(operation: OperationDefinitionNode, fragments: Iterable[FragmentDefinitionNode]) -> frozenset[str]:
    """The variables that a response to an event can depend on: the source alone sees the arguments of the root field.

    Args:
        operation: A subscription.
        fragments: The document's.
    """
    nodes = (*map(_below, operation.selection_set.selections), *fragments)
    return frozenset(name for node in nodes if node is not None for name in variables_in(node))


def _below(selection: Node) -> Node | None:
    return selection.selection_set if isinstance(selection, FieldNode) else selection
