"""Runs the operations of one request, a JSON array, and makes one response of theirs.

Theory of operation
-------------------
Each operation passes the operation stack by itself, so that it has its own costs, log line, metrics and errors. What
they read in common is read once, as for operations of different requests at the same time. With a mutation among them
they run one after the other, in their order, so that a query behind a mutation sees what that has changed::

    [query, query, query]      -> all at once       -> [response, response, response]
    [query, mutation, query]   -> one after another -> [response, response, response]
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

import msgspec
from starlette.types import Scope

from gateway.http.response import internal_error, refusal
from gateway.operations.batch_limits import ALLOWANCE, BatchAllowance
from gateway.operations.request import GraphQLRequest, Header, Operations, Reply
from resolvers.errors import GatewayError, OperationTooExpensive

CallerT = TypeVar("CallerT")

_REMAINING: Final = b"ratelimit-remaining"

logger = logging.getLogger(__name__)


class BatchConfig(msgspec.Struct, frozen=True):
    """Bounds of batches.

    Attributes:
        operations: The most operations of a batch; with less than 2, batches are refused.
        response_bytes: The most bytes of their responses together.
    """

    operations: int = 10
    response_bytes: int = 16_777_216


class OperationBatches(Generic[CallerT]):
    """Runs batches of operations; process lifetime.

    Args:
        operations: Runs each operation.
        is_mutation: Whether a request is for a mutation.
        config: Bounds.

    Attributes:
        config: As above.
    """

    def __init__(
        self,
        operations: Operations[CallerT],
        is_mutation: Callable[[GraphQLRequest], Awaitable[bool]],
        config: BatchConfig,
    ) -> None:
        self._operations = operations
        self._is_mutation = is_mutation
        self.config = config

    async def run(self, requests: Sequence[GraphQLRequest | GatewayError], scope: Scope, caller: CallerT) -> Reply:
        """Run the operations, and return their responses in the same order.

        Args:
            requests: The requests, or what is wrong with each.
            scope: The ASGI scope of the HTTP request.
            caller: The sender.
        """
        shared = {**scope, ALLOWANCE: BatchAllowance()}
        if await self._has_mutation(requests):
            replies = [await self._reply(request, shared, caller) for request in requests]
        else:
            replies = await asyncio.gather(*(self._reply(request, shared, caller) for request in requests))
        bodies = self._bounded([reply.body for reply in replies])
        errors = any(reply.has_errors for reply in replies)
        return Reply(200, b"[" + b",".join(bodies) + b"]", _budget_headers(replies), has_errors=errors)

    async def _has_mutation(self, requests: Sequence[GraphQLRequest | GatewayError]) -> bool:
        for request in requests:
            if isinstance(request, GraphQLRequest) and await self._is_mutation(request):
                return True
        return False

    async def _reply(self, request: GraphQLRequest | GatewayError, scope: Scope, caller: CallerT) -> Reply:
        if isinstance(request, GatewayError):
            return refusal(request)
        try:
            return await self._operations.run(request, scope, caller)
        except GatewayError as error:
            return refusal(error)
        except Exception:
            logger.exception("Request %s met an error that nothing foresaw.", request.request_id)
            return internal_error()

    def _bounded(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Return the bodies, with an error in the place of each that is too much beside those before it."""
        bounded, room = [], self.config.response_bytes
        for body in bodies:
            fits = len(body) <= room
            bounded.append(body if fits else refusal(self._too_large()).body)
            room -= len(body) if fits else 0
        return bounded

    def _too_large(self) -> OperationTooExpensive:
        return OperationTooExpensive(
            f"The responses of this batch are larger than the {self.config.response_bytes} bytes that are sent; what "
            "was changed is changed. Send this operation in a request of its own."
        )


def _budget_headers(replies: Sequence[Reply]) -> tuple[Header, ...]:
    """Return the headers of the caller's budget from the reply that was left the least of it."""
    budgets = [headers for reply in replies if (headers := _budget_in(reply))]
    return min(budgets, key=lambda headers: int(dict(headers)[_REMAINING]), default=())


def _budget_in(reply: Reply) -> tuple[Header, ...]:
    headers = tuple(header for header in reply.headers if header[0].startswith(b"ratelimit-"))
    return headers if any(name == _REMAINING for name, _ in headers) else ()
