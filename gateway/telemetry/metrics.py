"""The metrics of one process.

Calls and operations are counted in plain numbers, which costs less than metric objects do. Collectors turn them, and
the state of other parts, into metrics when Prometheus scrapes `/metrics`.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.auth.callers import Caller
from gateway.composition.upstreams import CertificateEnd
from gateway.http.compression import Compression
from gateway.http.durations import RequestDurations
from gateway.http.server_protocol import ConnectionCounts
from gateway.operations.cost.budget import SpentCounts
from gateway.operations.documents.request_limits import RequestCounts
from gateway.operations.request import Operations
from gateway.subscriptions.event_counts import EventCounts
from gateway.telemetry.cache_metrics import cache_metrics, redis_metric
from gateway.telemetry.event_loop import EventLoopLag
from gateway.telemetry.event_metrics import activity_metrics, sent_metrics, webhook_metrics
from gateway.telemetry.families import counted
from gateway.telemetry.http_metrics import client_metrics, compression_metric, server_metrics
from gateway.telemetry.operation_metrics import CountedOperations, OperationMetrics
from gateway.telemetry.spans_exported import ExportedSpans
from gateway.telemetry.upstream_metrics import CallMetrics, address_metrics, certificate_metric
from gateway.webhooks.endpoint import WebhookCounts
from resolvers.cache.records import RecordCache
from resolvers.events.service import Events
from resolvers.idempotency.run import KeyCounts
from resolvers.redis_times import RedisTimes
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.stack import Stack


@dataclass(frozen=True, slots=True)
class StateSources:
    """Where `StateCollector` reads the state of other parts; process lifetime.

    Args:
        connections: Connections closed by the server.
        requests: Requests refused for their size.
        spent: Requests refused because the caller's budget was spent.
        idempotency: What became of idempotency keys.
        records: The process's cache.
        addresses: The policies around each address of each upstream.
        certificates: The ends of the certificates that are known.
        open_connections: Number of open WebSockets and streams.
        refused_logins: Number of rate-limited login requests.
        webhooks: The webhooks that came.
        served: Requests to the endpoint.
        events: What is followed, polled and queued.
        sent: Subscriptions and their events.
        compression: Compresses responses; None where that is switched off.
        redis_times: How long Redis takes; None without Redis.
    """

    connections: ConnectionCounts
    requests: RequestCounts
    spent: SpentCounts
    idempotency: KeyCounts
    records: RecordCache
    addresses: Callable[[], Mapping[UpstreamName, Sequence[Stack]]]
    certificates: Callable[[], Iterable[CertificateEnd]]
    open_connections: Callable[[], int]
    refused_logins: Callable[[], int]
    webhooks: WebhookCounts
    served: RequestDurations
    events: Events
    sent: EventCounts
    compression: Compression | None
    redis_times: RedisTimes | None


class StateCollector(Collector):
    """Turns the state of other parts into metrics; process lifetime."""

    def __init__(self, sources: StateSources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """Read all sources."""
        sources = self._sources
        ended = "Clients' connections that the server ended."
        yield counted("gateway_connections_ended", ended, "reason", sources.connections)
        yield counted("gateway_large_requests_refused", "Requests refused for their size.", "part", sources.requests)
        yield counted("gateway_spent_budgets_refused", "Requests refused for a spent budget.", "budget", sources.spent)
        yield counted("gateway_idempotency", "What became of idempotency keys.", "outcome", sources.idempotency)
        yield from cache_metrics(sources.records)
        yield from address_metrics(sources.addresses())
        yield certificate_metric(sources.certificates())
        yield client_metrics(sources.addresses())
        yield server_metrics(sources.served)
        if sources.compression is not None:
            yield compression_metric(sources.compression)
        yield from webhook_metrics(sources.webhooks)
        yield from activity_metrics(sources.events.activity)
        yield from sent_metrics(sources.sent)
        if sources.redis_times is not None:
            yield redis_metric(sources.redis_times)
        yield GaugeMetricFamily(
            "gateway_open_connections", "Open WebSockets and streams.", value=sources.open_connections()
        )
        yield CounterMetricFamily(
            "gateway_logins_refused", "Requests of logins beyond their limits.", value=sources.refused_logins()
        )


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

    Attributes:
        succeeded_at: When the settings were last read and right, in seconds since 1970.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.counts = ReloadCounts()
        self._is_current = True
        # The start counts as well: without right settings there would be none.
        self.succeeded_at = now()

    def succeeded(self, *, changed: bool) -> None:
        """Count a reload after which the settings in force are those that are given."""
        if changed:
            self.counts.changed += 1
        else:
            self.counts.unchanged += 1
        self._is_current = True
        self.succeeded_at = self._now()

    def failed(self) -> None:
        """Count a reload of wrong settings."""
        self.counts.failed += 1
        self._is_current = False

    def collect(self) -> Iterable[Metric]:
        """Return the counts as metrics."""
        yield counted("gateway_reloads", "Reloads of the settings, by outcome.", "outcome", self.counts)
        yield GaugeMetricFamily(
            "gateway_last_reload_successful", "0 after a reload of wrong settings.", value=float(self._is_current)
        )
        yield GaugeMetricFamily(
            "gateway_config_last_success_seconds",
            "When the settings were last read and right, in seconds since 1970.",
            value=self.succeeded_at,
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
        idempotency: Counts what became of idempotency keys.
        webhooks: Counts webhooks.
        requests_served: Measures requests to the endpoint.
        reloads: Counts reloads of the settings.
        spans: Counts the spans of traces.
    """

    def __init__(self, operation_names: Mapping[str, str]) -> None:
        # Not the library's global one, which all gateways in a process, such as those of tests, would share.
        self.registry = CollectorRegistry()
        self.operations = OperationMetrics(operation_names)
        self.loop_lag = EventLoopLag()
        self.calls = CallMetrics()
        self.connections = ConnectionCounts()
        self.requests = RequestCounts()
        self.spent = SpentCounts()
        self.idempotency = KeyCounts()
        self.webhooks = WebhookCounts()
        self.requests_served = RequestDurations()
        self.reloads = ReloadMetrics()
        self.spans = ExportedSpans()
        for collector in (self.operations, self.calls, self.loop_lag, self.reloads, self.spans):
            self.registry.register(collector)
        # By default the library adds these two to its global registry only.
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def counting(self, operations: Operations[Caller]) -> Operations[Caller]:
        """Wrap operations so that they are counted."""
        return CountedOperations(operations, self.operations)

    def watch(  # noqa: PLR0913 - one for each part
        self,
        records: RecordCache,
        *,
        addresses: Callable[[], Mapping[UpstreamName, Sequence[Stack]]],
        certificates: Callable[[], Iterable[CertificateEnd]],
        open_connections: Callable[[], int],
        refused_logins: Callable[[], int],
        events: Events,
        sent: EventCounts,
        compression: Compression | None,
        redis_times: RedisTimes | None,
    ) -> None:
        """Register the state of other parts; see `StateSources`."""
        sources = StateSources(
            self.connections,
            self.requests,
            self.spent,
            self.idempotency,
            records,
            addresses,
            certificates,
            open_connections,
            refused_logins,
            self.webhooks,
            self.requests_served,
            events,
            sent,
            compression,
            redis_times,
        )
        self.registry.register(StateCollector(sources))
