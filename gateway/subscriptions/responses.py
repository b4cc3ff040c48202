"""Responses of long-lived operations, and the sharing of equal ones.

An event is executed once for all subscribers whose operation, variables and permissions are equal: a single flight
while the execution runs, and a short-lived bounded cache afterwards.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import Any, Final, TypeAlias

import msgspec

from gateway.operations.responses.report import errors_body, refusal_body
from resolvers.errors import GatewayError


class Response(msgspec.Struct, frozen=True, gc=False):
    """One GraphQL response of an operation.

    Attributes:
        body: The complete response as JSON in UTF-8.
        cursor: The event's cursor, whether selected or not; a subscription can be resumed after it.
        refused: Whether it is the last one and holds only the errors that prevented execution or broke the source.
        whole: Whether it has no errors and no extensions, and so may be sent to other clients as well.
    """

    body: bytes
    cursor: str | None = None
    refused: bool = False
    whole: bool = False


def refusal(error: GatewayError) -> Response:
    """Return the response to an operation that was refused with this error."""
    return Response(refusal_body(error), refused=True)


def refusal_of(errors: list[dict[str, Any]]) -> Response:
    """Return the response that has these errors and no data."""
    return Response(errors_body(errors), refused=True)


MAX_SECONDS: Final = 1.0
"""How long a response is reused; the records that it holds besides the event itself may change."""

MAX_RESPONSES: Final = 1_000

_Key: TypeAlias = tuple[Hashable, str]
"""The operation's identity and the event's cursor."""


class _Shared(msgspec.Struct, frozen=True):
    """A response, finished or in flight, and the event that it answers."""

    event: Any
    response: "asyncio.Future[Response]"
    until: float = inf


class SharedResponses:
    """Executes each event once for all subscribers with the same operation; process lifetime, bounded.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[_Key, _Shared] = OrderedDict()
        self._in_flight: dict[_Key, _Shared] = {}

    async def response(
        self,
        operation_key: Hashable | None,
        event: Any,  # noqa: ANN401 - sources yield events of any type
        execute: Callable[[Any], Awaitable[Response]],
    ) -> Response:
        """Return the response to an event, executing it only if no equal execution is kept or in flight.

        A response with errors is shared only with the callers that were waiting for it, and not kept.

        Args:
            operation_key: Everything that determines the response besides the event: document, variables, permissions.
                None executes for this client only.
            event: From the source; one without a cursor is executed for each client.
            execute: Executes the operation for the event.
        """
        cursor: str | None = getattr(event, "cursor", None)
        if operation_key is None or cursor is None:
            return await execute(event)
        key = operation_key, cursor
        while (shared := self._find(key)) is not None:
            # Snapshots of several records share one position in the log, so an equal cursor is no equal event.
            if shared.event != event:
                return await execute(event)
            if shared.response.done():
                return shared.response.result()
            try:
                return await asyncio.shield(shared.response)
            except asyncio.CancelledError:
                # The client whose execution this was has left: one of the waiting clients executes the event instead.
                # Both may leave at once, as two subscriptions of one connection do.
                if not shared.response.cancelled() or _is_cancelled():
                    raise
        return await self._lead(key, event, execute)

    def _find(self, key: _Key) -> _Shared | None:
        kept = self._kept.get(key)
        return kept if kept is not None and kept.until >= self._clock() else self._in_flight.get(key)

    async def _lead(
        self,
        key: _Key,
        event: Any,  # noqa: ANN401 - see above
        execute: Callable[[Any], Awaitable[Response]],
    ) -> Response:
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._in_flight[key] = _Shared(event, future)
        try:
            response = await execute(event)
        except BaseException as error:
            # Also of a cancellation, or those who wait for the response would wait for ever.
            _fail(future, error)
            raise
        else:
            future.set_result(response)
            if response.whole:
                self._keep(key, _Shared(event, future, self._clock() + MAX_SECONDS))
            return response
        finally:
            del self._in_flight[key]

    def _keep(self, key: _Key, shared: _Shared) -> None:
        self._kept[key] = shared
        # One of this key that has expired would leave its place to this one.
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_RESPONSES:
            self._kept.popitem(last=False)


def _is_cancelled() -> bool:
    """Return whether the current task is cancelled, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _fail(future: "asyncio.Future[Response]", error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError):
        future.cancel()
        return
    future.set_exception(error)
    # Marks the exception as retrieved: without waiters it is raised by the executing caller only.
    future.exception()
