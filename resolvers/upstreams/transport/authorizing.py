"""Puts an account's name and credentials on its calls; on a 401 it asks for new ones and tries once more."""

from collections.abc import Awaitable
from typing import Protocol

from resolvers.upstreams.call import Answer, Call, CallScope, Transport


class Credentials(Protocol):
    """Where the value of the Authorization header comes from; account lifetime.

    Attributes:
        renewable: Whether a value that the upstream refuses may be replaced by another.
    """

    renewable: bool

    def at_hand(self) -> str | None:
        """The header's value for the next call, where it is there and good; None where it must be got first."""
        ...

    async def authorization(self, scope: CallScope) -> str | None:
        """The header's value for the next call, got or refreshed first where needed.

        Raises:
            UpstreamError: there is none to be had.
        """
        ...

    async def renew(self, refused: str | None, scope: CallScope) -> bool:
        """Replace a value that the upstream refused.

        Returns:
            Whether there is another value to try.
        """
        ...


class Identifying:
    """Sends an account's calls for tokens, which have no other credentials; account lifetime.

    Args:
        inner: The upstream's policies, shared by all accounts.
        identity: The account's name in pacing and logs, so that its limits are its own; never a secret.
    """

    def __init__(self, inner: Transport, identity: str) -> None:
        self._inner = inner
        self._identity = identity

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send under the account's name."""
        call.identity = self._identity
        return self._inner.send(call)


class Authorizing:
    """Sends every call of one account with its credentials; account lifetime.

    Args:
        inner: The upstream's policies, shared by all accounts.
        credentials: The account's own.
        identity: The account's name in caches, pacing and logs; never a secret.
    """

    def __init__(self, inner: Transport, credentials: Credentials, identity: str) -> None:
        self._inner = inner
        self._credentials = credentials
        self._identity = identity

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send with credentials; once more with new ones after a 401, which the upstream answers before it acts."""
        call.identity = self._identity
        call.authorization = self._credentials.at_hand()
        if self._credentials.renewable or call.authorization is None:
            return self._send_renewing(call)
        return self._inner.send(call)

    async def _send_renewing(self, call: Call) -> Answer:
        if call.authorization is None:
            call.authorization = await self._credentials.authorization(_scope_of(call))
        answer = await self._inner.send(call)
        if answer.status != 401 or not await self._credentials.renew(call.authorization, _scope_of(call)):
            return answer
        call.authorization = await self._credentials.authorization(_scope_of(call))
        return await self._inner.send(call)


def _scope_of(call: Call) -> CallScope:
    return CallScope(call.deadline, turn_by=call.turn_by)
