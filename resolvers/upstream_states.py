"""The state of each upstream, as far as the gateway's own calls show it."""

from collections.abc import Iterable
from enum import Enum

import msgspec

from resolvers.accounts import Account
from resolvers.context import Context
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.health import Condition, UpstreamHealth


class UpstreamState(Enum):
    """The state of an upstream."""

    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    UNAVAILABLE = "UNAVAILABLE"
    UNCONFIGURED = "UNCONFIGURED"


class Upstream(msgspec.Struct, frozen=True):
    """One upstream's state; operation lifetime.

    Args:
        name: The upstream.
        state: Its state.
        last_error_code: The code of the last failed call; None where none has failed.
        retry_after_seconds: Seconds until calls are sent again; None where they are not held back.
    """

    name: UpstreamName
    state: UpstreamState
    last_error_code: str | None = None
    retry_after_seconds: float | None = None


def upstreams(context: Context) -> list[Upstream]:
    """Return the states of all upstreams, without a call."""
    # States are true only now, so the response is not cached.
    context.never_keep()
    return [upstream_of(context.account, name) for name in UpstreamName.known()]


def upstream_of(account: Account, name: UpstreamName) -> Upstream:
    """Return the state of an upstream for the calls of one account."""
    if not account.has(name):
        return Upstream(name, UpstreamState.UNCONFIGURED)
    addresses, identity = account.health.get(name, ()), account.calls_as(name)
    return Upstream(
        name,
        _state(address.condition(identity) for address in addresses),
        _last_error_code(addresses, identity),
        _retry_after(addresses, identity),
    )


def _state(conditions: Iterable[Condition]) -> UpstreamState:
    # One of several addresses that is down degrades the upstream; an address without calls yet does not count.
    known = set(conditions) - {Condition.UNASKED}
    if known <= {Condition.HEALTHY}:
        return UpstreamState.HEALTHY
    return UpstreamState.UNAVAILABLE if known == {Condition.UNAVAILABLE} else UpstreamState.DEGRADED


def _last_error_code(addresses: Iterable[UpstreamHealth], identity: str) -> str | None:
    errors = [error for address in addresses if (error := address.last_error(identity)) is not None]
    return max(errors, key=lambda error: error.at).code if errors else None


def _retry_after(addresses: Iterable[UpstreamHealth], identity: str) -> float | None:
    # A call is held back only where every address with calls so far holds it back.
    asked = [address for address in addresses if address.asked]
    waits = [wait for address in asked if (wait := address.retry_after(identity)) is not None]
    return min(waits) if waits and len(waits) == len(asked) else None
