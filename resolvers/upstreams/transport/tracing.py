"""Records each call of an operation that is traced, and reports every call to the metrics.

Also logs why an upstream cannot be reached: each reason once a minute, for any number of calls.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from cachetools import LRUCache, TTLCache

from resolvers.errors import GatewayError, UpstreamError
from resolvers.upstreams.call import Answer, Call, CallSpan, CallTrace, Transport

CANCELLED = "CANCELLED"
"""The outcome of a call that was cancelled."""


class CallObserver(Protocol):
    """Receives the outcome of each call. Lifetime: process."""

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        """Record a call that ended. Must not raise or wait.

        Args:
            call: The call, with the number of its tries.
            outcome: The answer's status, an error's code, or CANCELLED.
            seconds: The whole time: waits, tries and the pauses between them.
        """
        ...


class Tracing:
    """Adds a call to its operation's traces, and reports it to the observer, when it ends. Lifetime: process.

    Args:
        inner: The next transport.
        clock: The event loop's clock, in seconds.
        observer: Receives the outcome of every call; None costs nothing.
        propagates: Whether the upstream gets the request's id and its trace.
    """

    def __init__(
        self,
        inner: Transport,
        clock: Callable[[], float],
        observer: CallObserver | None = None,
        *,
        propagates: bool = False,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._observer = observer
        self._propagates = propagates

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send the call, and record it if its operation is traced or calls are observed."""
        if self._propagates and call.context is not None:
            call.propagated = call.context.headers
        if call.traces is None and self._observer is None:
            return self._inner.send(call)
        return self._send_recorded(call)

    async def _send_recorded(self, call: Call) -> Answer:
        started = self._clock()
        span = self._begin_span(call)
        # What remains if neither an answer nor an error of ours comes.
        outcome: int | str = CANCELLED
        try:
            answer = await self._inner.send(call)
            outcome = answer.status
        except GatewayError as error:
            outcome = error.code
            raise
        finally:
            # Also a call that was cancelled: it may have been sent, and took its time.
            seconds = self._clock() - started
            if call.traces is not None:
                call.traces.append(_trace(call, outcome, started, seconds))
            if span is not None:
                span.end(call, outcome)
            if self._observer is not None:
                self._observer.observe(call, outcome, seconds)
        return answer

    def _begin_span(self, call: Call) -> CallSpan | None:
        if call.traces is None:
            return None
        call.marks = []
        recorder = None if call.context is None else call.context.recorder
        return None if recorder is None else recorder.begin(call)


def _trace(call: Call, outcome: int | str, began: float, seconds: float) -> CallTrace:
    return CallTrace(
        call.upstream,
        call.method,
        call.shown_path or call.url,
        outcome if isinstance(outcome, int) else None,
        round(seconds * 1000, 3),
        # Every call that gets here was made; the cache traces the calls that it saves.
        "miss",
        call.tries,
        call.operation,
        began,
        call.marks or (),
        call.records,
    )


SILENT_SECONDS: Final = 60.0
"""How long a reason is not logged again."""

# Bounded, because some reasons quote the other side, such as a proxy or the text about a certificate.
_MAX_REASONS: Final = 100

_LOG: Final = logging.getLogger(__name__)


class FailureLog:
    """Logs the reasons of failed connections to one address. Lifetime: process.

    Args:
        name: The upstream and its address, for the log.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self._name = name
        self._logged: TTLCache[str, None] = TTLCache(_MAX_REASONS, SILENT_SECONDS, timer=clock)
        self._more: LRUCache[str, int] = LRUCache(_MAX_REASONS)

    def note(self, error: UpstreamError) -> None:
        """Log the reason of a failed call, unless the same was logged within `SILENT_SECONDS`."""
        reason = error.reason
        if reason is None:
            return
        if reason in self._logged:
            # Counted, so that the next line can say how many calls it stands for.
            self._more[reason] = self._more.get(reason, 0) + 1
            return
        self._logged[reason] = None
        more = self._more.pop(reason, 0)
        since = f" (calls that met this since the last such line: {more})" if more else ""
        _LOG.warning("%s cannot be reached: %s%s", self._name, reason, since)
