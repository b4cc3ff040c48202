"""Builds the policies around an upstream, and is the only place that knows their order."""

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
    """The policies of one upstream.

    Args:
        timeout_seconds: The longest that one try may take.
        concurrency: How many calls may be in flight at once.
        retry: How often a call is sent again.
        breaker: When the upstream counts as down.
        pacing: How fast it may be called.
        propagates: Whether it gets the id and the trace of the request that a call is made for.
    """

    timeout_seconds: float = 5.0
    concurrency: int = 50
    retry: RetryConfig = field(default_factory=RetryConfig)
    breaker: BreakerConfig = field(default_factory=BreakerConfig)
    pacing: PacingConfig = field(default_factory=PacingConfig)
    propagates: bool = False


def loop_clock() -> float:
    """Return the running event loop's clock, in seconds, by which every deadline is measured."""
    return get_running_loop().time()


@dataclass(frozen=True, slots=True)
class StackSurroundings:
    """What the policies of all upstreams share. Lifetime: process.

    Args:
        clock: The event loop's clock, in seconds.
        sleep: Waits for a number of seconds.
        random: Returns a number from 0 to 1.
        rate: The store of rate limits.
        observer: Receives the outcome of every call, if not None.
    """

    clock: Callable[[], float] = loop_clock
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = SystemRandom().random
    rate: SharedRate = field(default_factory=lambda: LocalRate(loop_clock))
    observer: CallObserver | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """One address of an upstream, ready to be called. Lifetime: process.

    Args:
        transport: The outermost policy.
        health: The health of the address, from its calls.
        pacing: The policy that waits for a turn below the rate limit.
        limit: The policy that waits for a free slot.
    """

    transport: Transport
    health: UpstreamHealth
    pacing: Pacing
    limit: ConcurrencyLimit


def build_stack(wire: Transport, name: str, config: StackConfig, surroundings: StackSurroundings) -> Stack:
    """Return the wire with every policy around it.

    Args:
        wire: The innermost transport.
        name: The upstream and its address, in keys that processes share.
        config: The policies of the upstream.
        surroundings: What all upstreams share.
    """
    # From the inside out. A call that waits for a slot can be requeued by pacing, which is therefore around the limit.
    # The breaker is inside the retries, to count each try, and around pacing, to refuse before a call waits.
    clock, sleep = surroundings.clock, surroundings.sleep
    health = UpstreamHealth(clock)
    transport: Transport = TryTimeout(wire, config.timeout_seconds, clock)
    limit = ConcurrencyLimit(transport, config.concurrency, clock)
    pacing = Pacing(limit, name, GateParts(surroundings.rate, config.pacing, health, clock, sleep))
    transport = CircuitBreaker(pacing, config.breaker, health, FailureLog(name, clock), clock)
    transport = Retry(transport, config.retry, clock=clock, sleep=sleep, random=surroundings.random)
    transport = Deadline(transport, clock)
    transport = Tracing(transport, clock, surroundings.observer, propagates=config.propagates)
    return Stack(transport, health, pacing, limit)
