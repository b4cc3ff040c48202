"""Runs operations, from the document to the encoded response; the last step of the operation stack.

`UninterruptedMutations` is a step of its own: it lets a mutation run to its end when its client leaves.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import orjson
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from graphql.execution.values import get_variable_values
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.cost.estimates import Costs
from gateway.operations.cost.sms_quotas import SmsQuotas
from gateway.operations.diagnostics import (
    HEADER,
    explanation,
    facts_of,
    plan_extensions,
    requested_traces,
    requests_explanation,
    requests_plan,
)
from gateway.operations.documents.documents import MAX_ERRORS, Document, Documents
from gateway.operations.documents.request_limits import RequestLimits
from gateway.operations.documents.variable_errors import variable_errors
from gateway.operations.execution import Execution
from gateway.operations.field_waits import FieldWaits
from gateway.operations.idempotency import header_key, replays
from gateway.operations.request import (
    COMPRESSED_SHARE,
    CompressedBodies,
    GraphQLRequest,
    Header,
    MutationByGet,
    Operations,
    Reply,
)
from gateway.operations.responses.encoding import ResponseWriter
from gateway.operations.responses.report import errors_body, report
from gateway.operations.responses.stale_paths import stale_paths
from gateway.operations.trace import call_context, record_phase
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.idempotency.keys import CallerKeys, IdempotencyKeys
from resolvers.upstreams.call import CallContext, CallScope

NO_STREAM: Final = (
    "A subscription needs a WebSocket, or Accept: text/event-stream, or multipart/mixed;subscriptionSpec=1.0."
)


@dataclass(frozen=True, slots=True)
class RunnerConfig:
    """Settings of the runner.

    Args:
        deadline_seconds: The longest duration of one operation.
        propagates: Whether any upstream gets the ids of requests and traces.
    """

    deadline_seconds: float = 15.0
    propagates: bool = False


class OperationResult(NamedTuple):
    """The response to an operation and how it came about; request lifetime.

    Attributes:
        reply: The response.
        context: The context of the execution; None where the operation was not executed.
        whole: Whether it was executed without an error.
    """

    reply: Reply
    context: Context | None = None
    whole: bool = False


class OperationRunner(Protocol):
    """The interface of `Runner`: runs operations whose requests hold their document; process lifetime."""

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation."""
        ...

    def is_query(self, request: GraphQLRequest) -> bool:
        """Return whether the request is for a valid query."""
        ...

    async def outcome(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> OperationResult:
        """Run one operation, and return the response with the context of its execution."""
        ...


class Runner:
    """Runs queries and mutations; process lifetime.

    Args:
        documents: Parses and validates documents.
        execution: Executes operations.
        costs: Estimates operations.
        limits: Bounds the uses of variables.
        config: Settings.
        writer: Encodes responses, up to its limit.
        quotas: The callers' quotas of SMS; None for no limit.
        keys: The callers' idempotency keys; None where none are kept.
    """

    def __init__(  # noqa: PLR0913 - one for each step that an operation takes
        self,
        documents: Documents,
        execution: Execution,
        costs: Costs,
        limits: RequestLimits,
        config: RunnerConfig,
        writer: ResponseWriter | None = None,
        *,
        quotas: SmsQuotas | None = None,
        keys: IdempotencyKeys | None = None,
    ) -> None:
        self._keys = keys
        self._quotas = quotas
        self._documents = documents
        self._execution = execution
        self._costs = costs
        self._limits = limits
        self._config = config
        self._writer = writer or ResponseWriter()

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation and return the response, with the errors of its execution.

        Raises:
            GatewayError: The operation was not executed.
        """
        return (await self.outcome(request, scope, caller)).reply

    def is_query(self, request: GraphQLRequest) -> bool:
        """Return whether the request is for a valid query, whose response other requests may share.

        Raises:
            BadInput: The document has no operation of that name, or several and the request names none.
        """
        if request.query is None:
            return False
        document = self._documents.get(request.query)
        return not document.errors and document.operation(request.operation_name).operation is OperationType.QUERY

    async def outcome(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> OperationResult:
        """Run one operation, and return the response with the context of its execution.

        Raises:
            BadInput: The request has no document, the operation is unknown or a subscription, or the header with the
                idempotency key is malformed.
            MutationByGet: The operation is a mutation and the request was a GET.
            RequestTooLarge: The uses of variables are above the limit.
            OperationTooExpensive: The estimate is above the limit.
        """
        if request.query is None:
            raise BadInput("The parameter `query` is missing; it holds the GraphQL document.")
        record_phase(scope, "document")
        document = self._documents.get(request.query)
        if document.errors:
            return OperationResult(_request_error(document.errors, request))
        operation = document.operation(request.operation_name)
        if operation.operation is OperationType.MUTATION and not request.may_mutate:
            raise MutationByGet
        # Before anything reads the values of variables, which takes time for each use.
        self._limits.check_uses(document, operation, request.variables)
        # Before the refusal of subscriptions and of high estimates, because a plan is for these too.
        if requests_plan(scope):
            return OperationResult(self._plan(document, operation, request))
        if operation.operation is OperationType.SUBSCRIPTION:
            raise BadInput(NO_STREAM)
        record_phase(scope, "plan")
        estimate = self._costs.check(document, operation, request.variables)
        context = self._context(operation, request, scope, caller)
        if (facts := facts_of(scope)) is not None:
            facts.estimate, facts.context = estimate, context
        extensions: dict[str, Any] = {}
        record_phase(scope, "execute")
        try:
            result = await self._execution.execute(document, operation, request.variables, context)
            if context.stale_reads:
                extensions["stale"] = stale_paths(context.read_set, result.data)
        finally:
            # Reads that are still in flight after an error have no user any more.
            context.close()
        record_phase(scope, "encode")
        if requests_explanation(scope):
            extensions |= explanation(context, result.data, self._costs.of(document, operation, request.variables))
        replayed, headers = replays(context.keys)
        reply = self._reply(result, request, extensions | replayed, headers)
        return OperationResult(reply, context, whole=not reply.has_errors)

    def _context(
        self, operation: OperationDefinitionNode, request: GraphQLRequest, scope: Scope, caller: Caller
    ) -> Context:
        clock = asyncio.get_running_loop().time
        quota = None if self._quotas is None else self._quotas.of(caller.name)
        carried = call_context(request, scope, propagates=self._config.propagates)
        traces = requested_traces(scope)
        # The header is only looked for in an operation that is traced, because the others all come here, too.
        if traces is not None and HEADER in scope["headers"]:
            recorder = None if carried is None else carried.recorder
            carried = CallContext(FieldWaits(recorder, clock), () if carried is None else carried.headers)
        calls = CallScope(clock() + self._config.deadline_seconds, traces, context=carried)
        is_mutation = operation.operation is OperationType.MUTATION
        keys = None
        if is_mutation and self._keys is not None:
            keys = CallerKeys(self._keys, caller.name, header_key(scope))
        context = Context(caller.account, calls, sms_quota=quota, keys=keys)
        if is_mutation:
            # A mutation decides by what it reads, so that must not be stale.
            context.never_stale()
        return context

    def _plan(self, document: Document, operation: OperationDefinitionNode, request: GraphQLRequest) -> Reply:
        """Return the plan of an operation, or the errors of its variables as execution would return them."""
        definitions = operation.variable_definitions or ()
        # Coerced only to find their errors: the estimate reads variables as the client sent them.
        coerced = get_variable_values(
            self._documents.schema,
            definitions,
            request.variables or {},
            max_errors=MAX_ERRORS,
            hide_suggestions=not self._documents.suggestions,
        )
        if isinstance(coerced, list):
            errors = variable_errors(
                self._documents.schema, coerced, request.variables or {}, suggestions=self._documents.suggestions
            )
            return _request_error(tuple(errors), request)
        cost = self._costs.of(document, operation, request.variables)
        return Reply(
            200,
            orjson.dumps({"data": None, "extensions": plan_extensions(cost, self._costs.limit, self._costs.max_nodes)}),
        )

    def _reply(
        self,
        result: ExecutionResult,
        request: GraphQLRequest,
        extensions: Mapping[str, Any],
        headers: tuple[Header, ...],
    ) -> Reply:
        """Return the response.

        Args:
            result: The result of the execution.
            request: The request.
            extensions: The response's `extensions.gateway`.
            headers: Its headers beside the endpoint's own.
        """
        # Errors without a path were found before execution, and a request error has no data (GraphQL specification).
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            return _request_error(tuple(result.errors), request)
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = report(result.errors, request.request_id)
        if extensions:
            response["extensions"] = {"gateway": extensions}
        body, whole = self._writer.write(response)
        forms = CompressedBodies(len(body) // COMPRESSED_SHARE)
        return Reply(200, body, headers, has_errors=not whole or "errors" in response, compressed=forms)


def _request_error(errors: "tuple[GraphQLError, ...]", request: GraphQLRequest) -> Reply:
    return Reply(400, errors_body(report(errors, request.request_id)), executed=False, has_errors=True)


class RunningMutations:
    """The mutations that are being executed; process lifetime."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Reply]] = set()

    async def complete(self, mutation: Coroutine[Any, Any, Reply]) -> Reply:
        """Run a mutation and return its reply; it goes on where this call is cancelled."""
        task = asyncio.ensure_future(mutation)
        # The event loop has only a weak reference to a task.
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for all that are running, at shutdown."""
        if self._running:
            await asyncio.wait(self._running)


class UninterruptedMutations:
    """The step of the operation stack that lets mutations run to their end; process lifetime.

    A mutation that is cancelled half way may have reached an upstream, with an unknown outcome.

    Args:
        operations: The next step.
        documents: Parsed documents.
        running: The mutations that are being executed.
    """

    def __init__(self, operations: Operations[Caller], documents: Documents, running: RunningMutations) -> None:
        self._operations = operations
        self._documents = documents
        self._running = running

    def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Coroutine[Any, Any, Reply]:
        """Run one operation; raises as the next step does."""
        running = self._operations.run(request, scope, caller)
        return self._running.complete(running) if holds_mutation(self._documents, request) else running


def holds_mutation(documents: Documents, request: GraphQLRequest) -> bool:
    """Return whether the request is for a valid mutation."""
    # Because a text without the keyword holds no mutation, most queries pass without a look at their document.
    if not request.may_mutate or "mutation" not in (request.query or ""):
        return False
    document = documents.get(request.query or "")
    try:
        operation = None if document.errors else document.operation(request.operation_name)
    except BadInput:
        return False
    return operation is not None and operation.operation is OperationType.MUTATION
