"""Notes each call that an operation made, where a trace was asked for, and reports it to the metrics."""

from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit

from resolvers.errors import GatewayError
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
    path = call.shown_path or _path_and_query(call.url)
    status = outcome if isinstance(outcome, int) else None
    return CallTrace(call.upstream, call.method, path, status, round(seconds * 1000, 3), "miss", call.tries)


def _path_and_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
