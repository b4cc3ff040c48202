"""Runs operations: document, context, execution, answer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from starlette.types import Scope

from gateway.callers import Caller
from gateway.http.operations import Reply
from gateway.http.refusals import MutationByGet
from gateway.http.request import GraphQLRequest
from gateway.operations.documents import Documents
from gateway.operations.execution import Execution
from gateway.operations.explain import traces_asked_for, traces_told
from gateway.operations.report import report
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.upstreams.call import CallScope


@dataclass(frozen=True, slots=True)
class RunnerConfig:
    """What an operator may set.

    Args:
        deadline_seconds: What one operation may take in all.
    """

    deadline_seconds: float = 15.0


class Runner:
    """Runs queries and mutations; lives as long as its process."""

    def __init__(self, documents: Documents, execution: Execution, config: RunnerConfig) -> None:
        self._documents = documents
        self._execution = execution
        self._config = config

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation, and answer it whatever comes of it.

        Raises:
            GatewayError: nothing was executed, and why.
        """
        if request.query is None:
            raise BadInput("Persisted operations are not served here; send the document as `query`.")
        document = self._documents.get(request.query)
        if document.errors:
            return _request_error(document.errors, request)
        operation = document.operation(request.operation_name)
        _check_kind(operation, request)
        deadline = asyncio.get_running_loop().time() + self._config.deadline_seconds
        context = Context(caller.account, CallScope(deadline, traces_asked_for(scope)))
        try:
            result = await self._execution.execute(document, operation, request.variables, context)
        finally:
            context.close()
        return _reply(result, request, traces_told(context))


def _check_kind(operation: OperationDefinitionNode, request: GraphQLRequest) -> None:
    if operation.operation is OperationType.MUTATION and not request.may_mutate:
        raise MutationByGet
    if operation.operation is OperationType.SUBSCRIPTION:
        raise BadInput(
            "A subscription needs a WebSocket, or Accept: text/event-stream, or multipart/mixed;subscriptionSpec=1.0."
        )


def _request_error(errors: "tuple[GraphQLError, ...]", request: GraphQLRequest) -> Reply:
    return Reply(400, orjson.dumps({"errors": report(errors, request.request_id)}), executed=False)


def _reply(result: ExecutionResult, request: GraphQLRequest, extensions: Mapping[str, Any] | None) -> Reply:
    if result.data is None and result.errors and all(error.path is None for error in result.errors):
        return _request_error(tuple(result.errors), request)
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = report(result.errors, request.request_id)
    if extensions:
        answer["extensions"] = extensions
    return Reply(200, orjson.dumps(answer))
