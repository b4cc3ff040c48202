"""The credentials on an account's calls: a fixed value, or a token that is renewed ahead of its end and after a 401.

On a 401 the credentials are renewed, if they can be, and the call is sent once more.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from resolvers.errors import UpstreamAuth, UpstreamRefusal, UpstreamTimeout
from resolvers.upstreams.call import Answer, Call, CallScope, Transport
from resolvers.upstreams.names import UpstreamName

AHEAD_SECONDS: Final = 60.0
"""How long before its end a token is renewed; at most a tenth of its life."""


class FixedCredentials:
    """A value that never changes: a bearer token from the settings, or Basic; account lifetime."""

    renewable = False

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def bearer(cls, token: str) -> "FixedCredentials":
        """A bearer token."""
        return cls(f"Bearer {token}")

    @classmethod
    def basic(cls, username: str, password: str) -> "FixedCredentials":
        """User name and password (RFC 7617)."""
        return cls("Basic " + base64.b64encode(f"{username}:{password}".encode()).decode())

    def at_hand(self) -> str:
        """The value, always."""
        return self._value

    async def authorization(self, scope: CallScope) -> str:
        """The value, whatever the call."""
        del scope
        return self._value

    async def renew(self, refused: str | None, scope: CallScope) -> bool:
        """There is no other value to try."""
        del refused, scope
        return False


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    Args:
        value: The token itself, hidden from repr.
        lifetime: Seconds from now until it ends; None where the upstream does not say.
    """

    value: str = field(repr=False)
    lifetime: float | None


FetchToken = Callable[[CallScope], Awaitable[Token]]


class TokenCredentials:
    """A bearer token, fetched when first needed, one fetch at a time for all; account lifetime.

    Args:
        upstream: Whose token it is.
        fetch: Gets a new token from the upstream.
        clock: The event loop's clock, in seconds.
        first: A token that is already known, if any.
    """

    renewable = True

    def __init__(
        self, upstream: UpstreamName, fetch: FetchToken, clock: Callable[[], float], *, first: str | None = None
    ) -> None:
        self._upstream = upstream
        self._fetch = fetch
        self._clock = clock
        self._value = f"Bearer {first}" if first else None
        self._renew_at = float("inf")
        self._fetching: asyncio.Task[str] | None = None

    def at_hand(self) -> str | None:
        """The token, unless there is none or it is about to end."""
        return self._value if self._clock() < self._renew_at else None

    async def authorization(self, scope: CallScope) -> str:
        """The token, fetched first where there is none or it is about to end.

        Raises:
            UpstreamError: the token call failed, or took longer than the operation has.
        """
        if self._value is None or self._clock() >= self._renew_at:
            return await self._fetched(scope)
        return self._value

    async def renew(self, refused: str | None, scope: CallScope) -> bool:
        """Fetch another token, unless somebody else has done so since the refused one was read."""
        if self._value == refused:
            await self._fetched(scope)
        return True

    async def _fetched(self, scope: CallScope) -> str:
        """The fetch belongs to all who wait: one who gives up does not cancel it for the others."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_and_keep(CallScope(scope.deadline, turn_by=scope.turn_by)))
            self._fetching.add_done_callback(self._forget_fetch)
        try:
            async with asyncio.timeout_at(scope.deadline):
                return await asyncio.shield(self._fetching)
        except TimeoutError as error:
            message = f"{self._upstream.name} gave the gateway no token in time; try again later."
            raise UpstreamTimeout(self._upstream, message) from error

    async def _fetch_and_keep(self, scope: CallScope) -> str:
        try:
            token = await self._fetch(scope)
        except UpstreamRefusal as error:
            # Its own words may repeat what it was sent, and that was a secret.
            message = f"{self._upstream.name} refused to renew the gateway's token; its credentials must be renewed."
            raise UpstreamAuth(self._upstream, message) from error
        self._value = f"Bearer {token.value}"
        self._renew_at = self._clock() + _useful_seconds(token.lifetime)
        return self._value

    def _forget_fetch(self, task: "asyncio.Task[str]") -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()


def _useful_seconds(lifetime: float | None) -> float:
    if lifetime is None:
        return float("inf")
    return lifetime - min(AHEAD_SECONDS, lifetime / 10)


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
            UpstreamError: no token could be fetched.
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
