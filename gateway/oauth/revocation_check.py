"""Makes the calls of a session while it lives: a WebSocket that it opened may still be there when it is revoked."""

from gateway.oauth.session_registry import SessionRegistry
from gateway.oauth.sessions import Session
from resolvers.errors import Unauthenticated, UpstreamAuth
from resolvers.upstreams.call import Answer, Call, Transport
from resolvers.upstreams.names import UpstreamName


class RevocationCheck:
    """Sends the calls of a session that has not been revoked; lives as long as the session's client.

    Args:
        inner: Sends them.
        session: Whose calls.
        registry: Knows whether it has been revoked.
    """

    def __init__(self, inner: Transport, session: Session, registry: SessionRegistry) -> None:
        self._inner = inner
        self._session = session
        self._registry = registry

    async def send(self, call: Call) -> Answer:
        """Send a call.

        Raises:
            UpstreamAuth: the session has ended.
        """
        try:
            await self._registry.check(self._session)
        except Unauthenticated as ended:
            raise UpstreamAuth(UpstreamName.LOGISTICS, ended.message) from None
        return await self._inner.send(call)
