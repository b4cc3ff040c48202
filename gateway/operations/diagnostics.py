"""What is collected about one operation beside its response, for its client and for the operation log.

With `X-Gateway-Explain: 1` a client gets the upstream calls that its operation made, with `plan` those that it would
make. The log gets the same calls and `OperationFacts`. Both collectors are in the request's ASGI scope, so that steps
which collect nothing pass them on unseen.
"""

from typing import Any, Final

import msgspec
from starlette.types import Scope

from gateway.operations.cost.estimates import Cost
from resolvers.context import Context
from resolvers.upstreams.call import CallTrace
from resolvers.upstreams.operations import Operation

TRACES: Final = "gateway.traces"
"""The key of the ASGI scope under which somebody wants to see an operation's calls, a list of `CallTrace`."""

HEADER: Final = (b"x-gateway-explain", b"1")
PLAN_HEADER: Final = (b"x-gateway-explain", b"plan")


def explains(scope: Scope) -> bool:
    """Whether the client wants to know of calls, and no response that was made for somebody else."""
    headers = scope["headers"]
    return HEADER in headers or PLAN_HEADER in headers


def traces_asked_for(scope: Scope) -> list[CallTrace] | None:
    """Where to note calls; None where nobody asked for them."""
    traces: list[CallTrace] | None = scope.get(TRACES)
    return [] if traces is None and HEADER in scope["headers"] else traces


def plan_asked_for(scope: Scope) -> bool:
    """Whether the operation is not to be run but planned."""
    return PLAN_HEADER in scope["headers"]


def traces_told(context: Context) -> list[dict[str, Any]]:
    """Return `extensions.gateway.calls`: the calls in the order in which they ended."""
    return [shown_call(trace) for trace in context.scope.traces or ()]


def shown_call(trace: CallTrace) -> dict[str, Any]:
    """Return one call as a client sees it."""
    return {
        "upstream": trace.upstream.name,
        "method": trace.method,
        "path": trace.path,
        "status": trace.status,
        "milliseconds": trace.milliseconds,
        "cache": trace.cache,
        "tries": trace.tries,
    }


def plan_told(cost: Cost, limit: int, max_nodes: int) -> dict[str, Any]:
    """The response's `extensions`, with the calls that the operation would make; the plan of one too many too."""
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
"""The key of the ASGI scope that holds the operation's `OperationFacts`, if it may be logged."""


class OperationFacts(msgspec.Struct, eq=False):
    """What is known of one operation; operation lifetime. Each step sets what it learns.

    Attributes:
        query: The text of a persisted document.
        estimate: The upstream calls that it was estimated at.
        context: What it was executed with; None where it was not executed for this request.
    """

    query: str | None = None
    estimate: int | None = None
    context: Context | None = None


def facts_of(scope: Scope) -> OperationFacts | None:
    """Return where to note what is learnt of an operation; None where nothing is logged."""
    facts: OperationFacts | None = scope.get(FACTS)
    return facts
