"""Stops calling an address of an upstream that is down, and probes it until it is back.

Theory of operation
-------------------
A breaker counts the share of failures among the last calls to one address::

    closed ---- too many failed ----> open until the next probe
      ^                                 |
      |                                 v
      +---- a call succeeds ---- the next call is the probe; others fail at once

Broken connections, timeouts and 5xx are failures, except for statuses that the upstream's documents give another
meaning. All other answers, 401 and 429 too, prove that it is up. The timeout of a call that had hardly any time proves
nothing.

Written by hand because purgatory counts failures in a row instead of a rate, reads the wall clock, and lets a hanging
probe block the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from resolvers.errors import UpstreamAuth, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call, Transport
from resolvers.upstreams.transport.health import UpstreamHealth
from resolvers.upstreams.transport.tracing import FailureLog

HEALTHY_RATE: Final = 0.1
"""A smaller share of failures does not make an upstream DEGRADED."""


class FailureWindow:
    """Remembers the last outcomes, as the bits of a number. Lifetime: that of its breaker.

    Args:
        size: How many outcomes to remember.
        seconds: All are forgotten this long after the last failure.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._mask = (1 << size) - 1
        self._forget()

    def _forget(self) -> None:
        self._failures = 0
        self._outcomes = 0
        self._failed_at = 0.0

    def add_success(self) -> None:
        """Record a call that succeeded."""
        if self._outcomes < self._size:
            self._outcomes += 1
        # Without a failure there is no bit to move, and this is nearly every call.
        if self._failures:
            self._failures = (self._failures << 1) & self._mask

    def add_failure(self, now: float) -> None:
        """Record a call that failed.

        Args:
            now: The event loop's clock, in seconds.
        """
        # Outcomes from before the last trouble say nothing about this one.
        if now - self._failed_at > self._seconds:
            self._forget()
        self._failed_at = now
        self._outcomes = min(self._size, self._outcomes + 1)
        self._failures = (self._failures << 1 | 1) & self._mask

    def clear(self) -> None:
        """Forget all outcomes."""
        self._forget()

    @property
    def outcomes(self) -> int:
        """The number of outcomes remembered."""
        return self._outcomes

    @property
    def failure_rate(self) -> float:
        """The share of them that failed, 0 to 1."""
        return self._failures.bit_count() / self._outcomes if self._outcomes else 0.0


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """When the breaker opens and closes.

    Args:
        failure_rate: The share of failures, 0 to 1, at which it opens.
        min_outcomes: How many outcomes it takes to open.
        window: How many of the last outcomes count.
        window_seconds: How long after the last failure they count.
        probe_seconds: The time from one probe to the next while it is open.
        min_timeout: The timeout of a try that had fewer seconds than this is not counted.
        spared_statuses: Of 5xx, those that this upstream answers while it is up.
    """

    # High, because at a lower rate retries still get most calls answered, and an open breaker would refuse them.
    failure_rate: float = 0.8
    min_outcomes: int = 10
    window: int = 40
    window_seconds: float = 30.0
    probe_seconds: float = 1.0
    min_timeout: float = 1.0
    spared_statuses: frozenset[int] = frozenset()


class CircuitBreaker:
    """Lets calls through while enough of them succeed, and otherwise one each probe interval. Lifetime: process.

    Args:
        inner: The next transport.
        config: When it opens and closes.
        health: The health of the address, which also holds whether the breaker is open.
        log: Logs why there is no connection.
        clock: The event loop's clock, in seconds.
    """

    def __init__(
        self,
        inner: Transport,
        config: BreakerConfig,
        health: UpstreamHealth,
        log: FailureLog,
        clock: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._config = config
        self._health = health
        self._log = log
        self._clock = clock
        self._window = FailureWindow(config.window, config.window_seconds)

    async def send(self, call: Call) -> Answer:
        """Send the call, unless the breaker is open and no probe is due.

        Raises:
            UpstreamUnavailable: the breaker is open; nothing was sent.
        """
        if self._health.probe_at is not None:
            self._admit_probe(call, self._health.probe_at)
        sent_before = call.tries
        try:
            answer = await self._inner.send(call)
        except UpstreamError as error:
            self._log.note(error)
            # A call that a policy further in refused says nothing about the upstream.
            if call.tries != sent_before:
                self._judge_error(call, error)
            raise
        if answer.status < 500 or answer.status in self._config.spared_statuses:
            self._succeeded()
            # Recorded for one identity, because the credentials of others may be accepted.
            if answer.status in {401, 403}:
                self._health.note_refusal(call.identity, UpstreamAuth.code)
        else:
            self._failed(UpstreamUnavailable.code)
        return answer

    def _admit_probe(self, call: Call, probe_at: float) -> None:
        now = self._clock()
        if now < probe_at:
            message = f"{call.upstream.name} is down and was not asked to {call.purpose}; try again later."
            raise UpstreamUnavailable(call.upstream, message, retry_after=probe_at - now)
        # Set before the probe ends, so that one that hangs does not keep the next from being sent.
        self._health.probe_at = now + self._config.probe_seconds

    def _judge_error(self, call: Call, error: UpstreamError) -> None:
        # The deadline left it so little time that an upstream in good health could have missed it.
        if isinstance(error, UpstreamTimeout) and call.timeout < self._config.min_timeout:
            return
        if isinstance(error, UpstreamUnavailable | UpstreamTimeout):
            self._failed(error.code)
        else:
            # Any other error was made of an answer, so the upstream is up.
            self._succeeded()
            self._health.note_failure(error.code)

    def _succeeded(self) -> None:
        health = self._health
        health.asked = True
        self._window.add_success()
        if health.probe_at is not None:
            health.probe_at = None
            health.failing_until = 0.0
            # With the failures that opened it, the next single failure would open it again.
            self._window.clear()

    def _failed(self, code: str) -> None:
        now, window, config = self._clock(), self._window, self._config
        self._health.asked = True
        self._health.note_failure(code)
        window.add_failure(now)
        if window.failure_rate >= HEALTHY_RATE:
            self._health.failing_until = now + config.window_seconds
        if self._health.probe_at is None and self._is_too_much():
            self._health.probe_at = now + config.probe_seconds
            self._health.opened_at = now

    def _is_too_much(self) -> bool:
        window, config = self._window, self._config
        return window.outcomes >= config.min_outcomes and window.failure_rate >= config.failure_rate
