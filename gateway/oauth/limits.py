"""How many logins may be tried: each one that comes back asks the logistics API, whoever sent it."""

from ipaddress import IPv6Address, ip_address
from typing import Final

from starlette.types import Scope

from gateway.operations.cost.budget import MINUTE, Buckets
from resolvers.errors import RateLimited

_ALL: Final = "all"
_IPV6_NETWORK_BITS: Final = 64
"""One customer of a provider has at least so much to choose addresses from."""


class LoginLimits:
    """Bounds the requests of logins by address and in all; process lifetime.

    Args:
        buckets: Where it is counted.
        by_address: Requests a minute of one address, or of one IPv6 network of 64 bits.
        in_all: Requests a minute of all addresses together.
    """

    def __init__(self, buckets: Buckets, by_address: int, in_all: int) -> None:
        self._buckets = buckets
        self._by_address = by_address
        self._in_all = in_all
        self.refused = 0
        """How many requests were refused."""

    async def admit(self, scope: Scope) -> None:
        """Let one request of a login pass.

        Raises:
            RateLimited: There were too many in the last minute.
        """
        await self._take(_source(scope), self._by_address)
        await self._take(_ALL, self._in_all)

    async def _take(self, source: str, capacity: int) -> None:
        level = await self._buckets.take(source, 1, capacity)
        if not level.granted:
            self.refused += 1
            wait = (1 - level.calls) * MINUTE / capacity
            raise RateLimited(
                "There were too many logins from here; wait a little, then start again.", retry_after=wait
            )


def _source(scope: Scope) -> str:
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> (128 - _IPV6_NETWORK_BITS))
    return str(address)
