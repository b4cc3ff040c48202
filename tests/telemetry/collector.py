"""A collector of OpenTelemetry on a socket: takes OTLP over HTTP, and keeps the spans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True)
class KeptSpan:
    """One span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, Any]
    began: int
    ended: int
    links: Sequence[str]
    failed: bool


class Collector:
    """The collector; lives one test. `status` is its answer to each batch."""

    def __init__(self) -> None:
        self.spans: list[KeptSpan] = []
        self.services: set[str] = set()
        self.batches = 0
        self.status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        assert request.url.path == "/v1/traces"
        self.batches += 1
        if self.status == 200:
            self._keep(await request.body())
        await Response(status_code=self.status)(scope, receive, send)

    def named(self, name: str) -> KeptSpan:
        """The one span of a name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def below(self, parent: KeptSpan) -> list[str]:
        """The names of the spans below one, by when they began."""
        found = [span for span in self.spans if span.parent_id == parent.span_id]
        return [span.name for span in sorted(found, key=lambda span: span.began)]

    def _keep(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.services.add(names["service.name"])
            for spans in resource.scope_spans:
                self.spans += [_kept(span) for span in spans.spans]


def _kept(span: Any) -> KeptSpan:  # noqa: ANN401 - protobuf's generated class
    return KeptSpan(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes},
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        [link.span_id.hex() for link in span.links],
        span.status.code == 2,
    )
