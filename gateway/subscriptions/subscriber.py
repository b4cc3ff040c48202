"""Runs operations for long-lived connections, independent of their transport."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from functools import partial

from graphql import (
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.compiled.plan import CompiledEvents, CompiledExecution
from gateway.operations.diagnostics import requested_traces, requests_plan
from gateway.operations.documents.documents import Document
from gateway.operations.operation_log import EndedSubscription, codes_in
from gateway.operations.request import GraphQLRequest, MutationByGet
from gateway.operations.responses.encoding import variables_key
from gateway.operations.responses.report import internal_error_body, report
from gateway.operations.stack import OperationStack
from gateway.operations.trace import TRACE, SubscriptionTrace, SubscriptionTracing, call_context
from gateway.subscriptions.event_counts import EventCounts
from gateway.subscriptions.responses import Response, SharedResponses, refusal, refusal_of
from gateway.subscriptions.run import SourceRefused, SubscriptionRun, resumed
from resolvers.context import Context
from resolvers.errors import BadInput, GatewayError
from resolvers.events.interface import Start
from resolvers.upstreams.call import CallContext, CallRecorder, CallScope

logger = logging.getLogger(__name__)


class Subscriber:
    """Runs operations for long-lived connections; process lifetime.

    Args:
        schema: The schema that documents are validated against.
        execution: Executes events.
        stack: Admits subscriptions, and runs the queries and mutations that such connections carry as well.
        deadline_seconds: Time limit of one event, from the source to its response.
        tracing: Decides which subscriptions are recorded; None for none.

    Attributes:
        counts: Counts subscriptions and their events.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        execution: CompiledExecution,
        stack: OperationStack,
        deadline_seconds: float,
        tracing: SubscriptionTracing | None = None,
    ) -> None:
        self._tracing = tracing
        self._schema = schema
        self._execution = execution
        self._stack = stack
        self._deadline_seconds = deadline_seconds
        self._shared = SharedResponses(time.monotonic)
        self.counts = EventCounts()

    def use(self, execution: CompiledExecution, stack: OperationStack) -> None:
        """Run the operations that begin from now on by these; those that run end by what they began with.

        Args:
            execution: Executes events.
            stack: Admits subscriptions, and runs queries and mutations.
        """
        self._execution = execution
        self._stack = stack

    def responses(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, last_event_id: str | None = None
    ) -> AsyncGenerator[Response, None]:
        """Run an operation and iterate over its responses; later errors are responses as well.

        The next event is taken from the source only after the previous response was consumed, so the events of a
        client that does not read stay in the source's bounded queue.

        Args:
            request: The operation.
            scope: The connection's ASGI scope.
            caller: The authenticated caller.
            last_event_id: The cursor in the header `Last-Event-ID`, which a subscription resumes after.

        Raises:
            MutationByGet: The operation is a mutation in a GET request.
        """
        # Not in the generator, which runs only once the response has begun with status 200.
        if not request.may_mutate and self._is_mutation(request):
            raise MutationByGet
        return self._guarded(self._responses(request, scope, caller, last_event_id), request.request_id)

    async def check(self, request: GraphQLRequest, caller: Caller) -> None:
        """Check that a subscription can begin now, which may take seconds; other operations pass.

        Args:
            request: The operation; errors in it are left to `responses`.
            caller: The authenticated caller.

        Raises:
            EventsUnavailable: The event log cannot be reached.
        """
        events, stack = caller.account.events, self._stack
        # A request that is too large must not be looked into; `responses` refuses it.
        if events is None or not stack.limits.admit(request):
            return
        # Errors of the document are reported by `responses`, with the operation's id.
        try:
            found = _found(stack, await stack.with_document(request))
        except GatewayError:
            return
        if found is not None and found[1].operation is OperationType.SUBSCRIPTION:
            await events.check()

    async def finish(self) -> None:
        """Wait for the mutations whose clients have disconnected."""
        await self._stack.mutations.finish()

    async def _guarded(
        self, responses: AsyncGenerator[Response, None], request_id: str
    ) -> AsyncGenerator[Response, None]:
        try:
            async with aclosing(responses):
                async for response in responses:
                    yield response
        except GatewayError as error:
            yield refusal(error)
        except Exception:
            logger.exception("Request %s met an error that nothing foresaw.", request_id)
            yield Response(internal_error_body(), refused=True)

    async def _responses(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, last_event_id: str | None
    ) -> AsyncGenerator[Response, None]:
        # Once for all steps: a reload may replace them between two of them.
        stack, execution = self._stack, self._execution
        request = await stack.with_document(request)
        found = _found(stack, request)
        # The plan of a subscription is a single response, as those of other operations are.
        if found is None or found[1].operation is not OperationType.SUBSCRIPTION or requests_plan(scope):
            reply = await stack.operations.run(request, scope, caller)
            yield Response(reply.body, refused=not reply.executed)
            return
        events, size, codes, began = 0, 0, [], time.monotonic()
        self.counts.open += 1
        trace = self._begin_trace(found[1], request, scope, caller)
        if trace is not None:
            scope = {**scope, TRACE: trace}
        try:
            start = await stack.admit_subscription(*found, request, caller)
            run = self._followed(
                *found, request, scope, caller, last_event_id, start=start, stack=stack, execution=execution
            )
            async with aclosing(run) as followed:
                async for response in followed:
                    if response.refused:
                        codes = codes_in(response.body)
                    else:
                        events += 1
                        size += len(response.body)
                    yield response
                    if trace is not None:
                        trace.started(codes)
        except GatewayError as error:
            codes = [error.code]
            raise
        finally:
            self.counts.open -= 1
            if trace is not None:
                trace.started(codes)
            if stack.log is not None:
                seconds = time.monotonic() - began
                ended = EndedSubscription(request, scope, caller, seconds, events, size, codes)
                stack.log.subscription_ended(ended)

    async def _followed(  # noqa: PLR0913 - what a run is made of
        self,
        document: Document,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        scope: Scope,
        caller: Caller,
        last_event_id: str | None,
        *,
        start: Start | None,
        stack: OperationStack,
        execution: CompiledExecution,
    ) -> AsyncGenerator[Response, None]:
        node = document.node
        assert node is not None  # noqa: S101 - it has been validated
        if last_event_id:
            node = resumed(self._schema, node, last_event_id)
        compiled = execution.events(document, operation, request.variables)
        carried = call_context(request, scope, propagates=stack.propagates)
        new_context = partial(self._new_context, scope, caller, start, carried)
        explained = requested_traces(scope) is not None
        run = SubscriptionRun(
            execution.standard,
            node,
            operation,
            request,
            compiled,
            new_context,
            writer=stack.writer,
            explained=explained,
        )
        operation_key = _operation_key(document, request, compiled, scope, caller)
        trace: SubscriptionTrace | None = scope.get(TRACE)
        try:
            async for event in await run.source():
                recorder = None if trace is None else trace.event(event)
                execute = run.response if recorder is None else partial(run.response, recorder=recorder)
                yield await self._shared.response(operation_key, event, execute)
                # Here the consumer has handed the response to its transport, and asks for the next one.
                self.counts.add(event)
                if recorder is not None:
                    recorder.sent()
        except SourceRefused as refused:
            # No event will end the start, and the charge that it did not use has to be given back.
            if start is not None:
                await start.end()
            yield refusal_of(report(refused.errors, request.request_id))
        finally:
            await run.close()

    def _begin_trace(
        self, operation: OperationDefinitionNode, request: GraphQLRequest, scope: Scope, caller: Caller
    ) -> SubscriptionTrace | None:
        if self._tracing is None:
            return None
        return self._tracing.begin(request, scope, caller, operation.name.value if operation.name else None)

    def _is_mutation(self, request: GraphQLRequest) -> bool:
        try:
            found = _found(self._stack, request)
        except BadInput:
            return False
        return found is not None and found[1].operation is OperationType.MUTATION

    def _new_context(
        self,
        scope: Scope,
        caller: Caller,
        start: Start | None,
        carried: CallContext | None,
        recorder: CallRecorder | None,
    ) -> Context:
        deadline = asyncio.get_running_loop().time() + self._deadline_seconds
        traces = requested_traces(scope)
        # The caller is charged for the calls of the start, so they are traced even if the client does not ask for it.
        if traces is None and (recorder is not None or (start is not None and not start.over)):
            traces = []
        if carried is not None and recorder is not None:
            carried = CallContext(recorder, carried.headers)
        return Context(caller.account, CallScope(deadline, traces, context=carried), start=start)


def _found(stack: OperationStack, request: GraphQLRequest) -> tuple[Document, OperationDefinitionNode] | None:
    """The document and the operation in it; None if it is invalid, which the operation stack then reports."""
    if request.query is None:
        return None
    document = stack.documents.get(request.query)
    if document.errors:
        return None
    return document, document.operation(request.operation_name)


def _operation_key(
    document: Document, request: GraphQLRequest, compiled: CompiledEvents | None, scope: Scope, caller: Caller
) -> Hashable | None:
    """Everything that determines a response besides its event; None if the response must not be shared."""
    if requested_traces(scope) is not None:
        return None
    variables = request.variables or {}
    # Without unused variables, which do not change the response: clients that differ in these only still share it.
    if compiled is not None:
        variables = {name: value for name, value in variables.items() if name in compiled.variables}
    return document.text, request.operation_name, variables_key(variables), caller.account.answer_identity
