"""The metrics of one process.

Calls and operations are counted in plain numbers, which costs less than metric objects do. Collectors turn them, and
the state of other parts, into metrics when Prometheus scrapes `/metrics`.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.auth.callers import Caller
from gateway.http.server_protocol import ConnectionCounts
from gateway.operations.cost.budget import SpentCounts
from gateway.operations.documents.request_limits import RequestCounts
from gateway.operations.request import Operations
from gateway.telemetry.event_loop import EventLoopLag
from gateway.telemetry.histogram import Histogram
from gateway.telemetry.operation_metrics import CountedOperations, OperationMetrics
from gateway.telemetry.spans_exported import ExportedSpans
from resolvers.cache.records import RecordCache
from resolvers.upstreams.call import Call
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.health import UpstreamHealth

Labels: TypeAlias = list[str]


class Counts(msgspec.Struct):
    """Calls of one upstream operation with the same outcome; process lifetime.

    Args:
        calls: Number of calls.
        tries: Number of requests, retries included.
        seconds: Their durations.
    """

    calls: int = 0
    tries: int = 0
    seconds: Histogram = msgspec.field(default_factory=Histogram)

    def add(self, other: "Counts") -> None:
        """Add other counts to these."""
        self.calls += other.calls
        self.tries += other.tries
        self.seconds.merge(other.seconds)


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
        counts.seconds.add(seconds)

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
            seconds.add_metric(labels, counts.seconds.buckets, counts.seconds.total)
        return [calls, tries, seconds]

    def _by_operation(self) -> Iterable[tuple[Labels, Counts]]:
        totals: dict[tuple[UpstreamName, str], Counts] = {}
        for (upstream, operation, _), counts in self._counts.items():
            totals.setdefault((upstream, operation), Counts()).add(counts)
        return [([upstream.name, operation], counts) for (upstream, operation), counts in totals.items()]


@dataclass(frozen=True, slots=True)
class StateSources:
    """Where `StateCollector` reads the state of other parts; process lifetime.

    Args:
        connections: Connections closed by the server.
        requests: Requests refused for their size.
        spent: Requests refused because the caller's budget was spent.
        records: The process's cache.
        addresses: The health of each address of each upstream.
        open_connections: Number of open WebSockets and streams.
        refused_logins: Number of rate-limited login requests.
    """

    connections: ConnectionCounts
    requests: RequestCounts
    spent: SpentCounts
    records: RecordCache
    addresses: Callable[[], Mapping[UpstreamName, Sequence[UpstreamHealth]]]
    open_connections: Callable[[], int]
    refused_logins: Callable[[], int]


class StateCollector(Collector):
    """Turns the state of other parts into metrics; process lifetime."""

    def __init__(self, sources: StateSources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """Read all sources."""
        sources = self._sources
        yield _counts(
            "gateway_connections_ended", "Clients' connections that the server ended.", "reason", sources.connections
        )
        yield _counts("gateway_large_requests_refused", "Requests refused for their size.", "part", sources.requests)
        yield _counts("gateway_spent_budgets_refused", "Requests refused for a spent budget.", "budget", sources.spent)
        yield from _cache(sources.records)
        yield from _breakers(sources.addresses())
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


class ReloadCounts(msgspec.Struct):
    """Reloads by outcome. Lifetime: process.

    Args:
        changed: Settings changed, and are in force.
        unchanged: No setting changed that can change without a restart.
        failed: Settings were wrong, and those before stay in force.
    """

    changed: int = 0
    unchanged: int = 0
    failed: int = 0


class ReloadMetrics(Collector):
    """Counts reloads. Lifetime: process.

    Args:
        now: The wall clock, in seconds since 1970.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.counts = ReloadCounts()
        self._is_current = True
        self._succeeded_at = now()

    def succeeded(self, *, changed: bool) -> None:
        """Count a reload after which the settings in force are those that are given."""
        if changed:
            self.counts.changed += 1
        else:
            self.counts.unchanged += 1
        self._is_current = True
        self._succeeded_at = self._now()

    def failed(self) -> None:
        """Count a reload of wrong settings."""
        self.counts.failed += 1
        self._is_current = False

    def collect(self) -> Iterable[Metric]:
        """Return the counts as metrics."""
        outcomes = CounterMetricFamily("gateway_reloads", "Reloads of the settings, by outcome.", labels=["outcome"])
        for outcome, count in msgspec.structs.asdict(self.counts).items():
            outcomes.add_metric([outcome], count)
        yield outcomes
        yield GaugeMetricFamily(
            "gateway_last_reload_successful", "0 after a reload of wrong settings.", value=float(self._is_current)
        )
        yield GaugeMetricFamily(
            "gateway_config_last_success_seconds",
            "When the settings were last read and right, in seconds since 1970.",
            value=self._succeeded_at,
        )


class Metrics:
    """The metrics of one process; process lifetime.

    Args:
        operation_names: The labels of trusted documents, by text and id.

    Attributes:
        registry: Holds all of them.
        operations: Counts operations.
        loop_lag: Measures the event loop.
        calls: Observes the upstream calls.
        connections: Counts connections closed by the server.
        requests: Counts requests refused for their size.
        spent: Counts requests refused for spent budgets.
        reloads: Counts reloads of the settings.
        spans: Counts the spans of traces.
    """

    def __init__(self, operation_names: Mapping[str, str]) -> None:
        self.registry = CollectorRegistry()
        self.operations = OperationMetrics(operation_names)
        self.loop_lag = EventLoopLag()
        self.calls = CallMetrics()
        self.connections = ConnectionCounts()
        self.requests = RequestCounts()
        self.spent = SpentCounts()
        self.reloads = ReloadMetrics()
        self.spans = ExportedSpans()
        for collector in (self.operations, self.calls, self.loop_lag, self.reloads, self.spans):
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def counting(self, operations: Operations[Caller]) -> Operations[Caller]:
        """Wrap operations so that they are counted."""
        return CountedOperations(operations, self.operations)

    def watch(
        self,
        records: RecordCache,
        addresses: Callable[[], Mapping[UpstreamName, Sequence[UpstreamHealth]]],
        open_connections: Callable[[], int],
        refused_logins: Callable[[], int],
    ) -> None:
        """Register the state of other parts; see `StateSources`."""
        sources = StateSources(
            self.connections, self.requests, self.spent, records, addresses, open_connections, refused_logins
        )
        self.registry.register(StateCollector(sources))
