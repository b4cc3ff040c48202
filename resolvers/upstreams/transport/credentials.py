"""Adds an account's credentials to its calls: a fixed value, or a token that is renewed before it ends and after a 401.

After a 401 the credentials are renewed, if they can be, and the call is sent once more. All calls that need a new token
share one fetch of it.
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
"""How long before its end a token is renewed; at most a tenth of its lifetime."""


class FixedCredentials:
    """A value that never changes: a bearer token from the settings, or Basic. Lifetime: account."""

    renewable = False

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def bearer(cls, token: str) -> "FixedCredentials":
        """Return the credentials for a bearer token (RFC 6750)."""
        return cls(f"Bearer {token}")

    @classmethod
    def basic(cls, username: str, password: str) -> "FixedCredentials":
        """Return the credentials for a user name and a password (RFC 7617)."""
        return cls("Basic " + base64.b64encode(f"{username}:{password}".encode()).decode())

    def current(self) -> str:
        """Return the value."""
        return self._value

    async def authorization(self, scope: CallScope) -> str:
        """Return the value."""
        del scope
        return self._value

    async def renew(self, refused: str | None, scope: CallScope) -> bool:
        """Return False: there is no other value to try."""
        del refused, scope
        return False


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    Args:
        value: The token itself, hidden from repr.
        lifetime: Seconds until it ends; None where the upstream does not say.
    """

    value: str = field(repr=False)
    lifetime: float | None


FETCH_SECONDS: Final = 10.0
"""How long a fetch goes on although the call that began it has less time."""


FetchToken = Callable[[CallScope], Awaitable[Token]]


class TokenCredentials:
    """A bearer token, fetched when first needed, by one fetch at a time. Lifetime: account.

    Args:
        upstream: The upstream that gives the token.
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
        # The end of a token from the settings is unknown: a 401 shows it.
        self._renew_at = float("inf")
        self._fetching: asyncio.Task[str] | None = None

    def current(self) -> str | None:
        """Return the token; None where there is none or it ends soon."""
        return self._value if self._clock() < self._renew_at else None

    async def authorization(self, scope: CallScope) -> str:
        """Return the token, fetched first where there is none or it ends soon.

        Raises:
            UpstreamError: the token call failed, or took longer than the operation has.
        """
        if self._value is None or self._clock() >= self._renew_at:
            return await self._fetched(scope)
        return self._value

    async def renew(self, refused: str | None, scope: CallScope) -> bool:
        """Fetch another token, unless another call has done so since the refused one was read."""
        if self._value == refused:
            await self._fetched(scope)
        return True

    async def _fetched(self, scope: CallScope) -> str:
        """Return a new token, from the fetch in flight if there is one."""
        if self._fetching is None:
            # Without the traces of the operation and with time of its own, because the fetch may serve others, and a
            # refresh that is cut short may have used its refresh token up. It must get its turn in the time of the
            # operation, which learns at once where the upstream takes no calls for longer.
            deadline = max(scope.deadline, self._clock() + FETCH_SECONDS)
            self._fetching = asyncio.create_task(self._fetch_and_keep(CallScope(deadline, turn_by=scope.turn_by)))
            self._fetching.add_done_callback(self._forget_fetch)
        try:
            async with asyncio.timeout_at(scope.deadline):
                # Shielded, because the other calls that wait still need the token when this one is cancelled.
                return await asyncio.shield(self._fetching)
        except TimeoutError as error:
            message = f"{self._upstream.name} gave the gateway no token in time; try again later."
            raise UpstreamTimeout(self._upstream, message) from error

    async def _fetch_and_keep(self, scope: CallScope) -> str:
        try:
            token = await self._fetch(scope)
        except UpstreamRefusal as error:
            # Without the upstream's own text, because that may repeat the secret that it was sent.
            message = f"{self._upstream.name} refused to renew the gateway's token; its credentials must be renewed."
            raise UpstreamAuth(self._upstream, message) from error
        self._value = f"Bearer {token.value}"
        self._renew_at = self._clock() + _useful_seconds(token.lifetime)
        return self._value

    def _forget_fetch(self, task: "asyncio.Task[str]") -> None:
        self._fetching = None
        # Retrieved here, because asyncio logs an exception that is not, and all callers may have been cancelled.
        if not task.cancelled():
            task.exception()


def _useful_seconds(lifetime: float | None) -> float:
    # Used until an answer of 401, because nothing else then shows its end.
    if lifetime is None:
        return float("inf")
    # A tenth at most, because a token may last less than `AHEAD_SECONDS`.
    return lifetime - min(AHEAD_SECONDS, lifetime / 10)


class Credentials(Protocol):
    """The source of the `Authorization` header. Lifetime: account.

    Attributes:
        renewable: Whether a value that the upstream refuses can be replaced by another.
    """

    renewable: bool

    def current(self) -> str | None:
        """Return the header's value for the next call; None where it must be fetched first."""
        ...

    async def authorization(self, scope: CallScope) -> str | None:
        """Return the header's value for the next call, fetched first where needed.

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
    """Names the account on its calls for tokens, which carry no credentials in the header. Lifetime: account.

    Args:
        inner: The upstream's policies, shared by all accounts.
        identity: The account's name in pacing and logs; never a secret. Its limits are its own by this name.
    """

    def __init__(self, inner: Transport, identity: str) -> None:
        self._inner = inner
        self._identity = identity

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send under the account's name."""
        call.identity = self._identity
        return self._inner.send(call)


class Authorizing:
    """Sends every call of one account with its credentials. Lifetime: account.

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
        """Send with credentials, and once more with renewed ones after a 401."""
        call.identity = self._identity
        call.authorization = self._credentials.current()
        # No coroutine for fixed credentials, because it would cost each call more than the header does.
        if self._credentials.renewable or call.authorization is None:
            return self._send_renewing(call)
        return self._inner.send(call)

    async def _send_renewing(self, call: Call) -> Answer:
        if call.authorization is None:
            call.authorization = await self._credentials.authorization(_scope_of(call))
        answer = await self._inner.send(call)
        if answer.status != 401 or not await self._credentials.renew(call.authorization, _scope_of(call)):
            return answer
        # Even a call that must not be sent twice, because an upstream answers 401 before it acts.
        call.authorization = await self._credentials.authorization(_scope_of(call))
        return await self._inner.send(call)


def _scope_of(call: Call) -> CallScope:
    return CallScope(call.deadline, turn_by=call.turn_by)
