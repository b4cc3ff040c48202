"""Who is at the other end of a connection that stays open."""

from collections.abc import Mapping
from typing import Protocol

from starlette.types import Scope

from gateway.auth.callers import Caller


class AuthenticateConnection(Protocol):
    """Tells who is at the other end of a connection."""

    async def __call__(self, scope: Scope, payload: Mapping[str, object] | None) -> Caller:
        """Tell who it is, and by `expires_at` how long that holds.

        Args:
            scope: ASGI's, with the headers of the handshake or the request.
            payload: What the client sent with `connection_init`, or with a `ping` that renews its proof; it may hold
                what the headers `Authorization` and `X-API-Key` would. None over HTTP.

        Raises:
            GatewayError: The credentials are missing or wrong, or could not be checked.
        """
        ...
