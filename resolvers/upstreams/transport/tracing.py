"""Notes each call that an operation made, where somebody asked for it."""

from collections.abc import Callable
from urllib.parse import urlsplit

from resolvers.upstreams.call import Answer, Call, CallTrace, Transport


class Tracing:
    """Adds a line to the operation's traces when a call is over; lives as long as its process."""

    def __init__(self, inner: Transport, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock

    async def send(self, call: Call) -> Answer:
        """Pass the call on, and note it if the operation is traced."""
        if call.traces is None:
            return await self._inner.send(call)
        started, status = self._clock(), None
        try:
            answer = await self._inner.send(call)
            status = answer.status
        finally:
            call.traces.append(self._trace(call, started, status))
        return answer

    def _trace(self, call: Call, started: float, status: int | None) -> CallTrace:
        milliseconds = round((self._clock() - started) * 1000, 3)
        path = call.shown_path or _path_and_query(call.url)
        return CallTrace(call.upstream, call.method, path, status, milliseconds, "miss", call.tries)


def _path_and_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
