"""Both places where sessions can be kept do the same."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.oauth.redis_store import RedisSessions
from gateway.oauth.sessions import Session, SessionStore
from gateway.oauth.sqlite_store import SqliteSessions
from tests.oauth.gateways import codes, running_gateway

NOW = time.time()


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
        store = RedisSessions(Redis.from_url(redis_url), redis_prefix, lambda: NOW)
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


async def test_a_mark_is_spent_once(store: SessionStore) -> None:
    assert [await store.spend(mark, NOW + 600) for mark in ("a", "a", "b", "a")] == [True, False, True, False]


async def test_what_has_ended_is_not_listed(store: SessionStore) -> None:
    await store.add(session(1, lifetime=-1))
    await store.add(session(2))

    assert await store.of_subject("person:mei") == [session(2)]


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
