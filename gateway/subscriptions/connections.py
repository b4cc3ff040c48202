"""The common parts of long-lived connections: bounds, admission and keep-alive messages."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.auth.credentials import credentials_only
from gateway.http.compression import Compression
from gateway.settings.model import Settings
from resolvers.errors import Forbidden, GatewayError, RateLimited

logger = logging.getLogger(__name__)


class SubscriptionsConfig(msgspec.Struct, frozen=True):
    """Bounds and intervals of long-lived connections.

    Attributes:
        deadline_seconds: Time limit of one event, from the source to its response, and of one query.
        max_message_bytes: The largest request over HTTP; a WebSocket's messages are bounded by the server itself.
        connections_per_caller: How many connections a caller may have open in this process.
        operations_per_connection: How many operations may run over one WebSocket at the same time.
        init_seconds: How long a WebSocket may stay open without `connection_init`.
        keep_alive_seconds: The interval between two keep-alive messages on an open connection.
        close_seconds: How long closing waits for a client that does not read.
        compression: Compresses streamed responses; None sends all as they are.
    """

    deadline_seconds: float = 15.0
    max_message_bytes: int = 1_048_576
    connections_per_caller: int = 100
    operations_per_connection: int = 50
    init_seconds: float = 10.0
    keep_alive_seconds: float = 25.0
    close_seconds: float = 1.0
    compression: Compression | None = None


def subscriptions_config(settings: Settings, compression: Compression | None) -> SubscriptionsConfig:
    """Return the part of the settings that concerns long-lived connections."""
    return SubscriptionsConfig(
        deadline_seconds=settings.deadline_seconds,
        max_message_bytes=settings.max_body_bytes,
        connections_per_caller=settings.events.connections_per_caller,
        operations_per_connection=settings.events.subscriptions_per_connection,
        init_seconds=settings.events.init_timeout_seconds,
        keep_alive_seconds=settings.events.ping_seconds,
        compression=compression,
    )


class AuthenticateConnection(Protocol):
    """Authenticates the client of a connection; process lifetime."""

    async def __call__(self, scope: Scope, payload: Mapping[str, object] | None) -> Caller:
        """Return the caller; its `expires_at` bounds the connection.

        Args:
            scope: The ASGI scope, with the headers of the handshake or the request.
            payload: The payload of `connection_init`, or of a `ping` that renews the credentials; it may hold the
                members `Authorization` and `X-API-Key` in place of the headers. None over HTTP.

        Raises:
            GatewayError: The credentials are missing or wrong, or could not be checked.
        """
        ...


class OpenConnection(Protocol):
    """A connection that can be closed from outside."""

    def end(self) -> None:
        """Begin to close, in a way that makes the client connect again."""
        ...


class OpenConnections:
    """The open connections, counted by caller; process lifetime.

    Args:
        per_caller: How many connections a caller may have.
    """

    def __init__(self, per_caller: int) -> None:
        self._per_caller = per_caller
        self._of_callers: Counter[str] = Counter()
        self._open: set[OpenConnection] = set()
        self._admissions: set[SubscriptionAdmission] = set()
        self._accepting = True

    @property
    def accepting(self) -> bool:
        """Whether new connections may stay open."""
        return self._accepting

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def registered(self, connection: OpenConnection) -> Iterator[None]:
        """Register the connection for `end_all`; end it at once if that was called before."""
        self._open.add(connection)
        try:
            # The shutdown may have begun while the client was being admitted.
            if not self._accepting:
                connection.end()
            yield
        finally:
            self._open.discard(connection)

    def enter(self, caller: str, admission: "SubscriptionAdmission") -> None:
        """Count a connection as the caller's.

        Args:
            caller: The caller's name.
            admission: That of the connection, for `recheck`.

        Raises:
            RateLimited: The caller has as many as allowed.
        """
        if self._of_callers[caller] >= self._per_caller:
            raise RateLimited(f"Close some connections: this caller has {self._per_caller} open, which is the limit.")
        self._of_callers[caller] += 1
        self._admissions.add(admission)

    def leave(self, caller: str, admission: "SubscriptionAdmission") -> None:
        """Take a connection off the caller's count."""
        self._admissions.discard(admission)
        self._of_callers[caller] -= 1
        # Without this, the counter would keep the name of every caller that ever connected.
        if not self._of_callers[caller]:
            del self._of_callers[caller]

    async def recheck(self) -> None:
        """End the connections whose credentials no longer stand for their callers, after settings changed."""
        # A copy, because connections come and go meanwhile; those that come are checked by the new settings.
        for admission in tuple(self._admissions):
            try:
                await admission.recheck()
            except Exception:
                # One that cannot be checked must not keep the others from being ended.
                logger.exception("A connection was not checked after a reload, and stays open.")
            # Thousands of checks must not hold up the event loop.
            await asyncio.sleep(0)

    def end_all(self) -> None:
        """End every connection, now and from now on."""
        self._accepting = False
        # A copy, because a connection that ends leaves the set.
        for connection in tuple(self._open):
            connection.end()


class SubscriptionAdmission:
    """Admits the client of one connection while its credentials are valid; connection lifetime.

    Args:
        authenticate: Authenticates the client.
        connections: Counts the connections of each caller.
        now: The wall clock, in seconds since 1970.
        expired: Called once the credentials have expired.
        revoked: Called once changed settings have ended the admission: with what the client has to do where its
            credentials are refused, and with None where it may connect again.
    """

    __slots__ = ("_authenticate", "_caller", "_connections", "_expired", "_now", "_revoked", "_shown", "_timer")

    def __init__(
        self,
        authenticate: AuthenticateConnection,
        connections: OpenConnections,
        now: Callable[[], float],
        expired: Callable[[], None],
        revoked: Callable[[str | None], None],
    ) -> None:
        self._authenticate = authenticate
        self._connections = connections
        self._now = now
        self._expired = expired
        self._revoked = revoked
        self._shown: tuple[Scope, Mapping[str, object] | None] | None = None
        self._caller: Caller | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def caller(self) -> Caller | None:
        """The admitted caller; None before `admit`."""
        return self._caller

    async def admit(self, scope: Scope, payload: Mapping[str, object] | None) -> Caller:
        """Admit the client, or renew its admission with new credentials.

        Args:
            scope: The connection's ASGI scope.
            payload: Passed to `authenticate`.

        Raises:
            RateLimited: The caller has too many connections.
            Forbidden: The new credentials are not those of the admitted caller.
            GatewayError: The credentials are missing or wrong, or could not be checked.
        """
        caller = await self._authenticate(scope, payload)
        if self._caller is None:
            self._connections.enter(caller.name, self)
            self._caller = caller
        elif _rights(caller) != _rights(self._caller):
            # The operations that run already were allowed to the first caller only.
            raise Forbidden("Open a new connection: these credentials are another caller's, or allow something else.")
        self._expire_at(caller.expires_at)
        self._shown = scope, credentials_only(payload)
        return caller

    async def recheck(self) -> None:
        """End the connection if its credentials no longer stand for the admitted caller."""
        if self._shown is None:
            return
        try:
            found = await self._authenticate(*self._shown)
        except GatewayError as error:
            # What cannot be checked now is no reason: the connection stays until its credentials expire.
            if not error.retryable and self._caller is not None:
                self._revoked(error.message)
            return
        if self._caller is not None and _rights(found) != _rights(self._caller):
            self._revoked(None)

    def leave(self) -> None:
        """End the admission: take the connection off the caller's count."""
        self._expire_at(None)
        if self._caller is not None:
            self._connections.leave(self._caller.name, self)
            self._caller = self._shown = None

    def _expire_at(self, expires_at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if expires_at is not None:
            seconds = max(0.0, expires_at - self._now())
            self._timer = asyncio.get_running_loop().call_later(seconds, self._expired)


def _rights(caller: Caller) -> tuple[str, str]:
    return caller.name, caller.account.answer_identity


class Beat(Protocol):
    """Sends one keep-alive message."""

    def __call__(self) -> Coroutine[Any, Any, None]:
        """Send the message. Raises OSError if the client is gone."""
        ...


class Heartbeat:
    """Sends keep-alive messages at a fixed interval, so that no proxy closes an idle connection; connection lifetime.

    Args:
        seconds: The interval.
        beat: Sends one message; skipped while the previous one is still blocked by a client that does not read.
    """

    __slots__ = ("_beat", "_beating", "_loop", "_seconds", "_timer")

    def __init__(self, seconds: float, beat: Beat) -> None:
        self._seconds = seconds
        self._beat = beat
        self._beating: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        # A timer and no task, because each of thousands of connections has one.
        self._timer = self._loop.call_later(seconds, self._tick)

    def stop(self) -> None:
        """Stop the timer, and the message that is being sent."""
        self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()

    def _tick(self) -> None:
        if self._beating is None or self._beating.done():
            self._beating = self._loop.create_task(self._send())
        self._timer = self._loop.call_later(self._seconds, self._tick)

    async def _send(self) -> None:
        try:
            await self._beat()
        except OSError:
            # The client is gone; the reading side is about to find out.
            self._timer.cancel()
