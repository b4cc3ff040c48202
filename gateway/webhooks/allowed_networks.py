"""Where a request really comes from, behind proxies too, and whether that is allowed."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> Address | None:
    """The address of the client; None where nobody can say.

    `X-Forwarded-For` is read from the right, as far as the proxies are trusted: whatever stands further left, the
    client may have written itself.

    Args:
        scope: ASGI's, of the request.
        trusted_proxies: Whose word on where a request came from is taken.
    """
    peer = scope.get("client")
    address = _address(peer[0]) if peer else None
    for hop in reversed(_forwarded_for(scope)):
        if address is None or not is_in(address, trusted_proxies):
            break
        address = _address(hop)
    return address


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    """Whether an address belongs to one of these networks."""
    return any(address in network for network in networks)


def _forwarded_for(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [hop.strip() for hop in ",".join(values).split(",") if hop.strip()]


def _address(text: str) -> Address | None:
    """Proxies may write a port behind the address, or brackets around it."""
    bare = text.partition("]")[0].lstrip("[") if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
