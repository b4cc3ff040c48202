"""The connections that are open: how many a caller has, and how all of them end."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from resolvers.errors import RateLimited


class OpenConnection(Protocol):
    """Something that stays open until it is told to end."""

    def end(self) -> None:
        """Begin to close, in a way that tells the client to connect again elsewhere."""
        ...


class OpenConnections:
    """All open connections of the process; lives as long as it.

    Args:
        per_caller: How many a caller may have.
    """

    def __init__(self, per_caller: int) -> None:
        self._per_caller = per_caller
        self._of_callers: Counter[str] = Counter()
        self._open: set[OpenConnection] = set()
        self._accepting = True

    @property
    def accepting(self) -> bool:
        """Whether new ones may stay open."""
        return self._accepting

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def holding(self, connection: OpenConnection) -> Iterator[None]:
        """Have the connection ended with all the others; at once where no more are taken."""
        self._open.add(connection)
        try:
            if not self._accepting:
                connection.end()
            yield
        finally:
            self._open.discard(connection)

    def enter(self, caller: str) -> None:
        """Count a connection as the caller's.

        Args:
            caller: The caller's name.

        Raises:
            RateLimited: The caller has as many as allowed.
        """
        if self._of_callers[caller] >= self._per_caller:
            raise RateLimited(f"Close some connections: this caller has {self._per_caller} open, which is the limit.")
        self._of_callers[caller] += 1

    def leave(self, caller: str) -> None:
        """Count it no longer."""
        self._of_callers[caller] -= 1
        if not self._of_callers[caller]:
            del self._of_callers[caller]

    def end_all(self) -> None:
        """End every connection, and each that still comes."""
        self._accepting = False
        for connection in tuple(self._open):
            connection.end()
