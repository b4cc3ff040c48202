"""Plans: operations of documents compiled to functions, and the execution by them.

Theory of operation
-------------------
graphql-core decides for each object anew which fields are selected, with which arguments, of which type. A plan decides
that once for an operation and the values of its `@skip` and `@include`. For each object type it generates a Python
function (`objects.py` shows one) that takes a record and returns its part of the response: it reads its attributes,
calls resolvers with coerced arguments, and registers what has to be awaited::

    document, operation, conditions --> functions, kept with the document
    record -------------------------> response, and awaited values with their places in it (`run.py`)
    NotCovered, or any error -------> graphql-core executes the operation from the start, with the same context

The second execution costs no upstream call, because the context's loaders have what was read. The response is the same
either way; tests and `benchmarks/executions.py` compare the two byte for byte.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    OperationType,
    is_object_type,
)
from strawberry import Schema

from gateway.operations.compiled.arguments import Variables, variable_names
from gateway.operations.compiled.fields import Fields, condition_variables
from gateway.operations.compiled.objects import Selection
from gateway.operations.compiled.run import Compiled, NotCovered, Run
from gateway.operations.documents.documents import Document
from gateway.operations.execution import StandardExecution, core_schema
from resolvers.context import Context


class EventSelection:
    """The selection of a subscription's events; plan lifetime.

    Args:
        schema: The schema.
        fields: Collects the fields.
        root_type: The subscription type.
        operation: The subscription.

    Raises:
        NotCovered: The type of events is not a non-null object type.
    """

    def __init__(
        self, schema: GraphQLSchema, fields: Fields, root_type: GraphQLObjectType, operation: OperationDefinitionNode
    ) -> None:
        # Validation ensures that there is exactly one root field, without directives.
        self._response_name, nodes = next(iter(fields.of(root_type, [operation]).items()))
        output = root_type.fields[nodes[0].name.value].type
        if not isinstance(output, GraphQLNonNull) or not is_object_type(output.of_type):
            raise NotCovered
        self._selection = Selection(schema, fields, output.of_type, [*nodes])

    def complete(self, event: Any, run: Run) -> dict[str, Any]:  # noqa: ANN401 - any value of a source
        """Return the data of the response to an event.

        Raises:
            NotCovered: The event is null or an error.
        """
        if event is None or isinstance(event, Exception):
            raise NotCovered
        return {self._response_name: self._selection.complete(event, run)}


def event_variables(operation: OperationDefinitionNode, fragments: Iterable[FragmentDefinitionNode]) -> frozenset[str]:
    """Return the variables that the response to an event can depend on.

    Args:
        operation: A subscription.
        fragments: The document's fragments.
    """
    # Without those in the root field's arguments, which only the source of the events reads.
    nodes = (*map(_below, operation.selection_set.selections), *fragments)
    return frozenset(name for node in nodes if node is not None for name in variable_names(node))


def _below(selection: Node) -> Node | None:
    return selection.selection_set if isinstance(selection, FieldNode) else selection


logger = logging.getLogger(__name__)

MAX_VARIANTS: Final = 16
"""Compiled variants of one plan, one per set of values of the variables in `@skip` and `@include`."""


class Plan:
    """One compiled operation of a document; document lifetime.

    Args:
        compiled: The operation with its schema and fragments.

    Raises:
        NotCovered: The operation is a mutation, or has a part that is not covered.

    Attributes:
        variables: The operation's variables.
        event_variables: The variables that the response to an event can depend on; empty for a query.
    """

    def __init__(self, compiled: Compiled) -> None:
        operation, fragments = compiled.operation, compiled.fragments.values()
        root_type = compiled.schema.get_root_type(operation.operation)
        # A mutation is left to graphql-core, because it must not start over after an error.
        if operation.operation is OperationType.MUTATION or root_type is None or operation.directives:
            raise NotCovered
        self._compiled = compiled
        self._root_type = root_type
        self._of_events = operation.operation is OperationType.SUBSCRIPTION
        self.variables = Variables(compiled.schema, operation)
        # Sorted, because the values of these variables in this order are the key of a variant.
        self._conditions = sorted(condition_variables(operation, compiled.fragments))
        self._variants: dict[tuple[bool, ...], Selection | EventSelection] = {}
        self.event_variables = event_variables(operation, fragments) if self._of_events else frozenset[str]()

    async def attempt(
        self,
        variables: Mapping[str, Any],
        context: Context,
        event: Any = None,  # noqa: ANN401 - any value of a source
    ) -> dict[str, Any] | None:
        """Execute the operation and return its data; None where graphql-core has to execute it.

        Args:
            variables: The coerced values of the variables.
            context: The context of the operation's resolvers.
            event: The event of a subscription.
        """
        try:
            return await self._execute(variables, context, event)
        except Exception as error:  # noqa: BLE001 - graphql-core meets it again, and reports it with its path
            logger.debug("Compiled execution gives over to graphql-core: %r", error)
            return None

    async def _execute(
        self,
        variables: Mapping[str, Any],
        context: Context,
        event: Any,  # noqa: ANN401 - see above
    ) -> dict[str, Any]:
        """Execute the operation and return its data.

        Raises:
            NotCovered: This response is not covered.
            Exception: The first error of a resolver.
        """
        run = Run(self._compiled, variables, context)
        try:
            data: dict[str, Any] = self._variant(variables).complete(event, run)
            await run.wait()
        except asyncio.CancelledError:
            # Tasks of resolvers do not end with the task that awaits them.
            run.abandon()
            raise
        except Exception as error:
            # Values may still arrive, and must not be completed into a response that is given up.
            run.fail(error)
            raise
        return data

    def _variant(self, variables: Mapping[str, Any]) -> Selection | EventSelection:
        key = tuple([variables[name] for name in self._conditions])
        if any(value.__class__ is not bool for value in key):
            # A null condition is an error, whose text is graphql-core's.
            raise NotCovered
        selection = self._variants.get(key)
        if selection is None:
            # Clients choose the values, so variants are bounded: each costs a compilation and its memory.
            if len(self._variants) >= MAX_VARIANTS:
                raise NotCovered
            selection = self._variants[key] = self._selection(dict(zip(self._conditions, key, strict=True)))
        return selection

    def _selection(self, conditions: dict[str, bool]) -> Selection | EventSelection:
        schema, operation = self._compiled.schema, self._compiled.operation
        fields = Fields(schema, self._compiled.fragments, conditions)
        if self._of_events:
            return EventSelection(schema, fields, self._root_type, operation)
        return Selection(schema, fields, self._root_type, [operation])


class CompiledEvents:
    """Executes the events of one subscription; subscription lifetime.

    Args:
        plan: The subscription's plan.
        variables: The coerced values of its variables.
    """

    __slots__ = ("_plan", "_variables")

    def __init__(self, plan: Plan, variables: Mapping[str, Any]) -> None:
        self._plan = plan
        self._variables = variables

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables that the response to an event can depend on."""
        return self._plan.event_variables

    async def data(self, event: Any, context: Context) -> dict[str, Any] | None:  # noqa: ANN401 - any value of a source
        """Return the data of the response to an event; None where graphql-core has to execute it."""
        return await self._plan.attempt(self._variables, context, event)


class CompiledExecution:
    """Executes queries and events by plans, and by graphql-core what plans do not cover; process lifetime.

    Args:
        schema: The schema that documents were validated against.
        suggestions: Whether errors may suggest names of the schema.

    Attributes:
        standard: Executes with graphql-core.
        fallbacks: Number of operations that graphql-core executed.
    """

    def __init__(self, schema: Schema, *, suggestions: bool = True) -> None:
        self._schema = core_schema(schema)
        self.standard = StandardExecution(self._schema, suggestions=suggestions)
        self.fallbacks = 0

    async def execute(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None, context: Context
    ) -> ExecutionResult:
        """Execute one operation; errors are in the result."""
        plan = self._plan(document, operation)
        if plan is not None and (values := plan.variables.values(variables, document.literals)) is not None:
            data = await plan.attempt(values, context)
            if data is not None:
                return ExecutionResult(data, None)
        self.fallbacks += 1
        return await self.standard.execute(document, operation, variables, context)

    def events(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None
    ) -> CompiledEvents | None:
        """Return what executes the events of a subscription; None where graphql-core has to."""
        plan = self._plan(document, operation)
        if plan is None or (values := plan.variables.values(variables, document.literals)) is None:
            return None
        return CompiledEvents(plan, values)

    def _plan(self, document: Document, operation: OperationDefinitionNode) -> Plan | None:
        name = operation.name.value if operation.name else None
        if name not in document.plans:
            try:
                document.plans[name] = Plan(Compiled(self._schema, operation, document.fragments))
            except NotCovered:
                # Remembered too, so that an operation that is not covered is compiled once only.
                document.plans[name] = None
        plan: Plan | None = document.plans[name]
        return plan
