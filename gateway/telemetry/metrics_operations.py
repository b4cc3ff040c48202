"""Counts operations by what came of them."""

import asyncio

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.http.interface import Operations, Reply
from gateway.http.request import GraphQLRequest
from resolvers.errors import GatewayError


class OperationCounts(msgspec.Struct):
    """Counters that only grow; process lifetime.

    Args:
        whole: Answered without an error.
        partial: Answered with data and errors.
        refused: Not executed: wrong in itself, not allowed, or too expensive.
        abandoned: Given up because the client had left.
        failed: Ended by an error that nothing foresaw.
    """

    whole: int = 0
    partial: int = 0
    refused: int = 0
    abandoned: int = 0
    failed: int = 0


class CountedOperations:
    """Counts what operations come to; process lifetime.

    Args:
        operations: Runs them.
        counts: Where they are counted.
    """

    def __init__(self, operations: Operations[Caller], counts: OperationCounts) -> None:
        self._operations = operations
        self._counts = counts

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run one operation, and count it."""
        counts = self._counts
        try:
            reply = await self._operations.run(request, scope, caller)
        except GatewayError:
            counts.refused += 1
            raise
        except asyncio.CancelledError:
            counts.abandoned += 1
            raise
        except Exception:
            counts.failed += 1
            raise
        if not reply.executed:
            counts.refused += 1
        elif reply.has_errors:
            counts.partial += 1
        else:
            counts.whole += 1
        return reply
