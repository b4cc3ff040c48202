"""Operations that need not run: their response is in the cache, or on its way for somebody who asked the same."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.http.interface import Reply
from gateway.http.refusals import Header
from gateway.http.request import GraphQLRequest
from gateway.operations.explain import explains
from gateway.operations.responses.encoding import compact, variables_key
from gateway.operations.responses.response_cache import CachedResponse, Key, ResponseCache
from gateway.operations.responses.shared_result import SharedResult
from gateway.operations.runner import OperationResult, Runner
from resolvers.cache.invalidations import Invalidations
from resolvers.upstreams.transport.stack import loop_clock

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
        runner: Runner,
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
        if not self._keep or context is None or not outcome.whole or context.stale:
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
