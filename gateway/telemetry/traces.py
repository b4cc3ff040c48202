"""Distributed traces of operations, in OpenTelemetry.

Theory of operation
-------------------
Whether a trace is kept is decided before anything is made for it: by the client's `traceparent` if there is one, else
by chance. An operation that is not kept passes `TracedOperations` with no more. One that is kept gets these spans, with
the attributes of the conventions for GraphQL and HTTP where those have a name::

    graphql query                          the operation, from its request to its response
      document, plan, execute, encode      its phases
      field deliveries                     each field that waited: from the first record asked for to the last that came
      GET deliveries                       each upstream call, over all its tries; its id goes to the upstream
        pacing, queue, connect, wire, pause     what that waited for
      lease job                              the wait for another process that reads a job

The spans of calls begin with these, because upstreams get their ids. All others are made when the operation ends.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import pairwise
from typing import Any, Final, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.diagnostics import TRACES
from gateway.operations.documents.documents import Documents
from gateway.operations.operation_log import code_of, operation_fields, outcome_fields
from gateway.operations.request import GraphQLRequest, Operations, Reply
from gateway.operations.trace import TRACE, OperationTrace, Phase
from gateway.telemetry.sampling import Sampling
from resolvers.upstreams.call import Call, CallRecorder, CallTrace

NANOSECONDS: Final = 1_000_000_000

_PROPAGATOR: Final = TraceContextTextMapPropagator()

Spans = TypeVar("Spans", bound="OperationSpans")


class Clock:
    """Turns moments of the event loop's clock into those of the wall clock. Lifetime: operation."""

    __slots__ = ("_offset",)

    def __init__(self) -> None:
        # Once for each operation, because the wall clock may be set while the process runs.
        self._offset = time.time() - asyncio.get_running_loop().time()

    def nanoseconds(self, at: float) -> int:
        """Return a moment in nanoseconds since 1970."""
        return int((at + self._offset) * NANOSECONDS)


class CallSpans:
    """The span of one upstream call, with those of what it waited for. Lifetime: call.

    Args:
        tracer: Makes spans.
        span: The call's.
        clock: The operation's.
        now: Returns the present, in seconds of the event loop's clock.
    """

    __slots__ = ("_clock", "_now", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: Span, clock: Clock, now: Callable[[], float]) -> None:
        self._tracer = tracer
        self._span = span
        self._clock = clock
        self._now = now

    def end(self, call: Call, outcome: int | str) -> None:
        """Record how the call ended."""
        now = self._now()
        self._span.set_attribute("http.request.resend_count", max(0, call.tries - 1))
        if isinstance(outcome, int):
            self._span.set_attribute("http.response.status_code", outcome)
        # From 400 on, by the conventions for HTTP clients.
        if isinstance(outcome, str) or outcome >= 400:
            self._span.set_attribute("error.type", str(outcome))
            self._span.set_status(Status(StatusCode.ERROR))
        context = trace.set_span_in_context(self._span)
        marks = call.marks or []
        for mark, ended in zip(marks, [*(mark.at for mark in marks[1:]), now], strict=False):
            # What answered before a pause is why there is one.
            attributes = {} if mark.status is None else {"http.response.status_code": mark.status}
            past_span(self._tracer, mark.phase, context, self._clock, (mark.at, ended), attributes)
        self._span.end(self._clock.nanoseconds(now))


class OperationSpans(OperationTrace):
    """The span of one operation, with those below it. Lifetime: operation.

    Args:
        tracer: Makes spans.
        parent: The client's trace, if it began one.
        name: Of the span, until more is known.
        kind: Of the span.
        began_at: When it began, in seconds since 1970; 0 for now.
    """

    def __init__(
        self,
        tracer: Tracer,
        parent: Context | None,
        name: str = "graphql",
        kind: SpanKind = SpanKind.SERVER,
        began_at: float = 0.0,
    ) -> None:
        self._tracer = tracer
        self._clock = Clock()
        self._now = asyncio.get_running_loop().time
        began = int(began_at * NANOSECONDS) or self._clock.nanoseconds(self._now())
        self._span = tracer.start_span(name, parent, kind, start_time=began)
        self._context = trace.set_span_in_context(self._span)
        self._phases: list[tuple[Phase, float]] = []
        self._waits: dict[str, list[float]] = {}

    @property
    def trace_id(self) -> str:
        """The trace that it is part of, as 32 hexadecimal digits."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def span_context(self) -> SpanContext:
        """Names the operation's span."""
        return self._span.get_span_context()

    def begin(self, call: Call) -> CallSpans:
        """Begin to record a call, and name it as the parent in the header fields of `call.propagated`."""
        began = self._now()
        span = self._tracer.start_span(
            f"{call.method} {call.operation}",
            self._context,
            SpanKind.CLIENT,
            {
                "http.request.method": call.method,
                "gateway.upstream": call.upstream.name,
                "gateway.operation": call.operation,
            },
            start_time=self._clock.nanoseconds(began),
        )
        if call.propagated:
            carrier: dict[str, str] = {}
            _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
            # This span's `traceparent` replaces the client's.
            call.propagated = tuple({**dict(call.propagated), **carrier}.items())
        return CallSpans(self._tracer, span, self._clock, self._now)

    def phase(self, phase: Phase) -> None:
        """Record that a phase begins, and the one before ends."""
        self._phases.append((phase, self._now()))

    def waits(self, place: Any, key: str | int, value: "asyncio.Future[Any]") -> None:  # noqa: ANN401 - see CallRecorder
        """Record that a field waits for a value."""
        del place
        # The items of a list are waits of its field.
        if isinstance(key, int):
            return
        waited = self._waits.setdefault(key, [self._now(), 0.0, 0])
        waited[2] += 1

        def arrived(_: "asyncio.Future[Any]") -> None:
            waited[1] = self._now()

        value.add_done_callback(arrived)

    def shared(self, runner: CallRecorder | None) -> None:
        """Record that another operation ran for both, by its recorder if its trace is kept as well."""
        self._span.set_attribute("gateway.shared", value=True)
        if isinstance(runner, OperationSpans):
            self._span.add_link(runner.span_context)

    def end(self, attributes: dict[str, Any], traces: Sequence[CallTrace]) -> None:
        """Record what the operation came to.

        Args:
            attributes: Of its span; `graphql.operation.type` becomes part of its name.
            traces: Its calls, and the records that it had from the cache.
        """
        now = self._now()
        for (phase, began), (_, ended) in pairwise([*self._phases, ("", now)]):
            past_span(self._tracer, phase, self._context, self._clock, (began, ended), {})
        self._end_waits(now)
        self._end_leases(traces)
        for cache in ("hit", "stale", "shared"):
            if found := sum(one.cache == cache for one in traces):
                self._span.set_attribute(f"gateway.cache.{cache}", found)
        self._span.update_name(f"graphql {attributes.get('graphql.operation.type') or 'request'}")
        self._span.set_attributes(attributes)
        if "error.type" in attributes:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(self._clock.nanoseconds(now))

    def _end_leases(self, traces: Sequence[CallTrace]) -> None:
        for one in (found for found in traces if found.cache == "shared" and found.marks):
            fields = {"gateway.upstream": one.upstream.name, "gateway.values": one.records}
            waited = (one.began, one.began + one.milliseconds / 1000)
            past_span(self._tracer, f"lease {one.operation}", self._context, self._clock, waited, fields)

    def _end_waits(self, now: float) -> None:
        for field, (first, last, count) in self._waits.items():
            fields = {"graphql.field.path": field, "gateway.values": int(count)}
            past_span(self._tracer, f"field {field}", self._context, self._clock, (first, last or now), fields)


class Tracing:
    """Traces operations. Lifetime: process.

    Args:
        tracer: Makes spans.
        sampling: Which traces are kept.
        shut_down: Sends the spans that wait; blocks.
    """

    def __init__(self, tracer: Tracer, sampling: Sampling, shut_down: Callable[[], None] | None = None) -> None:
        self._tracer = tracer
        self._sampling = sampling
        self._shut_down = shut_down

    async def close(self) -> None:
        """Send the spans that wait, for as long as the exporter tries."""
        if self._shut_down is not None:
            await asyncio.to_thread(self._shut_down)

    def traced(self, operations: Operations[Caller], documents: Documents) -> "TracedOperations":
        """Wrap operations so that those whose trace is kept are recorded."""
        return TracedOperations(operations, self, documents)

    def begin(self, scope: Scope, make: Callable[[Tracer, Context | None], Spans]) -> Spans | None:
        """Begin the trace of a request; returns None if it is not kept.

        Args:
            scope: The request's ASGI scope.
            make: Makes the spans, by what makes each and by the client's trace.
        """
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
        if not self._sampling.keeps(parent):
            return None
        return make(self._tracer, None if parent is None else _parent(scope, parent))


class TracedOperations:
    """Records operations whose trace is kept. Lifetime: process.

    Args:
        operations: Runs them.
        tracing: Decides which are kept.
        documents: Knows their names and types.
    """

    def __init__(self, operations: Operations[Caller], tracing: Tracing, documents: Documents) -> None:
        self._operations = operations
        self._tracing = tracing
        self._documents = documents

    def run(self, request: GraphQLRequest, scope: Scope, caller: Caller) -> Coroutine[Any, Any, Reply]:
        """Run an operation.

        Raises:
            GatewayError: Nothing was executed, and why.
        """
        # No coroutine of its own, because most operations are not kept.
        spans = self._tracing.begin(scope, OperationSpans)
        if spans is None:
            return self._operations.run(request, scope, caller)
        return self._run_recorded(spans, request, scope, caller)

    async def _run_recorded(
        self, spans: OperationSpans, request: GraphQLRequest, scope: Scope, caller: Caller
    ) -> Reply:
        traces: list[CallTrace] = []
        reply: Reply | None = None
        code = ""
        try:
            reply = await self._operations.run(request, {TRACES: traces, **scope, TRACE: spans}, caller)
        except BaseException as error:
            code = code_of(error)
            raise
        finally:
            spans.end(self._attributes(request, scope, caller, outcome_fields(reply, code)), traces)
        return reply

    def _attributes(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, outcome: dict[str, Any]
    ) -> dict[str, Any]:
        named = operation_fields(self._documents, request.query, request.operation_name)
        found = {
            "graphql.operation.name": named["operation"],
            "graphql.operation.type": named["type"],
            "http.request.method": scope.get("method"),
            "http.response.status_code": outcome.get("status"),
            "gateway.caller": caller.name,
            "gateway.request_id": request.request_id,
            "error.type": ",".join(outcome.get("codes", ())) or None,
        }
        return {name: value for name, value in found.items() if value is not None}


def past_span(
    tracer: Tracer,
    name: str,
    context: Context,
    clock: Clock,
    interval: tuple[float, float],
    attributes: dict[str, Any],
) -> None:
    """Make a span of what is over, from one moment of the event loop's clock to another."""
    began, ended = interval
    span = tracer.start_span(name, context, attributes=attributes, start_time=clock.nanoseconds(began))
    span.end(clock.nanoseconds(ended))


def _parent(scope: Scope, parent: bytes) -> Context:
    state = next((value for name, value in scope["headers"] if name == b"tracestate"), b"")
    return _PROPAGATOR.extract({"traceparent": parent.decode("latin-1"), "tracestate": state.decode("latin-1")})
