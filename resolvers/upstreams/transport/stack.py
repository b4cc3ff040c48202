"""The order of the policies around an upstream, from the outside in; the one place that knows it."""

import asyncio
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import SystemRandom

from resolvers.upstreams.call import Transport
from resolvers.upstreams.transport.breaker import BreakerConfig, CircuitBreaker
from resolvers.upstreams.transport.concurrency import ConcurrencyLimit
from resolvers.upstreams.transport.health import UpstreamHealth
from resolvers.upstreams.transport.pacing import GateParts, Pacing
from resolvers.upstreams.transport.rate_state import PacingConfig
from resolvers.upstreams.transport.retry import Deadline, Retry, RetryConfig, TryTimeout
from resolvers.upstreams.transport.shared_rate import LocalRate, SharedRate
from resolvers.upstreams.transport.tracing import CallObserver, FailureLog, Tracing


@dataclass(frozen=True, slots=True)
class StackConfig:
    """How patient and how busy we are with one upstream.

    Args:
        timeout_seconds: What one try may take.
        concurrency: How many calls may be in flight at once.
        retry: How often a call is sent again.
        breaker: When the upstream counts as down.
        pacing: How fast it may be called.
    """

    timeout_seconds: float = 5.0
    concurrency: int = 50
    retry: RetryConfig = field(default_factory=RetryConfig)
    breaker: BreakerConfig = field(default_factory=BreakerConfig)
    pacing: PacingConfig = field(default_factory=PacingConfig)


def loop_clock() -> float:
    """The running event loop's clock, in seconds: what every deadline is measured by."""
    return get_running_loop().time()


@dataclass(frozen=True, slots=True)
class StackSurroundings:
    """What the policies of all upstreams share; process lifetime.

    Args:
        clock: The event loop's clock, in seconds.
        sleep: Waits so many seconds.
        random: A number from 0 to 1.
        rate: Where limits are kept.
        observer: Told of every call, if anybody is.
    """

    clock: Callable[[], float] = loop_clock
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = SystemRandom().random
    rate: SharedRate = field(default_factory=lambda: LocalRate(loop_clock))
    observer: CallObserver | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """One address of an upstream, ready to be called; process lifetime.

    Args:
        transport: The outermost policy.
        health: What the policies know of the address.
    """

    transport: Transport
    health: UpstreamHealth


def build_stack(wire: Transport, name: str, config: StackConfig, surroundings: StackSurroundings) -> Stack:
    """The wire with every policy around it, read from the bottom up.

    Args:
        wire: The innermost transport.
        name: Names the address in keys that processes share.
        config: The upstream's.
        surroundings: What all upstreams share.
    """
    clock, sleep = surroundings.clock, surroundings.sleep
    health = UpstreamHealth(clock)
    transport: Transport = TryTimeout(wire, config.timeout_seconds, clock)
    limit = ConcurrencyLimit(transport, config.concurrency, clock)
    transport = Pacing(limit, name, GateParts(surroundings.rate, config.pacing, health, clock, sleep))
    transport = CircuitBreaker(transport, config.breaker, health, FailureLog(name, clock), clock)
    transport = Retry(transport, config.retry, clock=clock, sleep=sleep, random=surroundings.random)
    transport = Deadline(transport, clock)
    transport = Tracing(transport, clock, surroundings.observer)
    return Stack(transport, health)
