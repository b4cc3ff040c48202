"""Plans: what compiled execution has worked out about an operation of a document, and about a subscription's events.

Theory of operation
-------------------
graphql-core decides anew for each field of each object: which fields are selected, with which arguments, of which type.
A plan decides that once for an operation and the values of its `@skip` and `@include`. For each object type it makes a
Python function (`objects.py` shows one) that takes a record and writes its part of the response: it reads attributes
straight away, calls resolvers with their arguments already coerced, and collects what has to be awaited::

    document, operation, conditions -> functions, kept with the document
    record                          -> response, and what is awaited with its place in it (`run.py`)

`CompiledExecution` runs an operation by its plan, and by graphql-core where the plan does not cover it, with the same
response; tests and `benchmarks/executions.py` compare the two byte for byte.
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

from gateway.operations.compiled.arguments import Variables, variables_in
from gateway.operations.compiled.fields import Fields, condition_variables
from gateway.operations.compiled.objects import Selection
from gateway.operations.compiled.run import Compiled, NotCovered, Run
from gateway.operations.documents.documents import Document
from gateway.operations.execution import StandardExecution, core_schema
from resolvers.context import Context


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


logger = logging.getLogger(__name__)

MAX_VARIANTS: Final = 16
"""Plans of one operation, one for each set of values of the variables in `@skip` and `@include`."""


class Plan:
    """One operation of a document; document lifetime.

    Args:
        compiled: The operation and what it stands in.

    Raises:
        NotCovered: it is a mutation, or has something that is not compiled.

    Attributes:
        variables: What the client may send beside the document.
        event_variables: What the responses to a subscription's events can depend on; empty for a query.
    """

    def __init__(self, compiled: Compiled) -> None:
        operation, fragments = compiled.operation, compiled.fragments.values()
        root_type = compiled.schema.get_root_type(operation.operation)
        if operation.operation is OperationType.MUTATION or root_type is None or operation.directives:
            raise NotCovered
        self._compiled = compiled
        self._root_type = root_type
        self._of_events = operation.operation is OperationType.SUBSCRIPTION
        self.variables = Variables(compiled.schema, operation)
        self._conditions = sorted(condition_variables(operation, compiled.fragments))
        self._variants: dict[tuple[bool, ...], Selection | EventSelection] = {}
        self.event_variables = event_variables(operation, fragments) if self._of_events else frozenset[str]()

    async def attempt(
        self,
        variables: Mapping[str, Any],
        context: Context,
        event: Any = None,  # noqa: ANN401 - whatever a source gives
    ) -> dict[str, Any] | None:
        """The operation's data, or None where graphql-core has to say what the response is.

        Args:
            variables: Their values, as `variables` gives them.
            context: What the operation's resolvers share.
            event: Of a subscription: what this execution is about.
        """
        try:
            return await self._execute(variables, context, event)
        except Exception as error:  # noqa: BLE001 - graphql-core meets it again, and makes of it what it must
            logger.debug("Compiled execution gives over to graphql-core: %r", error)
            return None

    async def _execute(
        self,
        variables: Mapping[str, Any],
        context: Context,
        event: Any,  # noqa: ANN401 - see above
    ) -> dict[str, Any]:
        """The operation's data.

        Raises:
            NotCovered: this response is not covered.
            Exception: whatever a resolver raised.
        """
        run = Run(self._compiled, variables, context)
        try:
            data: dict[str, Any] = self._variant(variables).complete(event, run)
            await run.wait()
        except asyncio.CancelledError:
            run.abandon()
            raise
        except Exception as error:
            run.fail(error)
            raise
        return data

    def _variant(self, variables: Mapping[str, Any]) -> Selection | EventSelection:
        key = tuple([variables[name] for name in self._conditions])
        if any(value.__class__ is not bool for value in key):
            # A null, which only graphql-core can refuse as it must be.
            raise NotCovered
        selection = self._variants.get(key)
        if selection is None:
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
        plan: The subscription's.
        variables: Their values.
    """

    __slots__ = ("_plan", "_variables")

    def __init__(self, plan: Plan, variables: Mapping[str, Any]) -> None:
        self._plan = plan
        self._variables = variables

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables that a response can depend on."""
        return self._plan.event_variables

    async def data(self, event: Any, context: Context) -> dict[str, Any] | None:  # noqa: ANN401 - whatever the source gives
        """The data of the response to one event, or None where graphql-core has to say what the response is."""
        return await self._plan.attempt(self._variables, context, event)


class CompiledExecution:
    """Executes queries and subscriptions' events by functions made for their document; process lifetime.

    An operation that it does not cover, and a response with an error in it, is executed by graphql-core with the same
    context: what was loaded once is not loaded again, so the second execution costs no upstream call.

    Args:
        schema: What operations are validated against.
        suggestions: Whether an error may name what the client could have meant.
    """

    def __init__(self, schema: Schema, *, suggestions: bool = True) -> None:
        self._schema = core_schema(schema)
        self.standard = StandardExecution(self._schema, suggestions=suggestions)
        """Executes what compiled functions do not cover."""
        self.fallbacks = 0
        """How many operations graphql-core had to execute."""

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
        """What executes the events of one subscription; None where graphql-core has to."""
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
                document.plans[name] = None
        plan: Plan | None = document.plans[name]
        return plan
