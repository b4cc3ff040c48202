"""The metrics of one process, in the format of Prometheus.

Calls and operations are counted in plain numbers, which costs less than metric objects do. `CallMetrics` and
`StateCollector` turn them, and the state of other parts, into metrics when Prometheus scrapes `/metrics`.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from time import perf_counter
from typing import Final, TypeAlias

import msgspec
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.http.server_protocol import ConnectionCounts
from gateway.operations.cost.budget import SpentCounts
from gateway.operations.documents.request_limits import RequestCounts
from gateway.operations.request import GraphQLRequest, Operations, Reply
from resolvers.cache.records import RecordCache
from resolvers.errors import GatewayError
from resolvers.upstreams.call import Call
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.health import UpstreamHealth

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
"""Upper bounds in seconds; the last is the default deadline of an operation."""

Labels: TypeAlias = list[str]


class Counts(msgspec.Struct):
    """Calls of one upstream operation with the same outcome; process lifetime.

    Args:
        calls: Number of calls.
        tries: Number of requests, retries included.
        seconds: Their total duration.
        buckets: Number of calls in each interval of `BUCKETS`; the last has no upper bound.
    """

    calls: int = 0
    tries: int = 0
    seconds: float = 0.0
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))

    def add(self, other: "Counts") -> None:
        """Add other counts to these."""
        self.calls += other.calls
        self.tries += other.tries
        self.seconds += other.seconds
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]


class CallMetrics(Collector):
    """Counts finished upstream calls; process lifetime."""

    def __init__(self) -> None:
        self._counts: dict[tuple[UpstreamName, str, int | str], Counts] = {}

    def observe(self, call: Call, outcome: int | str, seconds: float) -> None:
        """Count a finished call."""
        # `get` first, because `setdefault` alone would make a `Counts` for each call.
        key = (call.upstream, call.operation, outcome)
        counts = self._counts.get(key) or self._counts.setdefault(key, Counts())
        counts.calls += 1
        counts.tries += call.tries
        counts.seconds += seconds
        counts.buckets[bisect_left(BUCKETS, seconds)] += 1

    def collect(self) -> Iterable[Metric]:
        """Return the counts as metrics."""
        # Labelled by the gateway's names of operations, never by paths, which hold ids and sometimes secrets.
        by_operation = ["upstream", "operation"]
        calls = CounterMetricFamily(
            "gateway_upstream_calls",
            "Calls to upstreams, by the answer's status or the error's code.",
            labels=[*by_operation, "outcome"],
        )
        for (upstream, operation, outcome), counts in self._counts.items():
            calls.add_metric([upstream.name, operation, str(outcome)], counts.calls)
        tries = CounterMetricFamily(
            "gateway_upstream_tries", "Requests that these calls sent, retries among them.", labels=by_operation
        )
        seconds = HistogramMetricFamily(
            "gateway_upstream_call_seconds",
            "What calls took in all: waits, tries and the pauses between them.",
            labels=by_operation,
        )
        for labels, counts in self._by_operation():
            tries.add_metric(labels, counts.tries)
            seconds.add_metric(labels, _cumulative(counts), counts.seconds)
        return [calls, tries, seconds]

    def _by_operation(self) -> Iterable[tuple[Labels, Counts]]:
        totals: dict[tuple[UpstreamName, str], Counts] = {}
        for (upstream, operation, _), counts in self._counts.items():
            totals.setdefault((upstream, operation), Counts()).add(counts)
        return [([upstream.name, operation], counts) for (upstream, operation), counts in totals.items()]


def _cumulative(counts: Counts) -> list[tuple[str, float]]:
    # Each bucket of Prometheus counts all calls up to its bound, those of the buckets below included.
    bounds = [*map(str, BUCKETS), "+Inf"]
    return list(zip(bounds, map(float, accumulate(counts.buckets)), strict=True))


class OperationCounts(msgspec.Struct):
    """Number of operations by outcome; process lifetime.

    Args:
        whole: Answered without an error.
        partial: Answered with data and errors.
        refused: Not executed: invalid, not allowed, or too expensive.
        abandoned: Cancelled because the client disconnected.
        failed: Ended by an unexpected error.
    """

    whole: int = 0
    partial: int = 0
    refused: int = 0
    abandoned: int = 0
    failed: int = 0


class CountedOperations:
    """Counts the outcomes and durations of operations; process lifetime.

    Args:
        operations: Runs the operations.
        counts: The counters of outcomes.
        durations: The counters of durations, of operations that were executed.
    """

    def __init__(self, operations: Operations[Caller], counts: OperationCounts, durations: Counts) -> None:
        self._operations = operations
        self._counts = counts
        self._durations = durations

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run an operation and count its outcome."""
        counts, durations, started = self._counts, self._durations, perf_counter()
        try:
            reply = await self._operations.run(request, scope, caller)
        except GatewayError:
            counts.refused += 1
            raise
        except asyncio.CancelledError:
            counts.abandoned += 1
            raise
        except Exception:
            counts.failed += 1
            raise
        # Refusals are not timed, because they are fast and would hide slow operations.
        if not reply.executed:
            counts.refused += 1
            return reply
        seconds = perf_counter() - started
        durations.seconds += seconds
        durations.buckets[bisect_left(BUCKETS, seconds)] += 1
        if reply.has_errors:
            counts.partial += 1
        else:
            counts.whole += 1
        return reply


@dataclass(frozen=True, slots=True)
class StateSources:
    """Where `StateCollector` reads the state of other parts; process lifetime.

    Args:
        operations: Outcomes of operations.
        durations: Durations of operations.
        connections: Connections closed by the server.
        requests: Requests refused for their size.
        spent: Requests refused because the caller's budget was spent.
        records: The process's cache.
        addresses: The health of each address of each upstream.
        open_connections: Number of open WebSockets and streams.
        refused_logins: Number of rate-limited login requests.
    """

    operations: OperationCounts
    durations: Counts
    connections: ConnectionCounts
    requests: RequestCounts
    spent: SpentCounts
    records: RecordCache
    addresses: Mapping[UpstreamName, Sequence[UpstreamHealth]]
    open_connections: Callable[[], int]
    refused_logins: Callable[[], int]


class StateCollector(Collector):
    """Turns the state of other parts into metrics; process lifetime."""

    def __init__(self, sources: StateSources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """Read all sources."""
        sources = self._sources
        yield _counts("gateway_operations", "Operations, by what came of them.", "outcome", sources.operations)
        seconds = HistogramMetricFamily("gateway_operation_seconds", "What executed operations took.")
        seconds.add_metric([], _cumulative(sources.durations), sources.durations.seconds)
        yield seconds
        yield _counts(
            "gateway_connections_ended", "Clients' connections that the server ended.", "reason", sources.connections
        )
        yield _counts("gateway_large_requests_refused", "Requests refused for their size.", "part", sources.requests)
        yield _counts("gateway_spent_budgets_refused", "Requests refused for a spent budget.", "budget", sources.spent)
        yield from _cache(sources.records)
        yield from _breakers(sources.addresses)
        yield GaugeMetricFamily(
            "gateway_open_connections", "Open WebSockets and streams.", value=sources.open_connections()
        )
        yield CounterMetricFamily(
            "gateway_logins_refused", "Requests of logins beyond their limits.", value=sources.refused_logins()
        )


def _counts(name: str, meaning: str, label: str, counts: msgspec.Struct) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=[label])
    for field, count in msgspec.structs.asdict(counts).items():
        family.add_metric([field], count)
    return family


def _cache(records: RecordCache) -> Iterable[Metric]:
    yield _counts("gateway_cache_events", "What the cache of records did.", "event", records.counts)
    yield GaugeMetricFamily("gateway_cache_entries", "Entries in this process's memory.", value=len(records.memory))
    yield GaugeMetricFamily("gateway_cache_bytes", "What they weigh, estimated.", value=records.memory.bytes)
    if records.shared is not None:
        available = float(records.shared.link.available)
        yield GaugeMetricFamily("gateway_cache_redis_up", "1 while records are shared through Redis.", value=available)


def _breakers(addresses: Mapping[UpstreamName, Sequence[UpstreamHealth]]) -> Iterable[Metric]:
    # Addresses are counted and not named, because the location of an upstream may be confidential.
    known = GaugeMetricFamily(
        "gateway_upstream_addresses",
        "Addresses of an upstream, by the limits they are asked with.",
        labels=["upstream"],
    )
    opened = GaugeMetricFamily(
        "gateway_upstream_breakers_open", "Addresses of an upstream whose breaker is open.", labels=["upstream"]
    )
    for upstream, healths in addresses.items():
        known.add_metric([upstream.name], len(healths))
        opened.add_metric([upstream.name], sum(health.probe_at is not None for health in healths))
    yield known
    yield opened


class Metrics:
    """The metrics of one process; process lifetime. Each of several workers reports its own.

    Attributes:
        calls: Observes the upstream calls.
        connections: Counts connections closed by the server.
        requests: Counts requests refused for their size.
        spent: Counts requests refused for spent budgets.
    """

    def __init__(self) -> None:
        # Not the library's global one, which all apps of a process would share.
        self._registry = CollectorRegistry()
        self._operations = OperationCounts()
        self._durations = Counts()
        self.calls = CallMetrics()
        self.connections = ConnectionCounts()
        self.requests = RequestCounts()
        self.spent = SpentCounts()
        self._registry.register(self.calls)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def counting(self, operations: Operations[Caller]) -> Operations[Caller]:
        """Wrap operations so that their outcomes are counted."""
        return CountedOperations(operations, self._operations, self._durations)

    def watch(
        self,
        records: RecordCache,
        addresses: Mapping[UpstreamName, Sequence[UpstreamHealth]],
        open_connections: Callable[[], int],
        refused_logins: Callable[[], int],
    ) -> None:
        """Register the state of other parts; see `StateSources`."""
        sources = StateSources(
            self._operations,
            self._durations,
            self.connections,
            self.requests,
            self.spent,
            records,
            addresses,
            open_connections,
            refused_logins,
        )
        self._registry.register(StateCollector(sources))

    def add_route(self, rest: FastAPI) -> None:
        """Add `/metrics`, which needs no credentials and holds neither ids nor addresses."""

        @rest.api_route("/metrics", methods=["GET", "HEAD"], include_in_schema=False)
        async def metrics() -> Response:
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
