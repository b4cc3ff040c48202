"""What the steps of the operation stack record of an operation that is part of a distributed trace.

`gateway/telemetry/traces.py` implements it with OpenTelemetry. Most operations are part of none that is kept: their
scope has no trace, and the steps do nothing.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal, Protocol

from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.request import GraphQLRequest
from resolvers.context import Context
from resolvers.upstreams.call import CallContext, CallRecorder

TRACE: Final = "gateway.trace"
"""The key of the ASGI scope that holds the operation's `OperationTrace`, if it is part of a trace that is kept."""

Phase = Literal["document", "plan", "execute", "encode"]

PROPAGATED: Final = (b"traceparent", b"tracestate", b"baggage")
"""The header fields of the client that upstreams get (W3C Trace Context, W3C Baggage)."""

TRACE_PARENT: Final = re.compile(
    rb"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?"
)
"""The trace and the flags in a `traceparent`. One of another form counts as none (W3C Trace Context, 3.2.2).

A version above 00 may have further fields, behind a dash; there is no version ff, and no id of zeros.
"""


class OperationTrace(CallRecorder, Protocol):
    """Records one operation. Lifetime: operation."""

    @property
    def trace_id(self) -> str:
        """The trace that it is part of, as 32 hexadecimal digits."""
        ...

    def phase(self, phase: Phase) -> None:
        """Record that a phase begins, and the one before ends."""
        ...

    def shared(self, runner: CallRecorder | None) -> None:
        """Record that another operation ran for both, by its recorder if its trace is kept as well."""
        ...


class EventTrace(CallRecorder, Protocol):
    """Records one event of a subscription. Lifetime: event."""

    def sent(self) -> None:
        """Record that its response was handed to the transport."""
        ...


class SubscriptionTrace(OperationTrace, Protocol):
    """Records the start of a subscription, and its events. Lifetime: subscription."""

    def event(self, event: object) -> EventTrace | None:
        """Begin to record an event; None for one of another source than ours."""
        ...

    def started(self, codes: Sequence[str] = ()) -> None:
        """Record that its first response was sent, or the errors that it was refused with; later calls do nothing."""
        ...


class SubscriptionTracing(Protocol):
    """Decides which subscriptions are recorded. Lifetime: process."""

    def begin(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, name: str | None
    ) -> SubscriptionTrace | None:
        """Begin the trace of a subscription; None if it is not kept.

        Args:
            request: The subscription.
            scope: The connection's ASGI scope.
            caller: The authenticated caller.
            name: Of the operation, as its document has it.
        """
        ...


def trace_of(scope: Scope) -> OperationTrace | None:
    """Return where to record an operation; None where its trace is not kept."""
    trace: OperationTrace | None = scope.get(TRACE)
    return trace


def record_phase(scope: Scope, phase: Phase) -> None:
    """Record that a phase of the operation begins, if its trace is kept."""
    trace: OperationTrace | None = scope.get(TRACE)
    if trace is not None:
        trace.phase(phase)


def record_shared(scope: Scope, context: Context | None) -> None:
    """Record that another operation ran for this one, if the trace of this one is kept.

    Args:
        scope: This request's ASGI scope.
        context: The other operation's; None where it was not executed.
    """
    trace: OperationTrace | None = scope.get(TRACE)
    if trace is not None:
        carried = None if context is None else context.scope.context
        trace.shared(None if carried is None else carried.recorder)


def call_context(request: GraphQLRequest, scope: Scope, *, propagates: bool) -> CallContext | None:
    """Return what the operation's calls carry of its request.

    Args:
        request: The operation.
        scope: The request's ASGI scope.
        propagates: Whether any upstream gets the request's id and trace.
    """
    trace = trace_of(scope)
    if not propagates:
        return None if trace is None else CallContext(trace)
    headers = [("x-request-id", request.request_id), *_given(scope["headers"])]
    return CallContext(trace, tuple(headers))


def _given(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    parent = next((value for name, value in headers if name == b"traceparent"), b"")
    # A `tracestate` belongs to the trace of its `traceparent`.
    names = PROPAGATED if TRACE_PARENT.fullmatch(parent) else PROPAGATED[2:]
    found = [(name.decode(), value.decode("latin-1")) for name, value in headers if name in names]
    # An upstream must get what the client sent, but never a field that could end its own line.
    return [(name, value) for name, value in found if value.isascii() and value.isprintable()]
