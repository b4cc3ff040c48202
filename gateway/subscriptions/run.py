"""One run of a subscription: the source of its events, and the execution of each of them."""

from collections.abc import AsyncIterable
from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution import Executor, create_source_event_stream, execute_subscription_event
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.http.request import GraphQLRequest
from gateway.operations.encoding import encode
from gateway.operations.explain import traces_told
from gateway.operations.report import report
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
        schema: What is executed.
        document: Validated.
        operation: The subscription in it.
        request: Its variables, and the id that errors are logged under.
        context: Of the source alone: each event has its own, or it would be answered from what the first has loaded.
    """

    __slots__ = ("_context", "_executor", "_request_id", "_source")

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        context: Context,
    ) -> None:
        self._executor = StrawberryGraphQLCoreExecutionContext.build(
            schema,
            document,
            context_value=context,
            raw_variable_values=request.variables,
            operation_name=operation.name.value if operation.name else None,
        )
        self._context = context
        self._request_id = request.request_id
        self._source: AsyncIterable[Any] | None = None

    async def source(self) -> AsyncIterable[Any]:
        """Where the subscription's events come from; to be asked for once.

        Raises:
            SourceRefused: The variables do not fit, or the resolver refuses.
        """
        if isinstance(self._executor, list):
            raise SourceRefused(self._executor)
        source = create_source_event_stream(self._executor)
        if isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise SourceRefused(list(source.errors or ()))
        self._source = source
        return source

    async def response(self, event: Any, context: Context) -> Response:  # noqa: ANN401 - whatever the source gives
        """Execute the operation for one event of the source.

        Args:
            event: From `source`.
            context: With loaders of its own.
        """
        assert isinstance(self._executor, Executor)  # noqa: S101 - otherwise there is no source and no event
        executor = self._executor.build_per_event_executor(event)
        executor.context_value = context
        try:
            result = execute_subscription_event(executor)
            if isawaitable(result):
                result = await result
        finally:
            context.close()
        answer = self._answer(result, context)
        return Response(encode(answer), getattr(event, "cursor", None), whole=answer.keys() == {"data"})

    async def close(self) -> None:
        """Close the source, and give up what it still has on its way."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()
        self._context.close()

    def _answer(self, result: ExecutionResult, context: Context) -> dict[str, Any]:
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = report(result.errors, self._request_id)
        extensions = {"gateway": {"calls": traces_told(context)}} if context.scope.traces is not None else None
        if extensions:
            answer["extensions"] = extensions
        return answer
