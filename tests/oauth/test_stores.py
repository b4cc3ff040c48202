"""Both places where sessions can be kept do the same."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest
from redis.asyncio import Redis

from gateway.oauth.redis_store import RedisSessions
from gateway.oauth.sealing import Seal
from gateway.oauth.session_registry import SessionRegistry
from gateway.oauth.session_store import Session, SessionStore, SessionStoreUnavailable
from gateway.oauth.sqlite_store import SqliteSessions
from resolvers.errors import Unauthenticated
from resolvers.upstreams.logistics.tokens import LogisticsTokenPair
from tests.oauth.gateways import SESSIONS, TASKS, codes, running_gateway
from tests.redis_server import RedisServer, client_of

NOW = time.time()

UNAVAILABLE = {"code": "UPSTREAM_UNAVAILABLE", "upstream": "LOGISTICS", "retryable": True, "retryAfter": 1.0}


def session(number: int, *, subject: str = "person:mei", lifetime: float = 3600) -> Session:
    return Session(f"id-{number}", f"hash-{number}", subject, b"sealed \xff", NOW + number, NOW + lifetime)


@pytest.fixture(params=["sqlite", "redis"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, redis_url: str, redis_prefix: str
) -> AsyncIterator[SessionStore]:
    store: SessionStore
    if request.param == "sqlite":
        store = SqliteSessions(tmp_path / "sessions.sqlite3", lambda: NOW)
    else:
        store = RedisSessions(client_of(redis_url), redis_prefix, lambda: NOW)
    yield store
    await store.close()


async def test_a_session_is_found_by_the_hash_of_its_token(store: SessionStore) -> None:
    await store.add(session(1))

    assert await store.find("hash-1") == session(1)
    assert await store.find("hash-2") is None
    assert await store.find("id-1") is None


async def test_the_sessions_of_a_person_are_listed_in_order(store: SessionStore) -> None:
    for number in (2, 1, 3):
        await store.add(session(number))
    await store.add(session(4, subject="person:ravi"))

    assert await store.of_subject("person:mei") == [session(1), session(2), session(3)]
    assert await store.of_subject("person:nobody") == []


async def test_a_revoked_session_is_gone_and_no_new_tokens_bring_it_back(store: SessionStore) -> None:
    await store.add(session(1))
    await store.remove(session(1))

    await store.reseal(session(1), b"new")

    assert await store.find("hash-1") is None
    assert await store.of_subject("person:mei") == []


async def test_new_tokens_take_the_place_of_the_old(store: SessionStore) -> None:
    await store.add(session(1))

    await store.reseal(session(1), b"new")

    found = await store.find("hash-1")
    assert found is not None
    assert found.sealed == b"new"
    assert found.expires_at == session(1).expires_at


async def test_tokens_stay_that_were_stored_after_those_that_were_read(store: SessionStore) -> None:
    await store.add(session(1))
    await store.reseal(session(1), b"refreshed \xff")

    await store.reseal(session(1), b"sealed again", only_as_read=True)
    found = await store.find("hash-1")
    assert found is not None
    assert found.sealed == b"refreshed \xff"

    await store.reseal(found, b"sealed again", only_as_read=True)
    assert await store.find("hash-1") == msgspec.structs.replace(found, sealed=b"sealed again")
    await store.remove(found)
    await store.reseal(found, b"sealed again", only_as_read=True)
    assert await store.find("hash-1") is None


class Overtaken(SqliteSessions):
    """A store where another process stores tokens after each time that a session was read. Lifetime: test."""

    other: SessionRegistry | None = None

    async def find(self, token_hash: str) -> Session | None:
        found = await super().find(token_hash)
        if found is not None and self.other is not None:
            await self.other.keep(found, REFRESHED)
        return found


REFRESHED: Final = LogisticsTokenPair("bearer 2", "refresh 2", NOW + 600)


async def test_sealing_by_a_new_key_loses_no_tokens_that_are_stored_meanwhile(tmp_path: Path) -> None:
    store = Overtaken(tmp_path / "sessions.sqlite3", lambda: NOW)
    before, after = (
        SessionRegistry(store, Seal(keys, "sessions", lambda: NOW), 3600, lambda: NOW)
        for keys in (["old key"], ["new key", "old key"])
    )
    _, opened = await before.open(LogisticsTokenPair("bearer 1", "refresh 1", NOW), None)
    store.other = before

    await after.tokens(opened)

    store.other = None
    assert await after.tokens(opened) == REFRESHED
    await store.close()


async def test_a_mark_is_spent_once(store: SessionStore) -> None:
    assert [await store.spend(mark, NOW + 600) for mark in ("a", "a", "b", "a")] == [True, False, True, False]


async def test_what_has_ended_is_not_listed(store: SessionStore) -> None:
    await store.add(session(1, lifetime=-1))
    await store.add(session(2))

    assert await store.of_subject("person:mei") == [session(2)]


async def test_a_person_s_sessions_are_all_listed_whatever_their_lifetimes(store: SessionStore) -> None:
    await store.add(session(1, lifetime=7200))
    await store.add(session(2, lifetime=3600))
    await store.add(session(3, lifetime=1800))

    assert await store.of_subject("person:mei") == [
        session(1, lifetime=7200),
        session(2, lifetime=3600),
        session(3, lifetime=1800),
    ]


async def test_the_list_of_a_person_lives_as_long_as_the_longest_session_in_redis(
    redis_url: str, redis_prefix: str
) -> None:
    async with client_of(redis_url) as redis:
        store = RedisSessions(redis, redis_prefix, lambda: NOW)
        await store.add(session(1, lifetime=7200))
        await store.add(session(2, lifetime=1800))

        # By the clock of Redis: this module may have been imported minutes before.
        ends = time.time() + await redis.ttl(f"{redis_prefix}sessions-of:person:mei")
        assert ends > NOW + 7000


async def test_the_list_of_a_person_shrinks_as_sessions_end(redis_url: str, redis_prefix: str) -> None:
    async with client_of(redis_url) as redis:
        store = RedisSessions(redis, redis_prefix, lambda: NOW)
        for number in range(50):
            await store.add(session(number))
            await redis.delete(f"{redis_prefix}session:hash-{number}")  # as it does by itself when one has ended
        await store.add(session(50))

        assert await redis.smembers(f"{redis_prefix}sessions-of:person:mei") == {b"hash-50"}


async def test_the_tokens_of_an_account_are_kept_and_replaced(store: SessionStore) -> None:
    assert await store.tokens("account:own") is None

    for sealed in (b"first \xff", b"second"):
        await store.keep_tokens("account:own", sealed)
    await store.keep_tokens("account:acme", b"other")

    assert await store.tokens("account:own") == b"second"


async def test_blocks_of_one_name_run_one_after_the_other(store: SessionStore) -> None:
    running: list[str] = []

    async def run(name: str) -> int:
        async with store.locked(name, 5):
            running.append(name)
            at_once = running.count(name)
            await asyncio.sleep(0.01)
            running.remove(name)
            return at_once

    assert await asyncio.gather(*(run(name) for name in ("a", "a", "a", "b"))) == [1, 1, 1, 1]


async def test_who_waits_too_long_for_a_block_is_told(store: SessionStore) -> None:
    async with store.locked("a", 5):
        with pytest.raises(TimeoutError):
            async with store.locked("a", 0.1):
                pass
    async with store.locked("a", 0.1):
        pass


async def test_a_process_that_died_in_a_block_holds_others_up_for_a_while_only(
    redis_url: str, redis_prefix: str
) -> None:
    async with client_of(redis_url) as redis:
        dead, alive = (RedisSessions(redis, redis_prefix, lambda: NOW) for _ in range(2))
        block = dead.locked("a", 0.2)
        await block.__aenter__()

        async with alive.locked("a", 5):
            entered = await redis.keys(f"{redis_prefix}*a")
        assert len(entered) == 1
        assert await redis.keys(f"{redis_prefix}*a") == []


async def test_a_block_that_took_too_long_does_not_end_the_one_that_follows(redis_url: str, redis_prefix: str) -> None:
    async with client_of(redis_url) as redis:
        late, next_one = (RedisSessions(redis, redis_prefix, lambda: NOW) for _ in range(2))
        following = next_one.locked("a", 5)
        async with late.locked("a", 0.05):
            await asyncio.sleep(0.1)
            await following.__aenter__()

        held = await redis.keys(f"{redis_prefix}*a")
        await following.__aexit__(None, None, None)
        assert len(held) == 1
        assert await redis.keys(f"{redis_prefix}*a") == []


ALL_USES: Final[dict[str, Callable[[SessionStore], Awaitable[object]]]] = {
    "add": lambda store: store.add(session(1)),
    "find": lambda store: store.find("hash-1"),
    "reseal": lambda store: store.reseal(session(1), b"new"),
    "reseal as read": lambda store: store.reseal(session(1), b"new", only_as_read=True),
    "of_subject": lambda store: store.of_subject("person:mei"),
    "remove": lambda store: store.remove(session(1)),
    "tokens": lambda store: store.tokens("account:own"),
    "keep_tokens": lambda store: store.keep_tokens("account:own", b"sealed"),
    "spend": lambda store: store.spend("mark", NOW + 600),
}


@pytest.mark.parametrize("use", ALL_USES)
async def test_a_redis_that_is_away_is_told_from_a_session_that_has_ended(use: str) -> None:
    store = RedisSessions(Redis.from_url(RedisServer().url), "", lambda: NOW)

    with pytest.raises(SessionStoreUnavailable) as failed:
        await ALL_USES[use](store)

    assert (failed.value.code, failed.value.retryable) == ("UPSTREAM_UNAVAILABLE", True)


@pytest.mark.parametrize("use", ALL_USES)
@pytest.mark.parametrize("place", ["no such directory", "no database"])
async def test_a_file_that_cannot_be_used_is_told_from_a_session_that_has_ended(
    tmp_path: Path, use: str, place: str
) -> None:
    file = tmp_path / "missing" / "sessions" if place == "no such directory" else tmp_path / "sessions"
    if place == "no database":
        file.write_text("no database" * 1000)
    store = SqliteSessions(file, lambda: NOW)

    with pytest.raises(SessionStoreUnavailable):
        await ALL_USES[use](store)
    await store.close()


async def test_a_session_that_another_release_wrote_is_told_from_one_that_has_ended(
    redis_url: str, redis_prefix: str
) -> None:
    async with client_of(redis_url) as redis:
        await redis.set(f"{redis_prefix}session:hash-1", b"of another release")

        with pytest.raises(SessionStoreUnavailable):
            await RedisSessions(redis, redis_prefix, lambda: NOW).find("hash-1")


async def test_a_store_that_fails_is_logged_once_and_once_when_it_is_back(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="gateway.oauth")
    store = RedisSessions(Redis.from_url(own_redis.url), "", lambda: NOW)
    own_redis.kill()
    for _ in range(3):
        with pytest.raises(SessionStoreUnavailable):
            await store.find("hash-1")
    own_redis.start()
    await store.find("hash-1")
    await store.close()

    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(" (")[0] for line in said] == ["Redis fails", "Redis is back: sessions can be used again."]


async def test_clients_are_told_to_try_again_while_the_store_is_away(
    tmp_path: Path, own_redis: RedisServer, redis_prefix: str
) -> None:
    settings = {"GATEWAY_REDIS_URL": own_redis.url, "GATEWAY_REDIS_PREFIX": redis_prefix}
    async with running_gateway(tmp_path, settings) as gateway, gateway.browser() as browser:
        await browser.log_in()
        assert codes(await browser.ask()) == []
        own_redis.kill()
        gateway.clock.advance(60)
        accepted = {"accept": "application/graphql-response+json"}

        asked = await browser.http.post("/graphql", json={"query": TASKS}, headers=accepted)
        listed = await browser.http.get(SESSIONS)

    for answer in (asked, listed):
        (error,) = answer.json()["errors"]
        assert error["extensions"] == UNAVAILABLE
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_file_forgets_what_has_ended(tmp_path: Path) -> None:
    now = [NOW]
    store = SqliteSessions(tmp_path / "sessions.sqlite3", lambda: now[0])
    await store.add(session(1, lifetime=10))
    await store.spend("mark", NOW + 10)
    now[0] += 10
    await store.add(session(2))

    assert await store.find("hash-1") is None
    assert await store.spend("mark", NOW + 20)
    await store.close()


async def test_people_log_in_through_redis_where_it_is_configured(
    tmp_path: Path, redis_url: str, redis_prefix: str
) -> None:
    settings = {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_REDIS_PREFIX": redis_prefix}
    async with running_gateway(tmp_path, settings) as gateway, gateway.browser() as browser:
        await browser.log_in()
        answer = await browser.ask()
        replayed = await browser.come_back(await browser.start_login())

    assert codes(answer) == []
    assert replayed.status_code == 200
    assert not (tmp_path / "sessions.sqlite3").exists()


class Gate(SqliteSessions):
    """A store whose look-ups read at once, and answer when the gate is opened."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, lambda: NOW)
        self.opened = asyncio.Event()

    async def find(self, token_hash: str) -> Session | None:
        found = await super().find(token_hash)
        await self.opened.wait()
        return found


async def test_a_session_that_is_looked_up_while_it_is_revoked_is_not_remembered(tmp_path: Path) -> None:
    store = Gate(tmp_path / "sessions.sqlite3")
    registry = SessionRegistry(store, Seal(["k" * 32], "sessions", lambda: NOW), 3600, lambda: NOW)
    token, opened = await registry.open(LogisticsTokenPair("bearer", "refresh", NOW + 60), "mei")

    look_up = asyncio.create_task(registry.find(token))
    await asyncio.sleep(0)
    await registry.revoke(opened)
    store.opened.set()
    await asyncio.wait([look_up])

    with pytest.raises(Unauthenticated):
        await registry.find(token)
    await store.close()
