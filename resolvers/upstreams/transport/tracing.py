"""Notes each call of an operation that is traced, and reports every call to the metrics.

Why an upstream cannot be reached is logged here too: each reason once a minute, however many calls meet it.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from cachetools import TTLCache

from resolvers.errors import GatewayError, UpstreamError
from resolvers.upstreams.call import Answer, Call, CallTrace, Transport

CANCELLED = "CANCELLED"
"""The outcome of a call whose caller gave up."""


class CallObserver(Protocol):
    """Is told how each call ended; process lifetime."""

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        """Take note of a call that is over; must neither raise nor wait.

        Args:
            call: With `tries` as they were.
            outcome: The answer's status, an error's code, or CANCELLED.
            seconds: What it took in all: waits, tries and pauses between them.
        """
        ...


class Tracing:
    """Adds a line to the operation's traces when a call is over; process lifetime.

    Args:
        inner: The next transport.
        clock: The event loop's clock, in seconds.
        observer: Told of every call; None costs nothing.
    """

    def __init__(self, inner: Transport, clock: Callable[[], float], observer: CallObserver | None = None) -> None:
        self._inner = inner
        self._clock = clock
        self._observer = observer

    def send(self, call: Call) -> Awaitable[Answer]:
        """Pass the call on, and note it if the operation is traced or calls are observed."""
        if call.traces is None and self._observer is None:
            return self._inner.send(call)
        return self._send_noted(call)

    async def _send_noted(self, call: Call) -> Answer:
        started = self._clock()
        outcome: int | str = CANCELLED
        try:
            answer = await self._inner.send(call)
            outcome = answer.status
        except GatewayError as error:
            outcome = error.code
            raise
        finally:
            self._note(call, outcome, self._clock() - started)
        return answer

    def _note(self, call: Call, outcome: int | str, seconds: float) -> None:
        if call.traces is not None:
            call.traces.append(_trace(call, outcome, seconds))
        if self._observer is not None:
            self._observer.observe(call, outcome, seconds)


def _trace(call: Call, outcome: int | str, seconds: float) -> CallTrace:
    target = call.shown_path or call.url
    status = outcome if isinstance(outcome, int) else None
    return CallTrace(call.upstream, call.method, target, status, round(seconds * 1000, 3), "miss", call.tries)


SILENT_SECONDS: Final = 60.0
"""How long a reason that was logged is not logged again."""

_MOST_REASONS: Final = 100

_LOG: Final = logging.getLogger(__name__)


class FailureLog:
    """Logs the reasons of failed connections to one address; process lifetime.

    Args:
        name: The upstream and its address.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._name = name
        self._logged: TTLCache[str, None] = TTLCache(_MOST_REASONS, SILENT_SECONDS, timer=clock)
        self._more: dict[str, int] = {}

    def note(self, error: UpstreamError) -> None:
        """Log why a call failed, unless the same was logged within the last minute."""
        reason = error.reason
        if reason is None:
            return
        if reason in self._logged:
            self._more[reason] = self._more.get(reason, 0) + 1
            return
        self._logged[reason] = None
        more = self._more.pop(reason, 0)
        since = f" (calls that met this since the last such line: {more})" if more else ""
        _LOG.warning("%s cannot be reached: %s%s", self._name, reason, since)
