"""One run of a subscription: the source of its events, and the execution of each of them."""

from collections.abc import AsyncIterable, Callable
from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationDefinitionNode
from graphql.execution import Executor, create_source_event_stream, execute_subscription_event

from gateway.operations.compiled.plan import CompiledEvents
from gateway.operations.execution import StandardExecution
from gateway.operations.explain import traces_told
from gateway.operations.refused_inputs import refused_inputs
from gateway.operations.request import GraphQLRequest
from gateway.operations.responses.encoding import ResponseWriter
from gateway.operations.responses.report import report
from gateway.subscriptions.response import Response
from resolvers.context import Context


class SourceRefused(Exception):
    """There are no events to be had.

    Args:
        errors: Why.
    """

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__()
        self.errors = errors


class SubscriptionRun:
    """One run of a subscription; lives as long as the client follows it.

    Args:
        execution: Makes what executes the operation.
        document: Validated.
        operation: The subscription in it.
        request: Its variables, and the id that errors are logged under.
        compiled: Executes events first; None where graphql-core has to execute all of them.
        new_context: Makes one for the source, and one for each event, or all would be answered from what the first has
            loaded.
        writer: Encodes the responses.
        explained: Whether responses tell which calls were made for them.
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
        new_context: Callable[[], Context],
        *,
        writer: ResponseWriter,
        explained: bool = False,
    ) -> None:
        self._explained = explained
        self._writer = writer
        self._new_context = new_context
        self._context = new_context()
        self._executor = execution.executor(document, operation, request.variables, self._context)
        self._compiled = compiled
        self._request_id = request.request_id
        self._source: AsyncIterable[Any] | None = None

    async def source(self) -> AsyncIterable[Any]:
        """Where the subscription's events come from; to be asked for once.

        Raises:
            SourceRefused: The variables do not fit, or the resolver refuses.
        """
        if isinstance(self._executor, list):
            raise SourceRefused(self._executor)
        if refused := refused_inputs(self._executor):
            raise SourceRefused(refused)
        source = create_source_event_stream(self._executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise SourceRefused(list(source.errors or ()))
        self._source = source
        return source

    async def response(self, event: Any) -> Response:  # noqa: ANN401 - whatever the source gives
        """Execute the operation for one event of the source."""
        context = self._new_context()
        try:
            data = None if self._compiled is None else await self._compiled.data(event, context)
            result = ExecutionResult(data, None) if data is not None else await self._executed(event, context)
        finally:
            context.close()
            if context.start is not None and not context.start.over:
                context.start.traces += context.scope.traces or ()
        response = self._response(result, context)
        body, written = self._writer.write(response)
        return Response(body, getattr(event, "cursor", None), whole=written and response.keys() == {"data"})

    async def close(self) -> None:
        """Close the source, and give up what it still has on its way."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()
        self._context.close()

    async def _executed(self, event: Any, context: Context) -> ExecutionResult:  # noqa: ANN401 - see above
        """The result that graphql-core comes to."""
        assert isinstance(self._executor, Executor)  # noqa: S101 - otherwise there is no source and no event
        executor = self._executor.build_per_event_executor(event)
        executor.context_value = context
        result = execute_subscription_event(executor)
        return await result if isawaitable(result) else result

    def _response(self, result: ExecutionResult, context: Context) -> dict[str, Any]:
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = report(result.errors, self._request_id)
        if self._explained:
            response["extensions"] = {"gateway": {"calls": traces_told(context)}}
        return response
