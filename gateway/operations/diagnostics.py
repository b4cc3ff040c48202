"""What is collected about one operation beside its response, for its client and for the operation log.

With `X-Gateway-Explain: 1` a client gets the upstream calls that its operation made, the fields that waited and the
cost; with `plan` the calls that it would make. The log gets the same calls and `OperationFacts`. Both collectors are in
the request's ASGI scope, so that steps which collect nothing pass them on unseen.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

import msgspec
from starlette.types import Scope

from gateway.operations.cost.estimates import Cost
from gateway.operations.field_waits import FieldWaits, milliseconds
from resolvers.context import Context
from resolvers.upstreams.call import CallTrace, Mark
from resolvers.upstreams.operations import Operation

TRACES: Final = "gateway.traces"
"""Key of the ASGI scope: a list of `CallTrace` that collects the operation's upstream calls, where one is wanted."""

HEADER: Final = (b"x-gateway-explain", b"1")
PLAN_HEADER: Final = (b"x-gateway-explain", b"plan")


def requests_explanation(scope: Scope) -> bool:
    """Return whether the client requests its own calls or plan, so that no shared response will do."""
    # Whole headers are compared, since this runs for every request.
    headers = scope["headers"]
    return HEADER in headers or PLAN_HEADER in headers


def requested_traces(scope: Scope) -> list[CallTrace] | None:
    """Return the list that collects the operation's calls; None where none is wanted."""
    # A list in the scope is of an outer step, such as the budget's, and is filled in any case.
    traces: list[CallTrace] | None = scope.get(TRACES)
    return [] if traces is None and HEADER in scope["headers"] else traces


def requests_plan(scope: Scope) -> bool:
    """Return whether the operation is to be estimated instead of executed."""
    return PLAN_HEADER in scope["headers"]


def explanation(context: Context, data: Any, cost: Cost) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the members of `extensions.gateway` that explain an operation.

    Args:
        context: Of the execution, whose calls are recorded by `FieldWaits`.
        data: Of the response.
        cost: As estimated before the operation.
    """
    traces = context.scope.traces or ()
    carried = context.scope.context
    waits = None if carried is None else carried.recorder
    assert isinstance(waits, FieldWaits)  # noqa: S101 - the runner makes one for each operation that is explained
    return {
        "calls": reported_calls(traces, waits.began),
        "fields": waits.report(data),
        "cost": {"estimate": cost.estimate, "calls": calls_made(traces), "nodes": cost.nodes},
    }


def calls_made(traces: Iterable[CallTrace]) -> int:
    """Return the number of requests that an operation's calls came to, with each try."""
    # Only misses count: a hit made no call, and a joined call was charged to the operation that began it.
    return sum(trace.tries for trace in traces if trace.cache == "miss")


def reported_calls(traces: Iterable[CallTrace], began: float) -> list[dict[str, Any]]:
    """Return `extensions.gateway.calls`, in the order in which they ended.

    Args:
        traces: The operation's calls.
        began: When the operation began, in seconds of the event loop's clock.
    """
    return [call_entry(trace, began) for trace in traces]


def call_entry(trace: CallTrace, began: float) -> dict[str, Any]:
    """Return a call as the client sees it."""
    entry = {
        "upstream": trace.upstream.name,
        "method": trace.method,
        "path": trace.path,
        "status": trace.status,
        "milliseconds": trace.milliseconds,
        "cache": trace.cache,
        "tries": trace.tries,
        "operation": trace.operation,
        "startMilliseconds": milliseconds(trace.began - began),
        "phases": _phases(trace),
    }
    if trace.records > 1:
        entry["records"] = trace.records
    return entry


def _phases(trace: CallTrace) -> list[dict[str, Any]]:
    """Return the phases of a call, where a try without a new connection is `wire`."""
    ended = Mark("wire", trace.began + trace.milliseconds / 1000)
    phases = []
    for mark, following in pairwise([*trace.marks, ended]):
        # A try that opens a connection has `connect` and `wire` of its own.
        if mark.phase == "try" and following.phase == "connect":
            continue
        phase: dict[str, Any] = {
            "phase": "wire" if mark.phase == "try" else mark.phase,
            "milliseconds": milliseconds(following.at - mark.at),
        }
        phases.append(phase if mark.status is None else {**phase, "status": mark.status})
    return phases


def plan_extensions(cost: Cost, limit: int, max_nodes: int) -> dict[str, Any]:
    """Return the `extensions` with the estimated calls of an operation, also of one above the limits."""
    calls = [
        {"upstream": operation.upstream.name, "operation": operation.name, "count": count}
        for operation, count in sorted(cost.calls.items(), key=_name)
        if count
    ]
    nodes = {"estimate": cost.nodes, "limit": max_nodes}
    return {"gateway": {"plan": {"estimate": cost.estimate, "limit": limit, "calls": calls, "nodes": nodes}}}


def _name(call: tuple[Operation, int]) -> tuple[str, str]:
    operation, _ = call
    return operation.upstream.name, operation.name


FACTS: Final = "gateway.facts"
"""Key of the ASGI scope: the operation's `OperationFacts`, where it may be logged."""


class OperationFacts(msgspec.Struct, eq=False):
    """Facts about one operation for the log, set by the steps that find them; operation lifetime.

    Attributes:
        query: The text of a persisted document.
        estimate: The estimated upstream calls.
        context: The context of the execution; None where the operation was not executed for this request.
    """

    query: str | None = None
    estimate: int | None = None
    context: Context | None = None


def facts_of(scope: Scope) -> OperationFacts | None:
    """Return the operation's facts, to be set; None where nothing is logged."""
    facts: OperationFacts | None = scope.get(FACTS)
    return facts
