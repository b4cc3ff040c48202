"""Origins as browsers send them and operators list them."""

import re
from functools import lru_cache
from typing import Final

from resolvers.upstreams.transport.wire.origin import is_loopback

Origin = tuple[str, str, int]
"""Scheme, host and port; the port is 0 for the scheme of an app, such as `capacitor`, that has none."""

LOOPBACK_ORIGINS: Final = tuple(
    f"{scheme}://{host}:*" for scheme in ("http", "https") for host in ("localhost", "127.0.0.1", "[::1]")
)
"""Pages that are served on this machine, at whatever port, as operators list them."""

_ANY_PORT: Final = -1
_PORTS: Final = {"http": 80, "https": 443}
_origin = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/?").fullmatch


@lru_cache(128)
def parse_origin(text: str) -> Origin | None:
    """Read an origin such as "https://app.example.com:8443"; None for what is none, "null" among it."""
    found = _origin(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    return scheme, host, int(port) if port else _PORTS.get(scheme, 0)


class ListedOrigins:
    """The origins of other sites that an operator lists; process lifetime.

    Args:
        listed: Such as "https://app.example.com", "capacitor://localhost", or "http://localhost:*" for every port of
            this machine.

    Raises:
        ValueError: One of them is no origin, or a wildcard for more than the ports of this machine.
    """

    def __init__(self, listed: tuple[str, ...] = ()) -> None:
        self._listed = frozenset(listed_origin(text) for text in listed)

    def __contains__(self, origin: Origin | None) -> bool:
        """Whether an origin is listed."""
        return origin is not None and (origin in self._listed or (*origin[:2], _ANY_PORT) in self._listed)


def listed_origin(text: str) -> Origin:
    """Read an origin as operators list them.

    Raises:
        ValueError: It is none; the message names it and what would be right.
    """
    exact = text.removesuffix(":*")
    origin = parse_origin(exact)
    if "*" in exact or (origin is not None and exact != text and not is_loopback(origin[1])):
        raise ValueError(
            f"{text!r} would let sites ask that nobody has named, with their visitors' sessions: list each origin; "
            "only the port of localhost may be *"
        )
    if origin is None:
        raise ValueError(f"{text!r} is no origin; one looks like https://app.example.com, without a path")
    return (*origin[:2], _ANY_PORT) if exact != text else origin
