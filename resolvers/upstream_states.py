"""How each upstream is doing, as far as the gateway knows from its own calls."""

from enum import Enum

import msgspec

from resolvers.context import Context
from resolvers.upstreams.names import UpstreamName


class UpstreamState(Enum):
    """How an upstream is doing."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    UNAVAILABLE = "UNAVAILABLE"
    UNCONFIGURED = "UNCONFIGURED"


class Upstream(msgspec.Struct, frozen=True):
    """One upstream's state; lives one operation.

    Args:
        name: Which one.
        state: How it is doing.
        last_error_code: The code of the last failed call, if any.
        retry_after_seconds: When the next call will go out, where calls are held back.
    """

    name: UpstreamName
    state: UpstreamState
    last_error_code: str | None = None
    retry_after_seconds: float | None = None


async def upstreams(context: Context) -> list[Upstream]:
    """The three upstreams; asks none of them."""
    return [_state(context, name) for name in UpstreamName]


def _state(context: Context, name: UpstreamName) -> Upstream:
    if not context.account.has(name):
        return Upstream(name, UpstreamState.UNCONFIGURED)
    return Upstream(name, UpstreamState.HEALTHY)
