"""Traces of subscriptions: their start, and each event that their clients are sent.

Theory of operation
-------------------
Whether a subscription is recorded is decided once, at its start, as for other operations. Its start is a span that ends
with its first response; each event is a span below that one, however much later it comes::

    graphql subscription               from the request to the first response
      GET task_detail                  the reads for its SNAPSHOTs
      graphql subscription event       from noticing a change until its response was handed to the transport
        GET task_detail                the read that found the change, where it was one of this process
        GET organization_detail        the calls for the response
        field organization             each field that waited
"""

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.request import GraphQLRequest
from gateway.telemetry.traces import OperationSpans, Tracing, past_span
from resolvers.events.interface import StatusEvent
from resolvers.upstreams.call import CallTrace


class EventSpans(OperationSpans):
    """The span of one event of a subscription, with those below it. Lifetime: event.

    Args:
        tracer: Makes spans.
        parent: The span of the subscription's start.
        event: The event.
    """

    def __init__(self, tracer: Tracer, parent: Context, event: StatusEvent) -> None:
        # PRODUCER, as of a message: an event has no answer.
        super().__init__(tracer, parent, "graphql subscription event", SpanKind.PRODUCER, event.noticed_at)
        self._calls = event.calls
        self._span.set_attribute("gateway.event.kind", event.kind.name)
        if event.source is not None:
            self._span.set_attribute("gateway.event.source", event.source.name)

    def sent(self) -> None:
        """Record that its response was handed to the transport."""
        now = self._now()
        # The reads that noticed the change were over before there was an event to record them under.
        for call in self._calls:
            self._past_call(call)
        self._end_waits(now)
        self._span.end(self._clock.nanoseconds(now))

    def _past_call(self, call: CallTrace) -> None:
        attributes: dict[str, Any] = {
            "http.request.method": call.method,
            "http.request.resend_count": max(0, call.tries - 1),
            "gateway.upstream": call.upstream.name,
            "gateway.operation": call.operation,
        }
        if call.status is not None:
            attributes["http.response.status_code"] = call.status
        interval = call.began, call.began + call.milliseconds / 1000
        past_span(self._tracer, f"{call.method} {call.operation}", self._context, self._clock, interval, attributes)


class SubscriptionSpans(OperationSpans):
    """The span of a subscription's start, with those below it. Lifetime: subscription.

    Args:
        tracer: Makes spans.
        parent: The client's trace, if it began one.
    """

    def __init__(self, tracer: Tracer, parent: Context | None) -> None:
        super().__init__(tracer, parent)
        self._started = False
        self.attributes: dict[str, Any] = {"graphql.operation.type": "subscription"}

    def event(self, event: object) -> EventSpans | None:
        """Begin to record an event; None for one of another source than ours."""
        return EventSpans(self._tracer, self._context, event) if isinstance(event, StatusEvent) else None

    def started(self, codes: Sequence[str] = ()) -> None:
        """Record that its first response was sent, or the errors that it was refused with; later calls do nothing."""
        if not self._started:
            self._started = True
            self.end({**self.attributes, **({"error.type": ",".join(codes)} if codes else {})}, ())


class TracedSubscriptions:
    """Records subscriptions whose trace is kept. Lifetime: process.

    Args:
        tracing: Decides which are kept.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def begin(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, name: str | None
    ) -> SubscriptionSpans | None:
        """Begin the trace of a subscription; None if it is not kept."""
        spans = self._tracing.begin(scope, SubscriptionSpans)
        if spans is not None:
            spans.attributes |= {"gateway.caller": caller.name, "gateway.request_id": request.request_id}
            if name is not None:
                spans.attributes["graphql.operation.name"] = name
        return spans
