"""How a record reaches a value that its wire form keeps further down."""

from operator import attrgetter
from typing import Any

from resolvers.errors import UpstreamBadAnswer
from resolvers.upstreams.names import UpstreamName


def at(path: str) -> Any:  # noqa: ANN401 - the attribute's type is the schema's to state
    """A read-only attribute whose value stands at a dotted path below the record.

    It is a property over an `attrgetter`, which the executor reads to go straight to the value.

    Args:
        path: Such as `attributes.status`.
    """
    return property(attrgetter(path))


class _Promised(property):
    """A value that the schema promises; class lifetime. It is raised for only where it is missing.

    The compiled executor reads the path itself, and asks here once it has found nothing there.
    """

    def __init__(self, path: str, upstream: UpstreamName) -> None:
        super().__init__(attrgetter(path))
        self._path = path
        self._upstream = upstream

    def __get__(self, record: Any, owner: type | None = None) -> Any:  # noqa: ANN401 - see `at`
        value = super().__get__(record, owner)
        if value is None:
            field = self._path.rpartition(".")[2].removeprefix("wire_")
            raise UpstreamBadAnswer(self._upstream, f"{self._upstream.name} answered a record without its {field}.")
        return value


def promised_at(path: str, upstream: UpstreamName) -> Any:  # noqa: ANN401 - see `at`
    """An attribute as of `at` that the schema promises: reading it fails where the upstream has sent none.

    Args:
        path: Such as `attributes.created_at`.
        upstream: Whose record it is.
    """
    return _Promised(path, upstream)
