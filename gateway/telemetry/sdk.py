"""OpenTelemetry's SDK, which sends spans to a collector. Its packages are those of the extra `otel`.

The SDK reads its own variables: `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`
and the limits of spans. Spans are sent by a thread of its own, from a bounded queue.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from gateway.telemetry.spans_exported import ExportedSpans

QUEUE_SIZE: Final = 2048
"""Spans that wait to be sent, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise; its default in the specification."""


def build_provider(environment: Mapping[str, str], exported: ExportedSpans) -> TracerProvider:
    """Return a provider whose spans go to the collector that the environment names.

    Args:
        environment: The process's.
        exported: Counts spans.
    """
    # Only without the variable, because what is given here wins over it.
    resource = Resource.create({} if environment.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "graphql-gateway"})
    # What is kept is decided before a span is begun.
    # `Tracing.close` shuts it down, while the event loop still runs.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    console = environment.get("OTEL_TRACES_EXPORTER") == "console"
    exporter = ConsoleSpanExporter() if console else OTLPSpanExporter()
    size = int(environment.get(OTEL_BSP_MAX_QUEUE_SIZE) or QUEUE_SIZE)
    provider.add_span_processor(CountingProcessor(exporter, exported, size))
    return provider


class CountingProcessor(SpanProcessor):
    """Sends spans in batches, and counts those that get lost. Lifetime: process.

    Args:
        exporter: Sends batches.
        exported: Counts spans.
        size: How many spans may wait.
    """

    def __init__(self, exporter: SpanExporter, exported: ExportedSpans, size: int) -> None:
        self._exported = exported
        self._size = size
        self._waiting = 0
        # The event loop adds and the SDK's thread takes away.
        self._lock = threading.Lock()
        self._batches = BatchSpanProcessor(_Exporter(exporter, self._sent), max_queue_size=size)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span, or drop it where too many wait."""
        with self._lock:
            # Counted here, because the SDK's queue does not report what it drops.
            if self._waiting >= self._size:
                self._exported.dropped += 1
                return
            self._waiting += 1
        self._batches.on_end(span)

    def shutdown(self) -> None:
        """Send what waits."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves its return type out

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits now."""
        return self._batches.force_flush(timeout_millis)

    def _sent(self, count: int, taken: bool) -> None:
        with self._lock:
            self._waiting -= count
            if taken:
                self._exported.exported += count
            else:
                self._exported.dropped += count


class _Exporter(SpanExporter):
    """Reports what became of each batch. Lifetime: process."""

    def __init__(self, exporter: SpanExporter, sent: Callable[[int, bool], None]) -> None:
        self._exporter = exporter
        self._sent = sent

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            self._sent(len(spans), result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()
