"""The cache of whole responses, by what was asked and by the records that they are made of.

Theory of operation
-------------------
A request's key is its identity (credentials and scopes), document, operation name and variables::

    key in the cache, fresh      -> that response
    same key in flight           -> its response, unless a record that it read was invalidated since
    else                         -> run; the response is kept until the first of its records is stale

A response remembers the keys of all records that it is made of: when one is invalidated, here or by another process,
the responses made of it go at once. Mutations are neither shared nor kept; responses with errors, stale records or
parts that are true only now are not kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.diagnostics import explains
from gateway.operations.request import GraphQLRequest, Header, Reply
from gateway.operations.responses.encoding import compact, variables_key
from gateway.operations.runner import OperationResult, OperationRunner
from resolvers.cache.invalidations import Invalidations
from resolvers.upstreams.transport.stack import loop_clock

Value = TypeVar("Value")


class SharedResult(Generic[Value]):
    """What one gets and others wait for meanwhile; lives until it has come or failed.

    Each of the waiting has a future of its own, which it may cancel without harm to anybody, and which wakes it in one
    turn of the event loop; `asyncio.shield` would take two.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[Value | None]] = []

    def join(self) -> "asyncio.Future[Value | None]":
        """Wait for the value; None where the request that was to get it was cancelled.

        Raises:
            Exception: whatever it failed by.
        """
        waiter: asyncio.Future[Value | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return waiter

    def land(self, value: Value | None) -> None:
        """Hand the value to all who wait; None where nobody is getting it any more."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(value)

    def fail(self, error: Exception) -> None:
        """Let all who wait meet the failure."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(error)


Key: TypeAlias = tuple[str, str, str | None, bytes]
"""Whose data it is and what of it may be seen, document, operation, variables."""

ENTRY_OVERHEAD: Final = 1024
"""Bytes that a response costs beside its own."""


class CachedResponse(msgspec.Struct, gc=False):
    """A response's bytes; lives until the first record in it is no longer fresh, or changes.

    Args:
        reply: The response.
        fresh_until: By the cache's clock, in seconds.
        touched: The keys of what it was made of.
        etag: Of the bytes, once somebody has asked by GET.
        size: Bytes that it takes with all that belongs to it, the question too; known once it is kept.
    """

    reply: Reply
    fresh_until: float
    touched: Collection[str]
    etag: bytes | None = None
    size: int = 0


class ResponseCache:
    """Responses by what was asked and by what they are made of, bounded in bytes; process lifetime.

    The least recently used go first.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._responses: OrderedDict[Key, CachedResponse] = OrderedDict()
        self._made_of: dict[str, set[Key]] = {}

    def get(self, key: Key) -> CachedResponse | None:
        """What is kept for an operation, fresh or not."""
        response = self._responses.get(key)
        if response is not None:
            self._responses.move_to_end(key)
        return response

    def put(self, key: Key, response: CachedResponse) -> None:
        """Keep a response, unless it alone is larger than all may be."""
        self._forget(key)
        response.size = _size(key, response)
        if response.size > self._max_bytes:
            return
        self._bytes += response.size
        self._responses[key] = response
        for record in response.touched:
            self._made_of.setdefault(record, set()).add(key)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._responses)))

    def forget(self, records: Iterable[str] | None) -> None:
        """Forget every response that one of the records is in; all of them where it is not known which changed."""
        if records is None:
            self._responses.clear()
            self._made_of.clear()
            self._bytes = 0
            return
        for record in records:
            for key in tuple(self._made_of.get(record, ())):
                self._forget(key)

    def _forget(self, key: Key) -> None:
        response = self._responses.pop(key, None)
        if response is None:
            return
        self._bytes -= response.size
        for record in response.touched:
            keys = self._made_of.get(record)
            if keys is not None:
                keys.discard(key)
                if not keys:
                    del self._made_of[record]


def _size(key: Key, response: CachedResponse) -> int:
    _, document, _, variables = key
    asked = len(document) + len(variables)
    return len(response.reply.body) + asked + ENTRY_OVERHEAD + 100 * len(response.touched)


REVALIDATED: Final[tuple[Header, ...]] = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"authorization, x-api-key, cookie"),
)
"""A browser may keep the response, but asks each time whether it still holds.

With a max-age it would go on showing what its own user has changed since; a response that still holds costs no
upstream call.
"""


@dataclass(frozen=True, slots=True)
class CachedOperationsConfig:
    """What an operator may set.

    Args:
        keep: Whether responses are kept.
        share: Whether the same operation in flight runs once.
        max_bytes: How many bytes of responses are kept.
    """

    keep: bool
    share: bool
    max_bytes: int


class CachedOperations:
    """Takes responses from the cache or from the same query in flight, else runs it; process lifetime.

    Args:
        runner: Runs operations.
        invalidations: Tells which records changed.
        config: What the operator set.
        clock: The cache's clock, in seconds.
    """

    def __init__(
        self,
        runner: OperationRunner,
        invalidations: Invalidations,
        config: CachedOperationsConfig,
        clock: Callable[[], float] = loop_clock,
    ) -> None:
        self._runner = runner
        self._share = config.share
        self._keep = config.keep
        self._clock = clock
        self._responses = ResponseCache(config.max_bytes)
        self._flights: dict[Key, tuple[SharedResult[OperationResult], int]] = {}
        self._invalidations = invalidations
        invalidations.subscribe(self._responses.forget)

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Answer one operation.

        Raises:
            GatewayError: nothing was executed, and why.
        """
        if explains(scope) or request.query is None:
            return await self._runner.run(request, scope, caller)
        key = _key(request, caller)
        kept = self._responses.get(key)
        if kept is not None and kept.fresh_until > self._clock():
            return kept.reply if request.may_mutate else self._with_headers(kept)
        reply = await self._shared(key)
        if reply is None:
            if not self._runner.is_query(request):
                return await self._runner.run(request, scope, caller)
            reply = await self._lead(key, request, scope, caller)
        return reply if request.may_mutate else self._for_get(key, reply)

    async def _shared(self, key: Key) -> Reply | None:
        """What the same query in flight comes to; None where there is none, or what it read was outdated at our start.

        Whoever has seen a change answered must not be given what was read before it.
        """
        while (in_flight := self._flights.get(key)) is not None:
            flight, begun = in_flight
            asked = self._invalidations.mark
            outcome = await flight.join()
            if outcome is not None and (begun == asked or _is_current(outcome)):
                return outcome.reply
        return None

    async def _lead(self, key: Key, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        flight = SharedResult[OperationResult]()
        if self._share:
            self._flights[key] = flight, self._invalidations.mark
        try:
            outcome = await self._runner.outcome(request, scope, caller)
        except Exception as error:
            flight.fail(error)
            raise
        except BaseException:
            flight.land(None)
            raise
        finally:
            self._flights.pop(key, None)
        flight.land(outcome)
        self._keep_outcome(key, outcome)
        return outcome.reply

    def _keep_outcome(self, key: Key, outcome: OperationResult) -> None:
        context = outcome.context
        if not self._keep or context is None or not outcome.whole or context.stale_reads:
            return
        if context.fresh_until > self._clock() and context.current:
            reply = msgspec.structs.replace(outcome.reply, body=compact(outcome.reply.body))
            self._responses.put(key, CachedResponse(reply, context.fresh_until, tuple(context.touched)))

    def _for_get(self, key: Key, reply: Reply) -> Reply:
        kept = self._responses.get(key)
        return self._with_headers(kept) if kept is not None and kept.reply.body == reply.body else reply

    def _with_headers(self, kept: CachedResponse) -> Reply:
        """With what lets a browser keep the response, and ask whether it is still the same."""
        if kept.etag is None:
            kept.etag = b'"' + blake2b(kept.reply.body, digest_size=16).hexdigest().encode() + b'"'
        return msgspec.structs.replace(kept.reply, headers=(*REVALIDATED, (b"etag", kept.etag)))


def _is_current(outcome: OperationResult) -> bool:
    """Whether nothing that an operation was given has been forgotten since it began, as far as that is known."""
    context = outcome.context
    return context is None or (context.current and context.fresh_until > float("-inf"))


def _key(request: GraphQLRequest, caller: Caller) -> Key:
    assert request.query is not None  # noqa: S101 - the caller has looked
    return (caller.account.answer_identity, request.query, request.operation_name, variables_key(request.variables))
