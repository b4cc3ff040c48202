"""Tickets stand for credentials once, in the store of one process as in that of many."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.auth.credentials import CallerCredentials
from gateway.auth.tickets import LocalTickets, RedisTickets, Tickets, TicketStore
from resolvers.errors import EventsUnavailable, RateLimited, Unauthenticated
from tests.auth.clocks import Clock
from tests.redis_server import client_of

BOTH = CallerCredentials("planted-key", "gws_planted")
LIMIT = 3


@pytest.fixture(params=["local", "redis"])
async def store(request: pytest.FixtureRequest, redis_url: str, redis_prefix: str) -> AsyncIterator[TicketStore]:
    if request.param == "local":
        yield LocalTickets(LIMIT, Clock())
        return
    async with client_of(redis_url) as redis:
        yield RedisTickets(redis, redis_prefix, LIMIT)


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        (CallerCredentials("a.b.c"), [(b"authorization", b"Bearer a.b.c")]),
        (CallerCredentials("a", only_key=True), [(b"x-api-key", b"a")]),
        (CallerCredentials(None, "gws_s"), [(b"authorization", b"Bearer gws_s")]),
        (BOTH, [(b"authorization", b"Bearer gws_planted"), (b"authorization", b"Bearer planted-key")]),
        (CallerCredentials(), []),
    ],
)
async def test_a_ticket_stands_for_the_credentials_that_it_was_given_for(
    store: TicketStore, credentials: CallerCredentials, headers: list[tuple[bytes, bytes]]
) -> None:
    tickets = Tickets(store, 30)

    ticket = await tickets.issue("key:shop", credentials)

    assert list(await tickets.redeem(ticket)) == headers


async def test_a_ticket_can_be_used_once_however_many_try_at_the_same_time(store: TicketStore) -> None:
    tickets = Tickets(store, 30)
    ticket = await tickets.issue("key:shop", BOTH)

    tries = await asyncio.gather(*(tickets.redeem(ticket) for _ in range(20)), return_exceptions=True)

    assert sorted(type(one).__name__ for one in tries) == ["Unauthenticated"] * 19 + ["tuple"]


@pytest.mark.parametrize("change", [str.upper, lambda ticket: ticket[:-1], lambda _: "", lambda ticket: ticket * 9])
async def test_another_text_is_no_ticket_and_uses_none_up(store: TicketStore, change: Callable[[str], str]) -> None:
    tickets = Tickets(store, 30)
    ticket = await tickets.issue("key:shop", BOTH)

    with pytest.raises(Unauthenticated, match="POST /graphql/ticket"):
        await tickets.redeem(change(ticket))

    assert await tickets.redeem(ticket)


async def test_a_caller_may_have_so_many_tickets_at_a_time(store: TicketStore) -> None:
    tickets = Tickets(store, 30)
    mine = [await tickets.issue("key:shop", BOTH) for _ in range(LIMIT)]

    with pytest.raises(RateLimited) as refused:
        await tickets.issue("key:shop", BOTH)
    await tickets.issue("key:app", BOTH)
    await tickets.redeem(mine[0])

    assert refused.value.retry_after == 30
    assert await tickets.issue("key:shop", BOTH)


async def test_a_ticket_ends_with_its_time_and_makes_room_for_another() -> None:
    clock = Clock()
    tickets = Tickets(LocalTickets(1, clock), 30)
    ticket = await tickets.issue("key:shop", BOTH)

    clock.advance(30)

    with pytest.raises(Unauthenticated):
        await tickets.redeem(ticket)
    assert await tickets.issue("key:shop", BOTH)


async def test_all_that_redis_keeps_of_tickets_ends_with_their_time(redis_url: str, redis_prefix: str) -> None:
    async with client_of(redis_url) as redis:
        await Tickets(RedisTickets(redis, redis_prefix, LIMIT), 30).issue("key:shop", BOTH)

        left = [await redis.pttl(key) async for key in redis.scan_iter(f"{redis_prefix}*")]

    assert len(left) == 2
    assert all(0 < milliseconds <= 30_000 for milliseconds in left)


async def test_the_store_holds_neither_tickets_nor_credentials(redis_url: str, redis_prefix: str) -> None:
    async with client_of(redis_url) as redis:
        ticket = await Tickets(RedisTickets(redis, redis_prefix, LIMIT), 30).issue("key:shop", BOTH)

        keys = [bytes(key) async for key in redis.scan_iter(f"{redis_prefix}*")]
        kept = b"".join([key + (await redis.dump(key) or b"") for key in keys])

    assert ticket.encode() not in kept
    assert b"planted" not in kept


async def test_without_redis_no_ticket_is_given_or_used() -> None:
    async with client_of("redis://127.0.0.1:1") as redis:
        tickets = Tickets(RedisTickets(redis, "test:", LIMIT), 30)

        with pytest.raises(EventsUnavailable):
            await tickets.issue("key:shop", BOTH)
        with pytest.raises(EventsUnavailable):
            await tickets.redeem("gwt_1")
