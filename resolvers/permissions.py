"""What a caller may do: a scope for each upstream and verb, required where a field begins to ask or to change."""

from enum import Enum
from typing import Final

from resolvers.errors import Forbidden
from resolvers.upstreams.names import UpstreamName


class Scope(Enum):
    """The right to read from one upstream, or to write to it."""

    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_WRITE = "deliveries:write"
    SMS_READ = "sms:read"
    SMS_WRITE = "sms:write"
    LOGISTICS_READ = "logistics:read"
    LOGISTICS_WRITE = "logistics:write"

    # Every field that asks an upstream looks one up, and Enum's own hash runs in Python.
    __hash__ = object.__hash__


ALL_SCOPES: Final = frozenset(Scope)

LOGISTICS_SCOPES: Final = frozenset({Scope.LOGISTICS_READ, Scope.LOGISTICS_WRITE})

READ_SCOPES: Final = {
    UpstreamName.DELIVERIES: Scope.DELIVERIES_READ,
    UpstreamName.SMS: Scope.SMS_READ,
    UpstreamName.LOGISTICS: Scope.LOGISTICS_READ,
}

KIND_UPSTREAMS: Final = {
    "Delivery": UpstreamName.DELIVERIES,
    "Product": UpstreamName.DELIVERIES,
    "DspUploadIdentification": UpstreamName.DELIVERIES,
    "SmsJob": UpstreamName.SMS,
    "Recipient": UpstreamName.SMS,
    "LogisticsTask": UpstreamName.LOGISTICS,
    "Organization": UpstreamName.LOGISTICS,
}
"""The upstream that a kind of thing belongs to, for every kind that a global ID can name."""


def require(scopes: frozenset[Scope], scope: Scope) -> None:
    """Let only a caller with this scope go on.

    Args:
        scopes: What the caller may do.
        scope: What is about to be done.

    Raises:
        Forbidden: it is not among them.
    """
    if scope not in scopes:
        raise Forbidden(
            f"This needs the scope {scope.value}, which the caller does not have; ask the gateway's operator for it."
        )
