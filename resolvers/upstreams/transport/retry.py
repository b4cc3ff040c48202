"""Time and tries of a call: the deadline of its operation, the retries within that, and the timeout of each try.

A call that failed for a moment is sent again where that can do no harm. Nothing is sent for an operation whose time is
up, and a try takes no longer than its upstream is given.

Written by hand because stamina and tenacity retry by exceptions and keep their own time, while most failures here are
answers with a status, and a pause must fit the call's deadline, the upstream's `Retry-After` and a test's clock.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from resolvers.errors import UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.answers import retry_after_seconds
from resolvers.upstreams.call import Answer, Call, Mark, Transport


class Deadline:
    """Refuses calls past their deadline. Lifetime: process."""

    # Sets no timer for each call, because the policies inside wait no longer than the deadline themselves.

    def __init__(self, inner: Transport, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._clock = clock

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send the call before its deadline.

        Raises:
            UpstreamTimeout: the deadline has passed; nothing was sent.
        """
        if self._clock() >= call.deadline:
            message = f"The operation's time was up before {call.upstream.name} could be asked to {call.purpose}."
            raise UpstreamTimeout(call.upstream, message)
        return self._inner.send(call)


SHORTEST_TRY: Final = 0.001
"""Seconds. Not zero, so that a call whose deadline passes meanwhile ends as one that timed out."""


class TryTimeout:
    """Sets the timeout of each try. Lifetime: process.

    Args:
        inner: The wire, which keeps to the timeout.
        seconds: The longest that one try may take.
        clock: The event loop's clock, in seconds.
    """

    def __init__(self, inner: Transport, seconds: float, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._seconds = seconds
        self._clock = clock

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send with the timeout of a try, or what is left until the deadline if that is less."""
        now = self._clock()
        if call.marks is not None:
            call.marks.append(Mark("try", now))
        left = call.deadline - now
        call.timeout = self._seconds if left > self._seconds else max(SHORTEST_TRY, left)
        return self._inner.send(call)


# Without 500, the only status that the SMS API's document lists for a job that a data centre does not know.
RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """How often and how soon a call is sent again.

    Args:
        max_tries: How often a call is sent, the first time included.
        first_pause: The longest pause after the first try, in seconds; it doubles with each try.
        max_pause: The most that the longest pause grows to, in seconds.
    """

    max_tries: int = 3
    first_pause: float = 0.1
    max_pause: float = 2.0


class Retry:
    """Sends repeatable calls again after a broken connection, 429, 502, 503 and 504. Lifetime: process.

    Args:
        inner: The next transport.
        config: How often and how soon a call is sent again.
        clock: The event loop's clock, in seconds.
        sleep: Waits for a number of seconds.
        random: Returns a number from 0 to 1, the share of the longest pause to wait (full jitter).
    """

    def __init__(
        self,
        inner: Transport,
        config: RetryConfig,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        random: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._config = config
        self._clock = clock
        self._sleep = sleep
        self._random = random

    async def send(self, call: Call) -> Answer:
        """Send until an answer need not be retried, the tries are used up, or the next would be too late.

        Raises:
            UpstreamError: the last try raised it.
        """
        # A change that may have been carried out must not be sent twice.
        if not call.repeatable:
            return await self._inner.send(call)
        tried = 0
        while True:
            tried += 1
            sent_before = call.tries
            try:
                answer = await self._inner.send(call)
            except UpstreamUnavailable as error:
                pause = self._pause(call, tried, error.retry_after)
                # A try that never reached the wire was refused by a policy further in, such as an open breaker: final.
                if pause is None or call.tries == sent_before:
                    raise
                status = None
            else:
                if answer.status not in RETRIED_STATUSES:
                    return answer
                pause = self._pause(call, tried, retry_after_seconds(answer))
                if pause is None:
                    return answer
                status = answer.status
            if call.marks is not None:
                call.marks.append(Mark("pause", self._clock(), status))
            await self._sleep(pause)

    def _pause(self, call: Call, tried: int, retry_after: float | None) -> float | None:
        """Return the seconds until the next try; None where there is none."""
        if tried >= self._config.max_tries:
            return None
        longest = min(self._config.max_pause, self._config.first_pause * 2.0 ** (tried - 1))
        # Random, so that calls that failed together do not return together; and never before the upstream asks for it.
        pause = self._random() * longest + (retry_after or 0.0)
        return pause if self._clock() + pause < call.may_wait_until else None
