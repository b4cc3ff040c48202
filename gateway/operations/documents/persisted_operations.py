"""Puts the document into requests that name theirs, before anybody else sees them."""

from collections.abc import Coroutine
from typing import Any

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.documents.persisted import Persisted
from gateway.operations.documents.request_limits import RequestLimits
from gateway.operations.request import GraphQLRequest, Operations, Reply


class PersistedOperations:
    """Runs operations whose documents are in the request or persisted; process lifetime.

    Args:
        operations: Runs them once their document is there.
        persisted: Finds the document.
        limits: How large a request may be.
    """

    def __init__(self, operations: Operations[Caller], persisted: Persisted, limits: RequestLimits) -> None:
        self._operations = operations
        self._persisted = persisted
        self._limits = limits

    def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Coroutine[Any, Any, Reply]:
        """Run one operation.

        Raises:
            GatewayError: nothing was executed, and why.
        """
        self._limits.check(request)
        if self._persisted.is_plain(request):
            return self._operations.run(request, scope, caller)
        return self._run_persisted(request, scope, caller)

    async def _run_persisted(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        request = await with_document(self._persisted, request)
        return await self._operations.run(request, scope, caller)


async def with_document(persisted: Persisted, request: GraphQLRequest) -> GraphQLRequest:
    """The request with its document in `query`.

    Raises:
        BadInput: it names its document wrongly.
        PersistedQueryNotFound: the document is not known.
        Forbidden: it is not one of those that are accepted.
    """
    if persisted.is_plain(request):
        return request
    return msgspec.structs.replace(request, query=await persisted.text(request))
