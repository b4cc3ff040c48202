"""What one worker knows about itself, for the worker that was asked for the status.

`WorkerState` has numbers and names that operators chose, and the addresses of upstreams: no ids, documents or secrets.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import inf
from pathlib import Path
from typing import Final

import msgspec

from gateway.composition.upstreams import Upstreams
from gateway.operations.responses.response_cache import ResponseCache
from gateway.status.recent import Counted, Numbers, RecentOperations, SlowOperation, Window, added
from gateway.telemetry.cache_metrics import OUTCOMES
from gateway.telemetry.metrics import Metrics
from resolvers.events.activity import EventCounts
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.stack import Stack
from resolvers.upstreams.transport.wire.exchange import split_url

DISTRIBUTION: Final = "graphql-rest-gateway"

KINDS_SECONDS: Final = 10.0
"""How long the count of entries by kind is kept, because it looks at each entry."""


class AddressState(msgspec.Struct, array_like=True):
    """One address of an upstream as one worker sees it; a value between workers. Durations are in seconds.

    Args:
        upstream: The upstream's name.
        address: Host and port.
        asked: Whether any call was sent there.
        open_for: How long the breaker has been open; None while it is closed.
        probe_in: When the next call is let through; None while the breaker is closed.
        failing: Whether recent calls failed.
        error: The code of the last failure.
        error_ago: How long ago that was.
        in_flight: Calls that are sent and not answered.
        queued: Calls that wait for a slot.
        paced: Calls that wait for their turn below the rate limit.
        rate: The lowest rate limit in force for an account, in calls a second; None for none.
        learnt: Whether a limit was learnt from a 429.
        closed_for: How long no call of an account is sent because of its limit.
        connections: Open connections to the origin.
    """

    upstream: str
    address: str
    asked: bool
    open_for: float | None
    probe_in: float | None
    failing: bool
    error: str | None
    error_ago: float | None
    in_flight: int
    queued: int
    paced: int
    rate: float | None
    learnt: bool
    closed_for: float | None
    connections: int


# Without the names of fields: the workers of one `gateway serve` are of one version.
class WorkerState(msgspec.Struct, array_like=True):
    """The state of one worker; a value between workers.

    Args:
        version: Of the program.
        pid: The process id.
        started_at: In seconds since 1970.
        configured_at: When its settings were last read and right, in seconds since 1970.
        draining: Whether it is about to stop.
        window: The length of the window of `recent`, in seconds.
        recent: How the counters grew in it.
        memory_bytes: Its resident memory.
        in_flight: Operations that are not answered yet.
        addresses: Every address of every upstream.
        slow: Operations that failed or were slow.
        entries: Entries of the cache of records.
        bytes: Their estimated size.
        kinds: Entries by kind.
        responses: Cached responses.
        response_bytes: Their estimated size.
        redis: Whether Redis is available; None where it is not configured.
        open_connections: Open WebSockets and streams.
        events: What it does for subscriptions.
    """

    version: str
    pid: int
    started_at: float
    configured_at: float
    draining: bool
    window: float
    recent: list[tuple[tuple[str, ...], Numbers]]
    memory_bytes: int
    in_flight: int
    addresses: list[AddressState]
    slow: list[SlowOperation]
    entries: int
    bytes: int
    kinds: dict[str, int]
    responses: int
    response_bytes: int
    redis: bool | None
    open_connections: int
    events: EventCounts


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a worker reads its state; process lifetime.

    Args:
        metrics: Counts calls and operations.
        upstreams: Returns the accounts, their addresses and the cache.
        responses: Returns the cached responses; None where none are kept.
        open_connections: Returns the number of open WebSockets and streams.
        events: Returns what it does for subscriptions.
    """

    metrics: Metrics
    upstreams: Callable[[], Upstreams]
    responses: Callable[[], ResponseCache | None]
    open_connections: Callable[[], int]
    events: Callable[[], EventCounts]


class Worker:
    """The state of this worker. Lifetime: process.

    Args:
        sources: Where it is read.
        operations: The operations that failed or were slow.
        now: The wall clock, in seconds since 1970.

    Attributes:
        is_draining: Returns whether the process is about to stop.
        window: How its counters grew in the last minute.
    """

    def __init__(self, sources: Sources, operations: RecentOperations, now: Callable[[], float] = time.time) -> None:
        self._sources = sources
        self._operations = operations
        self._started_at = now()
        self.is_draining: Callable[[], bool] = lambda: False
        self._version = _installed_version()
        self._kinds: tuple[float, dict[str, int]] = (float("-inf"), {})
        self.window = Window(lambda: read_counters(sources.metrics, sources.upstreams()))

    def state(self) -> bytes:
        """Return the worker's state, for the worker that asks."""
        return _ENCODER.encode(self._state())

    def _state(self) -> WorkerState:
        sources, seconds = self._sources, self.window.last()
        upstreams, responses = sources.upstreams(), sources.responses()
        records = upstreams.records
        return WorkerState(
            version=self._version,
            pid=os.getpid(),
            started_at=self._started_at,
            configured_at=sources.metrics.reloads.succeeded_at,
            draining=self.is_draining(),
            window=seconds[0],
            recent=list(seconds[1].items()),
            memory_bytes=_resident_bytes(),
            in_flight=sources.metrics.operations.in_flight,
            addresses=list(_addresses(upstreams)),
            slow=self._operations.operations,
            entries=len(records.memory),
            bytes=records.memory.bytes,
            kinds=self._entries_by_kind(),
            responses=0 if responses is None else len(responses),
            response_bytes=0 if responses is None else responses.bytes,
            redis=None if records.shared is None else records.shared.link.available,
            open_connections=sources.open_connections(),
            events=sources.events(),
        )

    def _entries_by_kind(self) -> dict[str, int]:
        now = time.monotonic()
        if now - self._kinds[0] >= KINDS_SECONDS:
            self._kinds = now, dict(Counter(self._sources.upstreams().records.memory.kinds()))
        return self._kinds[1]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(WorkerState)


def decode_state(state: bytes) -> WorkerState:
    """Return the state that another worker has encoded."""
    return _DECODER.decode(state)


def read_counters(metrics: Metrics, upstreams: Upstreams) -> Counted:
    """Return the counters of a process by name, as `Window` copies them."""
    operations = metrics.operations
    # Copied, because the window keeps them while the histograms go on counting.
    by_caller: Counted = {("caller", label): [*one.counts] for label, one in operations.by_caller.items()}
    reads: Counted = {
        ("reads", kind): [getattr(counts, outcome) for outcome in OUTCOMES]
        for kind, counts in upstreams.records.by_kind.items()
    }
    return added(
        [
            *_calls(metrics),
            by_caller,
            {("operations",): list(msgspec.structs.astuple(operations.counts))},
            {("cache",): list(msgspec.structs.astuple(upstreams.records.counts))},
            reads,
            # CPU time as a counter, whose growth in the window is the share of a core.
            {("lag",): list(metrics.loop_lag.histogram.counts), ("cpu",): [time.process_time()]},
        ]
    )


def _calls(metrics: Metrics) -> Iterator[Counted]:
    for (upstream, _, outcome), counts in metrics.calls.counts.items():
        yield {
            ("calls", upstream.name, str(outcome)): [counts.calls],
            ("seconds", upstream.name): list(counts.seconds.counts),
        }


def _addresses(upstreams: Upstreams) -> Iterator[AddressState]:
    used = {id(stack) for stacks in upstreams.addresses.values() for stack in stacks}
    for name, url, stack in upstreams.builder.transports.located:
        if id(stack) not in used:
            # Of an account that a reload has taken away.
            continue
        origin = split_url(url)[0]
        connections = upstreams.builder.transports.connections.open_connections(origin)
        yield _address(name, origin.partition("://")[2], stack, connections)


def _address(name: UpstreamName, address: str, stack: Stack, connections: int) -> AddressState:
    health, now = stack.health, stack.health.now
    error = health.latest_error
    return AddressState(
        upstream=name.name,
        address=address,
        asked=health.asked,
        open_for=None if health.probe_at is None else now - health.opened_at,
        # A breaker that nothing calls stays open beyond that moment.
        probe_in=None if health.probe_at is None else max(0.0, health.probe_at - now),
        failing=now < health.failing_until,
        error=None if error is None else error.code,
        error_ago=None if error is None else now - error.at,
        in_flight=stack.limit.in_flight,
        queued=stack.limit.waiting,
        paced=stack.pacing.waiting,
        # JSON has no infinity.
        rate=None if health.per_second == inf else health.per_second,
        learnt=health.is_learnt,
        closed_for=health.closed_for or None,
        connections=connections,
    )


def _installed_version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        # A checkout that is not installed.
        return "unknown"


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        # Only Linux has that file.
        return 0
