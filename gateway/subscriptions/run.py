"""One run of a subscription: its source of events, their execution, and resuming after a cursor."""

import asyncio
from collections.abc import AsyncIterable, Callable
from inspect import isawaitable
from typing import Any, Final

from graphql import (
    ArgumentNode,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)
from graphql.execution import Executor, create_source_event_stream, execute_subscription_event

from gateway.operations.compiled.plan import CompiledEvents
from gateway.operations.diagnostics import reported_calls
from gateway.operations.execution import StandardExecution, refused_inputs
from gateway.operations.request import GraphQLRequest
from gateway.operations.responses.encoding import ResponseWriter
from gateway.operations.responses.report import report
from gateway.subscriptions.responses import Response
from resolvers.context import Context
from resolvers.upstreams.call import CallRecorder

RESUMING_ARGUMENT: Final = "after"


def resumed(schema: GraphQLSchema, document: DocumentNode, cursor: str) -> DocumentNode:
    """Return the document with the cursor as the argument `after` of every subscription field that has one.

    Args:
        schema: The schema that the document was validated against.
        document: The client's document, which is not changed.
        cursor: The id of the last event that the client has received.
    """
    # In place of an `after` that is there already: an EventSource that reconnects repeats its document and variables
    # and adds the header, so the header's cursor is the newer one.
    types = TypeInfo(schema)
    changed: DocumentNode = visit(document, TypeInfoVisitor(types, _Resuming(schema, types, cursor)))
    return changed


class _Resuming(Visitor):
    """Rewrites the root fields of a subscription."""

    def __init__(self, schema: GraphQLSchema, types: TypeInfo, cursor: str) -> None:
        super().__init__()
        self._root = schema.subscription_type
        self._types = types
        self._argument = ArgumentNode(
            name=NameNode(value=RESUMING_ARGUMENT), value=StringValueNode(value=cursor, block=False)
        )

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode | None:  # noqa: ANN401 - what graphql-core passes on
        definition = self._types.get_field_def()
        if self._types.get_parent_type() is not self._root or definition is None:
            return None
        if RESUMING_ARGUMENT not in definition.args:
            return None
        others = [one for one in node.arguments or () if one.name.value != RESUMING_ARGUMENT]
        return FieldNode(
            alias=node.alias,
            name=node.name,
            arguments=(*others, self._argument),
            directives=node.directives,
            selection_set=node.selection_set,
        )


class SourceRefused(Exception):
    """The subscription has no source of events.

    Args:
        errors: The GraphQL errors that say why.
    """

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors


class SubscriptionRun:
    """One run of a subscription: the source of its events, and the execution of each event.

    Args:
        execution: Builds graphql-core's executor.
        document: The validated document.
        operation: The subscription in it.
        request: Supplies the variables, and the id that errors are logged with.
        compiled: The compiled plan, tried before graphql-core; None if the operation cannot be compiled.
        new_context: Makes the context of the source and a fresh one for each event, so that no event is answered from
            records loaded for an earlier one. It takes what records the calls, None for none.
        writer: Encodes the responses.
        explained: Whether responses list the upstream calls made for them.
    """

    __slots__ = (
        "_compiled",
        "_context",
        "_executor",
        "_explained",
        "_new_context",
        "_request_id",
        "_source",
        "_writer",
    )

    def __init__(  # noqa: PLR0913 - one for each step that a run takes
        self,
        execution: StandardExecution,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        compiled: CompiledEvents | None,
        new_context: Callable[[CallRecorder | None], Context],
        *,
        writer: ResponseWriter,
        explained: bool = False,
    ) -> None:
        self._explained = explained
        self._writer = writer
        self._new_context = new_context
        self._context = new_context(None)
        self._executor = execution.executor(document, operation, request.variables, self._context)
        self._compiled = compiled
        self._request_id = request.request_id
        self._source: AsyncIterable[Any] | None = None

    async def source(self) -> AsyncIterable[Any]:
        """Open and return the source of events; call it once.

        Raises:
            SourceRefused: The variables are invalid, or the resolver raised an error.
        """
        if isinstance(self._executor, list):
            raise SourceRefused(self._executor)
        # A wrong condition below the root would otherwise be an error of every event.
        if refused := refused_inputs(self._executor):
            raise SourceRefused(refused)
        source = create_source_event_stream(self._executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise SourceRefused(list(source.errors or ()))
        self._source = source
        return source

    async def response(self, event: Any, recorder: CallRecorder | None = None) -> Response:  # noqa: ANN401 - sources yield events of any type
        """Execute the operation for one event of the source.

        Args:
            event: The event.
            recorder: Records its calls; None where nobody does.
        """
        began = asyncio.get_running_loop().time()
        context = self._new_context(recorder)
        try:
            data = None if self._compiled is None else await self._compiled.data(event, context)
            result = ExecutionResult(data, None) if data is not None else await self._executed(event, context)
        finally:
            context.close()
            # The calls of the first events belong to the start of the subscription, which its caller is charged for.
            if context.start is not None and not context.start.over:
                context.start.traces += context.scope.traces or ()
        response = self._response(result, context, began)
        body, written = self._writer.write(response)
        return Response(body, getattr(event, "cursor", None), whole=written and response.keys() == {"data"})

    async def close(self) -> None:
        """Close the source, and cancel the loads that it has in flight."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()
        self._context.close()

    async def _executed(self, event: Any, context: Context) -> ExecutionResult:  # noqa: ANN401 - see above
        """Execute the event by graphql-core."""
        assert isinstance(self._executor, Executor)  # noqa: S101 - otherwise there is no source and no event
        # A copy with its own context, so that no event is answered from records that were loaded for an earlier one.
        executor = self._executor.build_per_event_executor(event)
        executor.context_value = context
        result = execute_subscription_event(executor)
        return await result if isawaitable(result) else result

    def _response(self, result: ExecutionResult, context: Context, began: float) -> dict[str, Any]:
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = report(result.errors, self._request_id)
        if self._explained:
            response["extensions"] = {"gateway": {"calls": reported_calls(context.scope.traces or (), began)}}
        return response
