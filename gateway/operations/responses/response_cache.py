"""The cache of whole responses, which drops a response when a record in it is invalidated.

Theory of operation
-------------------
The key of a request is its identity (credentials and scopes), document, operation name and variables::

    key in the cache, fresh  -> that response
    key in flight            -> its response when it arrives, unless a record in it was invalidated since this request
    else                     -> run; the response is kept until the first of its records is stale

The cache knows the keys of all records that a response is made of. When one is invalidated, by this process or another,
the responses made of it are dropped at once. Mutations are neither shared nor kept. Responses with errors, with stale
records or with parts that are never cached are not kept.
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
from gateway.operations.diagnostics import requests_explanation
from gateway.operations.request import COMPRESSED_SHARE, GraphQLRequest, Header, Reply
from gateway.operations.responses.encoding import compact, variables_key
from gateway.operations.runner import OperationResult, OperationRunner
from gateway.operations.trace import record_shared
from resolvers.cache.invalidations import Invalidations
from resolvers.upstreams.transport.stack import loop_clock

Value = TypeVar("Value")


class SharedResult(Generic[Value]):
    """A result that one request produces and others wait for; lifetime: until it is set or failed.

    Each waiter has a future of its own, so that cancelling one affects no other.
    """

    # Not `asyncio.shield`, which wakes a waiter after two turns of the event loop instead of one.

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[Value | None]] = []

    def join(self) -> "asyncio.Future[Value | None]":
        """Return a future of the result; its value is None where the producing request was cancelled.

        Raises:
            Exception: The error of the producing request, when the future is awaited.
        """
        waiter: asyncio.Future[Value | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return waiter

    def set(self, value: Value | None) -> None:
        """Set the result of all waiters; None where the producing request was cancelled."""
        # A waiter whose request was cancelled is done.
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(value)

    def fail(self, error: Exception) -> None:
        """Fail all waiters."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(error)


Key: TypeAlias = tuple[str, str, str | None, bytes]
"""Identity of the account and its scopes, document, operation name, variables."""

ENTRY_OVERHEAD: Final = 1024
"""Estimated bytes of memory per response beside its body and key."""


class CachedResponse(msgspec.Struct, gc=False):
    """A response in the cache; lifetime: until the first record in it is stale or invalidated.

    Args:
        reply: The response.
        fresh_until: When the first record in it becomes stale, by the cache's clock in seconds.
        touched: The keys of the records that it is made of.
        etag: The entity tag of its bytes; None until the first GET.
        size: Estimated bytes of memory with its key; set when it is kept.
    """

    reply: Reply
    fresh_until: float
    touched: Collection[str]
    etag: bytes | None = None
    size: int = 0


class ResponseCache:
    """Keeps the most recently used responses, by key and by the records in them; process lifetime, bounded in bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._responses: OrderedDict[Key, CachedResponse] = OrderedDict()
        self._made_of: dict[str, set[Key]] = {}

    def __len__(self) -> int:
        """Return the number of responses."""
        return len(self._responses)

    @property
    def bytes(self) -> int:
        """Their estimated size in memory."""
        return self._bytes

    def get(self, key: Key) -> CachedResponse | None:
        """Return the response of a key, fresh or stale; None where there is none."""
        response = self._responses.get(key)
        if response is not None:
            self._responses.move_to_end(key)
        return response

    def put(self, key: Key, response: CachedResponse) -> None:
        """Keep a response, unless it is larger than the whole cache."""
        # It replaces a stale response, whose bytes and records are still counted.
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
        """Drop the responses that one of the records is in; all responses where `records` is None."""
        if records is None:
            self._responses.clear()
            self._made_of.clear()
            self._bytes = 0
            return
        for record in records:
            # A copy, because `_forget` changes the set.
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
    # With the compressed forms, whether or not they are made yet.
    body = len(response.reply.body) * (COMPRESSED_SHARE + 1) // COMPRESSED_SHARE
    return body + len(document) + len(variables) + ENTRY_OVERHEAD + 100 * len(response.touched)


REVALIDATED: Final[tuple[Header, ...]] = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"authorization, x-api-key, cookie"),
)
"""Headers by which a browser keeps a response and revalidates it each time.

Without a max-age, because a browser would go on to show what its own user has changed since.
"""


@dataclass(frozen=True, slots=True)
class CachedOperationsConfig:
    """Settings of the response cache.

    Args:
        keep: Whether responses are kept.
        share: Whether equal queries in flight run once.
        max_bytes: Bytes of the responses that are kept.
    """

    keep: bool
    share: bool
    max_bytes: int


class CachedOperations:
    """The step of the operation stack that caches and shares responses; process lifetime.

    Args:
        runner: Runs operations.
        invalidations: Reports the records that changed.
        config: Settings.
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
        self.responses = ResponseCache(config.max_bytes)
        """The responses that are kept."""
        self._in_flight: dict[Key, tuple[SharedResult[OperationResult], int]] = {}
        self._invalidations = invalidations
        self._unsubscribe = invalidations.subscribe(self.responses.forget)

    def retire(self) -> None:
        """Forget all responses and keep no more: the operations under way end without the cache."""
        # Nothing invalidates its responses from now on, and nothing refers to it but those operations.
        self._keep = False
        self.responses.forget(None)
        self._unsubscribe()

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Return the response from the cache or from the same query in flight, else run the operation.

        Raises:
            GatewayError: The operation was not executed.
        """
        # A shared response has the calls of another request in its explanation.
        if requests_explanation(scope) or request.query is None:
            return await self._runner.run(request, scope, caller)
        key = _key(request, caller)
        kept = self.responses.get(key)
        if kept is not None and kept.fresh_until > self._clock():
            return kept.reply if request.may_mutate else self._with_headers(kept)
        reply = await self._join(key, scope)
        if reply is None:
            if not self._runner.is_query(request):
                return await self._runner.run(request, scope, caller)
            reply = await self._run_shared(key, request, scope, caller)
        return reply if request.may_mutate else self._for_get(key, reply)

    async def _join(self, key: Key, scope: Scope) -> Reply | None:
        """Wait for the same query in flight and return its response; None where there is none that may be shared."""
        # A client that has the response to a change must not get a response that was read before that change. So the
        # response is shared only if nothing was invalidated between both requests, or nothing that is in it.
        while (in_flight := self._in_flight.get(key)) is not None:
            shared, begun = in_flight
            now = self._invalidations.mark
            outcome = await shared.join()
            if outcome is not None and (begun == now or _is_current(outcome)):
                record_shared(scope, outcome.context)
                return outcome.reply
        return None

    async def _run_shared(self, key: Key, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        shared = SharedResult[OperationResult]()
        if self._share:
            self._in_flight[key] = shared, self._invalidations.mark
        try:
            outcome = await self._runner.outcome(request, scope, caller)
        except Exception as error:
            shared.fail(error)
            raise
        except BaseException:
            # A cancelled request produces nothing; the first waiter runs the query again.
            shared.set(None)
            raise
        finally:
            self._in_flight.pop(key, None)
        shared.set(outcome)
        self._keep_outcome(key, outcome)
        return outcome.reply

    def _keep_outcome(self, key: Key, outcome: OperationResult) -> None:
        context = outcome.context
        if not self._keep or context is None or not outcome.whole or context.stale_reads:
            return
        # A record that was invalidated since the operation read it must not come back by the response.
        if context.fresh_until > self._clock() and context.current:
            reply = msgspec.structs.replace(outcome.reply, body=compact(outcome.reply.body))
            self.responses.put(key, CachedResponse(reply, context.fresh_until, tuple(context.touched)))

    def _for_get(self, key: Key, reply: Reply) -> Reply:
        kept = self.responses.get(key)
        return self._with_headers(kept) if kept is not None and kept.reply.body == reply.body else reply

    def _with_headers(self, kept: CachedResponse) -> Reply:
        """Return a response with the headers to keep and revalidate it."""
        if kept.etag is None:
            # Computed at the first GET, because most clients send POST.
            kept.etag = b'"' + blake2b(kept.reply.body, digest_size=16).hexdigest().encode() + b'"'
        return msgspec.structs.replace(kept.reply, headers=(*REVALIDATED, (b"etag", kept.etag)))


def _is_current(outcome: OperationResult) -> bool:
    """Return whether no record that an operation read was invalidated since it began; False where that is unknown."""
    context = outcome.context
    return context is None or (context.current and context.fresh_until > float("-inf"))


def _key(request: GraphQLRequest, caller: Caller) -> Key:
    assert request.query is not None  # noqa: S101 - the caller has looked
    return (caller.account.answer_identity, request.query, request.operation_name, variables_key(request.variables))
