"""All metrics of one process, and the route under which Prometheus reads them."""

from collections.abc import Callable, Mapping, Sequence

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, ProcessCollector, generate_latest

from gateway.auth.callers import Caller
from gateway.http.interface import Operations
from gateway.http.server_protocol import ConnectionCounts
from gateway.operations.documents.request_limits import RequestCounts
from gateway.operations.spent_counts import SpentCounts
from gateway.telemetry.metrics_calls import CallMetrics
from gateway.telemetry.metrics_operations import CountedOperations, OperationCounts
from gateway.telemetry.metrics_state import StateCollector, StateSources
from resolvers.cache.records import RecordCache
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.health import UpstreamHealth


class Metrics:
    """What one process counts; lives as long as it. Of several workers each answers for itself.

    Attributes:
        calls: To be told of every upstream call.
        connections: Where the server counts the connections that it ends.
        requests: Where requests are counted that are too large.
        spent: Where refusals for spent budgets are counted.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._operations = OperationCounts()
        self.calls = CallMetrics()
        self.connections = ConnectionCounts()
        self.requests = RequestCounts()
        self.spent = SpentCounts()
        self._registry.register(self.calls)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def counting(self, operations: Operations[Caller]) -> Operations[Caller]:
        """The same operations, counted."""
        return CountedOperations(operations, self._operations)

    def watch(
        self,
        records: RecordCache | None,
        addresses: Mapping[UpstreamName, Sequence[UpstreamHealth]],
        open_connections: Callable[[], int],
        refused_logins: Callable[[], int],
    ) -> None:
        """Tell how these stand as well; see `StateSources`."""
        sources = StateSources(
            self._operations,
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
        """Add `/metrics`, which holds neither ids nor addresses nor credentials, and asks for none."""

        @rest.api_route("/metrics", methods=["GET", "HEAD"], include_in_schema=False)
        async def metrics() -> Response:
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
