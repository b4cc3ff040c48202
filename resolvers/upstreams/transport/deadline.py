"""The outermost policy: nothing is asked for an operation whose time is up."""

from collections.abc import Awaitable, Callable

from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.call import Answer, Call, Transport


class Deadline:
    """Refuses calls past their deadline; process lifetime.

    The policies inside wait no longer than the deadline themselves, so no timer is set for each call.
    """

    def __init__(self, inner: Transport, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock

    def send(self, call: Call) -> Awaitable[Answer]:
        """Pass the call on while there is time.

        Raises:
            UpstreamTimeout: the operation's time is up.
        """
        if self._clock() >= call.deadline:
            message = f"The operation's time was up before {call.upstream.name} could be asked for {call.operation}."
            raise UpstreamTimeout(call.upstream, message)
        return self._inner.send(call)
