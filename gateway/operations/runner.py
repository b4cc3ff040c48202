"""Runs operations: document, context, execution, response; and mutations to their end, if their client leaves."""

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
from gateway.operations.diagnostics import explains, facts_of, plan_asked_for, plan_told, traces_asked_for, traces_told
from gateway.operations.documents.documents import MAX_ERRORS, Document, Documents
from gateway.operations.documents.request_limits import RequestLimits
from gateway.operations.execution import Execution
from gateway.operations.request import GraphQLRequest, MutationByGet, Operations, Reply
from gateway.operations.responses.encoding import ResponseWriter
from gateway.operations.responses.report import errors_body, report
from gateway.operations.responses.stale_paths import stale_paths
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.upstreams.call import CallScope

NO_STREAM: Final = (
    "A subscription needs a WebSocket, or Accept: text/event-stream, or multipart/mixed;subscriptionSpec=1.0."
)


@dataclass(frozen=True, slots=True)
class RunnerConfig:
    """What an operator may set.

    Args:
        deadline_seconds: What one operation may take in all.
    """

    deadline_seconds: float = 15.0


class OperationResult(NamedTuple):
    """What came of an operation; request lifetime.

    Attributes:
        reply: The response.
        context: What the operation was executed with; None where it was not executed.
        whole: Whether it was executed without an error.
    """

    reply: Reply
    context: Context | None = None
    whole: bool = False


class OperationRunner(Protocol):
    """Runs operations that have their document; process lifetime. `Runner` says what its methods do."""

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation."""
        ...

    def is_query(self, request: GraphQLRequest) -> bool:
        """Return whether the request is for a valid query."""
        ...

    async def outcome(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> OperationResult:
        """Run one operation, and return what it was executed with."""
        ...


class Runner:
    """Runs queries and mutations; process lifetime.

    Args:
        documents: Read and validated.
        execution: Executes them.
        costs: Estimates them.
        limits: How much an operation may make of its variables.
        config: What the operator set.
        writer: Encodes responses, up to its limit.
        quotas: How many SMS callers may have sent; None for any number.
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
    ) -> None:
        self._quotas = quotas
        self._documents = documents
        self._execution = execution
        self._costs = costs
        self._limits = limits
        self._config = config
        self._writer = writer or ResponseWriter()

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation, and answer it whatever comes of it.

        Raises:
            GatewayError: nothing was executed, and why.
        """
        return (await self.outcome(request, scope, caller)).reply

    def is_query(self, request: GraphQLRequest) -> bool:
        """Whether the request is for a query that is valid in itself, so that it may be answered together with others.

        Raises:
            BadInput: the document has no such operation.
        """
        if request.query is None:
            return False
        document = self._documents.get(request.query)
        return not document.errors and document.operation(request.operation_name).operation is OperationType.QUERY

    async def outcome(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> OperationResult:
        """Run one operation, and tell what it was executed with.

        Raises:
            GatewayError: nothing was executed, and why.
        """
        if request.query is None:
            raise BadInput("The parameter `query` is missing; it holds the GraphQL document.")
        document = self._documents.get(request.query)
        if document.errors:
            return OperationResult(_request_error(document.errors, request))
        operation = document.operation(request.operation_name)
        if operation.operation is OperationType.MUTATION and not request.may_mutate:
            raise MutationByGet
        self._limits.check_uses(document, operation, request.variables)
        if plan_asked_for(scope):
            return OperationResult(self._plan(document, operation, request))
        if operation.operation is OperationType.SUBSCRIPTION:
            raise BadInput(NO_STREAM)
        estimate = self._costs.check(document, operation, request.variables)
        deadline = asyncio.get_running_loop().time() + self._config.deadline_seconds
        quota = None if self._quotas is None else self._quotas.of(caller.name)
        context = Context(caller.account, CallScope(deadline, traces_asked_for(scope)), sms_quota=quota)
        if operation.operation is OperationType.MUTATION:
            context.never_stale()
        facts = facts_of(scope)
        if facts is not None:
            facts.estimate, facts.context = estimate, context
        told: dict[str, Any] = {}
        try:
            result = await self._execution.execute(document, operation, request.variables, context)
            if context.stale_reads:
                told["stale"] = stale_paths(context.read_set, result.data)
        finally:
            context.close()
        if explains(scope):
            told["calls"] = traces_told(context)
        reply = self._reply(result, request, told)
        return OperationResult(reply, context, whole=not reply.has_errors)

    def _plan(self, document: Document, operation: OperationDefinitionNode, request: GraphQLRequest) -> Reply:
        """What it would cost; variables that it could not be executed with are told as they would be then."""
        definitions = operation.variable_definitions or ()
        coerced = get_variable_values(
            self._documents.schema,
            definitions,
            request.variables or {},
            max_errors=MAX_ERRORS,
            hide_suggestions=not self._documents.suggestions,
        )
        if isinstance(coerced, list):
            return _request_error(tuple(coerced), request)
        cost = self._costs.of(document, operation, request.variables)
        return Reply(
            200, orjson.dumps({"data": None, "extensions": plan_told(cost, self._costs.limit, self._costs.max_nodes)})
        )

    def _reply(self, result: ExecutionResult, request: GraphQLRequest, told: Mapping[str, Any]) -> Reply:
        """The response.

        Args:
            result: What execution came to.
            request: What was asked.
            told: What `extensions.gateway` tells about the execution.
        """
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            return _request_error(tuple(result.errors), request)
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = report(result.errors, request.request_id)
        if told:
            response["extensions"] = {"gateway": told}
        body, whole = self._writer.write(response)
        return Reply(200, body, has_errors=not whole or "errors" in response)


def _request_error(errors: "tuple[GraphQLError, ...]", request: GraphQLRequest) -> Reply:
    return Reply(400, errors_body(report(errors, request.request_id)), executed=False, has_errors=True)


class RunningMutations:
    """Mutations under way; process lifetime."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Reply]] = set()

    async def complete(self, mutation: Coroutine[Any, Any, Reply]) -> Reply:
        """Run a mutation; where the caller is cancelled, it goes on."""
        task = asyncio.ensure_future(mutation)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for those whose clients have left."""
        if self._running:
            await asyncio.wait(self._running)


class UninterruptedMutations:
    """Runs operations, of which mutations are not stopped half way; process lifetime.

    What a client has sent may have reached an upstream, and nobody could say whether it took effect.

    Args:
        operations: Runs them.
        documents: Where their documents are.
        running: Those under way.
    """

    def __init__(self, operations: Operations[Caller], documents: Documents, running: RunningMutations) -> None:
        self._operations = operations
        self._documents = documents
        self._running = running

    def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Coroutine[Any, Any, Reply]:
        """Run one operation.

        Raises:
            GatewayError: nothing was executed, and why.
        """
        # A text without the keyword holds no mutation; most are told by that alone.
        if not request.may_mutate or "mutation" not in (request.query or "") or not self._is_mutation(request):
            return self._operations.run(request, scope, caller)
        return self._running.complete(self._operations.run(request, scope, caller))

    def _is_mutation(self, request: GraphQLRequest) -> bool:
        document = self._documents.get(request.query or "")
        try:
            operation = None if document.errors else document.operation(request.operation_name)
        except BadInput:
            return False
        return operation is not None and operation.operation is OperationType.MUTATION
