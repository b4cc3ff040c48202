"""Runs mutations to their end whether or not their clients wait for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from graphql import OperationType
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.documents.documents import Documents
from gateway.operations.request import GraphQLRequest, Operations, Reply
from resolvers.errors import BadInput


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
