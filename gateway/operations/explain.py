"""`X-Gateway-Explain: 1`: the upstream calls that an operation made, told in its answer."""

from typing import Any, Final

import msgspec
from starlette.types import Scope

from resolvers.context import Context
from resolvers.upstreams.call import CallTrace

HEADER: Final = (b"x-gateway-explain", b"1")


def traces_asked_for(scope: Scope) -> list[CallTrace] | None:
    """Where to note calls; None where the client did not ask for them."""
    return [] if HEADER in scope["headers"] else None


def traces_told(context: Context) -> dict[str, Any] | None:
    """The answer's `extensions`, with the calls in the order in which they ended."""
    traces = context.scope.traces
    return None if traces is None else {"gateway": {"calls": [msgspec.to_builtins(trace) for trace in traces]}}
