"""Letting a connection in: who is at its other end, how many it has, and when its proof runs out."""

import asyncio
from collections.abc import Callable, Mapping

from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.subscriptions.authentication import AuthenticateConnection
from gateway.subscriptions.open_connections import OpenConnections
from resolvers.errors import Forbidden


class SubscriptionAdmission:
    """Who is at the other end; connection lifetime.

    Args:
        identify: Tells who it is.
        connections: Counts the caller's.
        now: The wall clock, in seconds since 1970.
        expired: Called once the proof has run out.
    """

    __slots__ = ("_caller", "_connections", "_expired", "_identify", "_now", "_timer")

    def __init__(
        self,
        identify: AuthenticateConnection,
        connections: OpenConnections,
        now: Callable[[], float],
        expired: Callable[[], None],
    ) -> None:
        self._identify = identify
        self._connections = connections
        self._now = now
        self._expired = expired
        self._caller: Caller | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def caller(self) -> Caller | None:
        """Who it is; None as long as nobody was let in."""
        return self._caller

    async def admit(self, scope: Scope, payload: Mapping[str, object] | None) -> Caller:
        """Let the caller in, or go on with it on new proof.

        Args:
            scope: ASGI's, of the connection.
            payload: Where `identify` may find the proof.

        Raises:
            RateLimited: The caller has too many connections.
            Forbidden: The new proof is somebody else's than the first.
            GatewayError: There is no good proof.
        """
        caller = await self._identify(scope, payload)
        if self._caller is None:
            self._connections.enter(caller.name)
            self._caller = caller
        elif _rights(caller) != _rights(self._caller):
            # What already runs on this connection was allowed to the first caller only.
            raise Forbidden("Open a new connection: these credentials are another caller's, or allow something else.")
        self._expire_at(caller.expires_at)
        return caller

    def leave(self) -> None:
        """Count the connection no longer."""
        self._expire_at(None)
        if self._caller is not None:
            self._connections.leave(self._caller.name)
            self._caller = None

    def _expire_at(self, expires_at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if expires_at is not None:
            seconds = max(0.0, expires_at - self._now())
            self._timer = asyncio.get_running_loop().call_later(seconds, self._expired)


def _rights(caller: Caller) -> tuple[str, str]:
    return caller.name, caller.account.answer_identity
