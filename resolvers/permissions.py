"""What a caller may do: a scope for each upstream and verb, required where a field begins to read or to change."""

from functools import cache
from typing import NamedTuple

from resolvers.errors import Forbidden
from resolvers.upstreams.names import UpstreamName

VERBS = ("read", "write")


class Scope(NamedTuple):
    """The right to read from one upstream, or to write to it.

    Args:
        upstream: Which one.
        verb: One of `VERBS`.
    """

    upstream: UpstreamName
    verb: str

    def __str__(self) -> str:
        """As tokens and settings spell it, such as `deliveries:read`."""
        return f"{self.upstream.name.lower()}:{self.verb}"


@cache
def read_scope(upstream: UpstreamName) -> Scope:
    """Return the scope that reading from an upstream takes."""
    return Scope(upstream, "read")


@cache
def write_scope(upstream: UpstreamName) -> Scope:
    """Return the scope that changing anything at an upstream takes."""
    return Scope(upstream, "write")


def scopes_of(upstream: UpstreamName) -> frozenset[Scope]:
    """Return all scopes of one upstream."""
    return frozenset({read_scope(upstream), write_scope(upstream)})


def all_scopes() -> frozenset[Scope]:
    """Return the scopes of all upstreams that are known by now."""
    return frozenset(Scope(upstream, verb) for upstream in UpstreamName.known() for verb in VERBS)


def scopes_named() -> dict[str, Scope]:
    """Return all scopes by the words that tokens and settings spell them with."""
    return {str(scope): scope for scope in all_scopes()}


def require(scopes: frozenset[Scope], scope: Scope) -> None:
    """Raise unless a caller has a scope.

    Args:
        scopes: What the caller may do.
        scope: What is about to be done.

    Raises:
        Forbidden: it is not among them.
    """
    if scope not in scopes:
        raise Forbidden(
            f"This needs the scope {scope}, which the caller does not have; ask the gateway's operator for it."
        )
