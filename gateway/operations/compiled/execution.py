"""Compiled execution first, graphql-core where that does not do."""

from collections.abc import Mapping
from typing import Any

from graphql import ExecutionResult, FragmentDefinitionNode, OperationDefinitionNode
from strawberry import Schema

from gateway.operations.compiled.fallback import NotCovered
from gateway.operations.compiled.plan import Plan
from gateway.operations.compiled.run import Compiled
from gateway.operations.documents.documents import Document
from gateway.operations.execution import StandardExecution, core_schema
from resolvers.context import Context


class CompiledEvents:
    """Executes the events of one subscription; lives as long as the client follows it.

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
                document.plans[name] = Plan(self._compiled(document, operation))
            except NotCovered:
                document.plans[name] = None
        plan: Plan | None = document.plans[name]
        return plan

    def _compiled(self, document: Document, operation: OperationDefinitionNode) -> Compiled:
        definitions = () if document.template is None else document.template.definitions
        fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
        return Compiled(self._schema, operation, fragments)
