"""Metrics of operations: what came of them, how long they took, and for whom."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
from graphql import GraphQLError, OperationDefinitionNode, parse
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.documents.persisted import PERSISTED_QUERY, SHA256_PREFIX, read_manifest
from gateway.operations.request import GraphQLRequest, Operations, Reply
from gateway.operations.trace import trace_of
from gateway.telemetry.families import counted, histograms
from resolvers.errors import GatewayError
from resolvers.histogram import Histogram

OTHER: Final = "other"
"""The label of all that have none of their own."""

MAX_OPERATIONS: Final = 500
MAX_CALLERS: Final = 200
"""Labels of each kind; what comes later is counted as `OTHER`."""

KEY_PREFIX: Final = "key:"
"""Begins the names of callers with an API key, which the operator has named; other names are of single persons."""


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


class OperationMetrics(Collector):
    """Counts operations; process lifetime.

    Args:
        names: The label of each trusted document, by its text and by its id. Others are counted as one: their names
            are what clients like them to be.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self.counts = OperationCounts()
        self.in_flight = 0
        self.by_operation: dict[str, Histogram] = {OTHER: Histogram()}
        self.by_caller: dict[str, Histogram] = {}

    def rename(self, names: Mapping[str, str]) -> None:
        """Label the trusted documents of another manifest from now on."""
        self._names = names

    def took(self, request: GraphQLRequest, caller: Caller, seconds: float, trace_id: str = "") -> None:
        """Count the duration of an operation that was executed, or answered by the cache.

        Args:
            request: The operation.
            caller: Its caller.
            seconds: Its duration.
            trace_id: Its trace, if that is kept.
        """
        operation = self._names.get(_document(request), OTHER) if self._names else OTHER
        _labelled(self.by_operation, operation, MAX_OPERATIONS).add(seconds, trace_id)
        _labelled(self.by_caller, caller_label(caller.name), MAX_CALLERS).add(seconds, trace_id)

    def collect(self) -> Iterable[Metric]:
        """Return the counts as metrics."""
        yield counted("gateway_operations", "Operations, by what came of them.", "outcome", self.counts)
        yield _family("gateway_operation_seconds", "What executed operations took.", "operation", self.by_operation)
        yield _family("gateway_caller_seconds", "What operations took, by caller.", "caller", self.by_caller)
        yield GaugeMetricFamily("gateway_operations_in_flight", "Operations not yet answered.", value=self.in_flight)


class CountedOperations:
    """Counts the outcomes and durations of operations; process lifetime.

    Args:
        operations: Runs the operations.
        metrics: Counts.
    """

    def __init__(self, operations: Operations[Caller], metrics: OperationMetrics) -> None:
        self._operations = operations
        self._metrics = metrics

    async def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Reply:
        """Run an operation and count its outcome."""
        metrics, counts, started = self._metrics, self._metrics.counts, perf_counter()
        metrics.in_flight += 1
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
        finally:
            metrics.in_flight -= 1
        # Refusals are not timed, because they are fast and would hide slow operations.
        if not reply.executed:
            counts.refused += 1
            return reply
        trace = trace_of(scope)
        metrics.took(request, caller, perf_counter() - started, trace.trace_id if trace is not None else "")
        if reply.has_errors:
            counts.partial += 1
        else:
            counts.whole += 1
        return reply


def trusted_names(manifest: Path | None) -> dict[str, str]:
    """Return the label of each trusted document, by its text and its id.

    Args:
        manifest: The file of trusted documents; None where any document is accepted.
    """
    if manifest is None:
        return {}
    names: dict[str, str] = {}
    for document_id, text in read_manifest(manifest).by_id.items():
        own_id = document_id.removeprefix(SHA256_PREFIX)
        # By both, because requests have either.
        names[text] = names[own_id] = _operation_name(text) or own_id
    return names


def caller_label(name: str) -> str:
    """Return a caller's label: that of an API key by its name, all others by what they showed, such as `jwt`."""
    # The hash of a long name comes after a number sign (`caller_name`).
    return name if name.startswith(KEY_PREFIX) else name.partition(":")[0].partition("#")[0]


def _operation_name(text: str) -> str | None:
    try:
        definitions = parse(text, no_location=True).definitions
    except GraphQLError:
        return None
    names = (one.name.value for one in definitions if isinstance(one, OperationDefinitionNode) and one.name)
    return next(names, None)


def _document(request: GraphQLRequest) -> str:
    """Return what names a request's document: its text, or an id."""
    if request.query is not None:
        return request.query
    # The step that counts is outside of the one that finds persisted documents.
    persisted = (request.extensions or {}).get(PERSISTED_QUERY)
    named = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    name = request.document_id or named
    return name.removeprefix(SHA256_PREFIX) if isinstance(name, str) else ""


def _labelled(by_label: dict[str, Histogram], label: str, most: int) -> Histogram:
    found = by_label.get(label)
    if found is None:
        label = label if len(by_label) < most else OTHER
        found = by_label.setdefault(label, Histogram())
    return found


def _family(name: str, meaning: str, label: str, by_label: Mapping[str, Histogram]) -> Metric:
    return histograms(name, meaning, [label], [([value], histogram) for value, histogram in by_label.items()])
