"""Tickets: they stand for a caller's credentials once, where a browser cannot send headers.

Theory of operation
-------------------
A browser's EventSource sends no headers, and what an address holds ends up in logs. So a page gets a ticket by a POST
with its credentials, and opens the stream with the ticket in the address::

    POST /graphql/ticket  --> credentials, encrypted by a key that is derived from the ticket, under the ticket's hash
    GET  /graphql?ticket= --> taken and deleted in one step, decrypted, and authenticated like those of any request

The store therefore holds neither tickets nor credentials: without the ticket, its content opens nothing. As the
credentials are checked again when the ticket is used, a ticket is worth no more than they are by then.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final, Protocol

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from redis.asyncio import Redis

from gateway.auth.credentials import CallerCredentials
from gateway.operations.request import Header
from resolvers.errors import EventsUnavailable, RateLimited, Unauthenticated
from resolvers.redis_failures import FAILURES

TICKET_PREFIX: Final = "gwt_"
"""The beginning of each ticket, by which secret scanners find it."""

MAX_TICKETS: Final = 10_000
"""Tickets of all callers that one process keeps, used without Redis."""

_MAX_LENGTH: Final = 100
_END: Final = b"\n"

ADD: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if #redis.call('ZRANGE', KEYS[1], 0, -1) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
"""Notes a ticket of a caller, unless there are too many. KEYS: the caller's. ARGV: hash, limit, milliseconds."""

TAKE: Final = """
local kept = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return kept
"""
"""Returns what is kept of a ticket and deletes it, in one step."""


class TicketStore(Protocol):
    """Keeps what tickets stand for, each to be taken once; process lifetime."""

    async def add(self, caller: str, digest: str, content: bytes, seconds: float) -> bool:
        """Keep the content of a ticket; return whether the caller may have one more.

        Args:
            caller: The caller's name.
            digest: The ticket's hash.
            content: What it stands for, encrypted.
            seconds: How long it is kept.

        Raises:
            EventsUnavailable: The store cannot be reached.
        """
        ...

    async def take(self, digest: str) -> bytes | None:
        """Return the content of a ticket and forget it; None where there is none. Raises as `add` does."""
        ...


class LocalTickets:
    """Tickets of one process; process lifetime, bounded.

    Args:
        per_caller: How many unused ones a caller may have.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, per_caller: int, clock: Callable[[], float]) -> None:
        self._per_caller = per_caller
        self._clock = clock
        # In the order in which they expire, since all are kept equally long.
        self._kept: dict[str, tuple[str, bytes, float]] = {}
        self._of_callers: Counter[str] = Counter()

    async def add(self, caller: str, digest: str, content: bytes, seconds: float) -> bool:
        """Keep the content of a ticket; see `TicketStore.add`."""
        self._drop_expired()
        if self._of_callers[caller] >= self._per_caller or len(self._kept) >= MAX_TICKETS:
            return False
        self._kept[digest] = caller, content, self._clock() + seconds
        self._of_callers[caller] += 1
        return True

    async def take(self, digest: str) -> bytes | None:
        """Return the content of a ticket and forget it; see `TicketStore.take`."""
        self._drop_expired()
        return self._forget(digest)

    def _drop_expired(self) -> None:
        now = self._clock()
        while self._kept and (first := next(iter(self._kept))) and self._kept[first][2] <= now:
            self._forget(first)

    def _forget(self, digest: str) -> bytes | None:
        caller, content, _ = self._kept.pop(digest, (None, None, 0.0))
        if caller is not None:
            self._of_callers[caller] -= 1
            # Without this, the counter would keep the name of every caller that ever had a ticket.
            if not self._of_callers[caller]:
                del self._of_callers[caller]
        return content


class RedisTickets:
    """Tickets of all processes; process lifetime.

    Args:
        redis: A client with timeouts.
        prefix: The beginning of every key.
        per_caller: How many unused ones a caller may have.
    """

    def __init__(self, redis: Redis, prefix: str, per_caller: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._per_caller = per_caller
        self._add = redis.register_script(ADD)
        self._take = redis.register_script(TAKE)

    async def add(self, caller: str, digest: str, content: bytes, seconds: float) -> bool:
        """Keep the content of a ticket; see `TicketStore.add`."""
        milliseconds = int(seconds * 1000)
        try:
            noted = await self._add(keys=[self._list_key(caller)], args=[digest, self._per_caller, milliseconds])
            if noted:
                await self._redis.set(self._key(digest), caller.encode() + _END + content, px=milliseconds)
        except FAILURES as error:
            raise _unavailable() from error
        return bool(noted)

    async def take(self, digest: str) -> bytes | None:
        """Return the content of a ticket and forget it; see `TicketStore.take`."""
        try:
            kept = await self._take(keys=[self._key(digest)])
            if kept is None:
                return None
            caller, _, content = (kept.encode() if isinstance(kept, str) else bytes(kept)).rpartition(_END)
            await self._redis.zrem(self._list_key(caller.decode()), digest)
        except FAILURES as error:
            raise _unavailable() from error
        return content

    def _list_key(self, caller: str) -> str:
        return f"{self._prefix}tickets-of:{caller}"

    def _key(self, digest: str) -> str:
        return f"{self._prefix}ticket:{digest}"


class Tickets:
    """Issues tickets, and returns what they stand for; process lifetime.

    Args:
        store: Keeps what they stand for.
        seconds: How long a ticket can be used.

    Attributes:
        seconds: As above.
    """

    def __init__(self, store: TicketStore, seconds: float) -> None:
        self._store = store
        self.seconds = seconds

    async def issue(self, caller: str, credentials: CallerCredentials) -> str:
        """Return a new ticket.

        Args:
            caller: The caller's name.
            credentials: What it stands for; they have been checked.

        Raises:
            RateLimited: The caller has too many tickets.
            EventsUnavailable: The tickets cannot be kept.
        """
        ticket = TICKET_PREFIX + token_urlsafe(32)
        content = _cipher(ticket).encrypt(msgspec.json.encode(credentials))
        if not await self._store.add(caller, _digest(ticket), content, self.seconds):
            raise RateLimited(
                "Open streams with the tickets that you have first: a caller may have no more of them.",
                retry_after=self.seconds,
            )
        return ticket

    async def redeem(self, ticket: str) -> tuple[Header, ...]:
        """Use a ticket up, and return the request headers that it stands for.

        Raises:
            Unauthenticated: There is no such ticket, or none any more.
            EventsUnavailable: The tickets cannot be read.
        """
        content = await self._store.take(_digest(ticket)) if len(ticket) <= _MAX_LENGTH else None
        try:
            opened = None if content is None else _cipher(ticket).decrypt(content)
        except InvalidToken:
            opened = None
        if opened is None:
            raise Unauthenticated(
                "Get a new ticket by POST /graphql/ticket: this one is unknown, has been used, or is too old."
            )
        return _headers(msgspec.json.decode(opened, type=CallerCredentials))


def build_tickets(redis: Redis | None, prefix: str, per_caller: int, seconds: float) -> Tickets:
    """Return the tickets of all processes that share a Redis, or of this one.

    Args:
        redis: The Redis; None for a process of its own.
        prefix: The beginning of every key.
        per_caller: How many unused ones a caller may have.
        seconds: How long a ticket can be used.
    """
    if redis is not None:
        return Tickets(RedisTickets(redis, prefix, per_caller), seconds)
    return Tickets(LocalTickets(per_caller, lambda: asyncio.get_running_loop().time()), seconds)


def _digest(ticket: str) -> str:
    return sha256(b"gateway ticket\n" + ticket.encode()).hexdigest()


def _cipher(ticket: str) -> Fernet:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"gateway ticket")
    return Fernet(urlsafe_b64encode(derivation.derive(ticket.encode())))


def _headers(credentials: CallerCredentials) -> tuple[Header, ...]:
    bearers = [credentials.session, None if credentials.only_key else credentials.key]
    shown = [(b"authorization", b"Bearer " + one.encode()) for one in bearers if one is not None]
    if credentials.only_key and credentials.key is not None:
        shown.append((b"x-api-key", credentials.key.encode()))
    return tuple(shown)


def _unavailable() -> EventsUnavailable:
    return EventsUnavailable("No ticket can be given or used now, because Redis does not answer. Try again later.")
