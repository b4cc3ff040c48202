"""The order of the policies around an upstream, from the outside in; the one place that knows it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from resolvers.upstreams.call import Transport
from resolvers.upstreams.transport.concurrency import ConcurrencyLimit
from resolvers.upstreams.transport.deadline import Deadline
from resolvers.upstreams.transport.tracing import Tracing
from resolvers.upstreams.transport.try_timeout import TryTimeout


@dataclass(frozen=True, slots=True)
class StackConfig:
    """How patient and how busy we are with one upstream.

    Args:
        timeout_seconds: What one try may take.
        concurrency: How many calls may be on their way at once.
    """

    timeout_seconds: float = 5.0
    concurrency: int = 50


def loop_clock() -> float:
    """The running event loop's clock, in seconds: what every deadline is measured by."""
    return asyncio.get_running_loop().time()


def build_stack(wire: Transport, config: StackConfig, clock: Callable[[], float] = loop_clock) -> Transport:
    """The wire with every policy around it, read from the bottom up."""
    transport: Transport = TryTimeout(wire, config.timeout_seconds, clock)
    transport = ConcurrencyLimit(transport, config.concurrency, clock)
    transport = Deadline(transport, clock)
    return Tracing(transport, clock)
