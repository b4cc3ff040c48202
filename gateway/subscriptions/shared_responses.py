"""Responses that several subscribers get alike: an event is executed once for all who ask the same about it."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import Any, Final, TypeAlias

import msgspec

from gateway.subscriptions.response import Response

MAX_SECONDS: Final = 1.0
"""Beyond that, what a response says besides the event itself is looked up anew for those who come late."""

MAX_RESPONSES: Final = 1_000

_Key: TypeAlias = tuple[Hashable, str]
"""What is asked, and the cursor of the event."""


class _Shared(msgspec.Struct, frozen=True):
    """A response that is there or on its way, and what it is the response to."""

    event: Any
    response: "asyncio.Future[Response]"
    until: float = inf


class SharedResponses:
    """The latest responses, and those on their way; process lifetime, bounded.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[_Key, _Shared] = OrderedDict()
        self._flights: dict[_Key, _Shared] = {}

    async def response(
        self,
        asked: Hashable | None,
        event: Any,  # noqa: ANN401 - whatever a source gives
        execute: Callable[[Any], Awaitable[Response]],
    ) -> Response:
        """The response to an event, which is executed once for all who ask the same about it.

        One with errors is shared by those alone who ask while it is on its way.

        Args:
            asked: All that decides a response besides the event: document, variables, rights. None where it is meant
                for one client alone.
            event: From the source; one without a cursor is executed for each client.
            execute: Executes it.
        """
        place: str | None = getattr(event, "cursor", None)
        if asked is None or place is None:
            return await execute(event)
        key = asked, place
        while (shared := self._find(key)) is not None:
            if shared.event != event:
                return await execute(event)
            if shared.response.done():
                return shared.response.result()
            try:
                return await asyncio.shield(shared.response)
            except asyncio.CancelledError:
                # The client for whom it was executed is gone: then one of those who waited executes it for the others.
                if not shared.response.cancelled():
                    raise
        return await self._lead(key, event, execute)

    def _find(self, key: _Key) -> _Shared | None:
        kept = self._kept.get(key)
        return kept if kept is not None and kept.until >= self._clock() else self._flights.get(key)

    async def _lead(
        self,
        key: _Key,
        event: Any,  # noqa: ANN401 - see above
        execute: Callable[[Any], Awaitable[Response]],
    ) -> Response:
        flight: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._flights[key] = _Shared(event, flight)
        try:
            response = await execute(event)
        except BaseException as error:
            _fail(flight, error)
            raise
        else:
            flight.set_result(response)
            if response.whole:
                self._keep(key, _Shared(event, flight, self._clock() + MAX_SECONDS))
            return response
        finally:
            del self._flights[key]

    def _keep(self, key: _Key, shared: _Shared) -> None:
        self._kept[key] = shared
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_RESPONSES:
            self._kept.popitem(last=False)


def _fail(flight: "asyncio.Future[Response]", error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError):
        flight.cancel()
        return
    flight.set_exception(error)
    # Where nobody else waits, the failure is told by the one who executed it.
    flight.exception()
