"""Both places where idempotency keys can be kept do the same."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resolvers.errors import IdempotencyUnavailable
from resolvers.idempotency.redis_store import RedisKeys
from resolvers.idempotency.sqlite_store import SqliteKeys
from resolvers.idempotency.store import UNIT_BYTES, Claimed, KeyLimits, KeyName, KeyStore, Verdict
from tests.redis_server import client_of

LIMITS = KeyLimits(keep_seconds=3600, keys_per_caller=5)
LEASE = 60.0
GONE = 0.0
"""The lease of an owner that gives no sign any more."""


def name(key: str, caller: str = "mei") -> KeyName:
    return KeyName(caller, key)


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", "redis"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, redis_url: str, redis_prefix: str
) -> AsyncIterator[KeyStore]:
    store: KeyStore
    if request.param == "sqlite":
        store = SqliteKeys(tmp_path / "keys.sqlite3", LIMITS, time.time)
    else:
        store = RedisKeys(client_of(redis_url), redis_prefix, LIMITS)
    yield store
    await store.close()


async def test_a_key_has_one_owner_until_its_lease_ends(store: KeyStore) -> None:
    first = await store.claim(name("a"), b"input", "one", LEASE)
    second = await store.claim(name("a"), b"input", "two", LEASE)
    other = await store.claim(name("b"), b"input", "two", GONE)
    taken = await store.claim(name("b"), b"input", "three", LEASE)

    assert first == taken == other == Claimed(Verdict.OWNED)
    assert second == Claimed(Verdict.BUSY)


async def test_an_owner_that_was_taken_over_writes_nothing_any_more(store: KeyStore) -> None:
    await store.claim(name("a"), b"input", "one", LEASE)
    wrote = await store.write(name("a"), "one", b"sent", GONE + 1e-9, settled=False)
    taken = await store.claim(name("a"), b"input", "two", LEASE)

    late = await store.write(name("a"), "one", b"late", LEASE, settled=False)
    await store.extend(name("a"), "one", GONE)
    forgot = await store.write(name("a"), "one", b"", 0, settled=False)
    still = await store.claim(name("a"), b"input", "three", LEASE)

    assert (wrote, taken) == (True, Claimed(Verdict.OWNED, b"sent"))
    assert (late, forgot, still) == (False, False, Claimed(Verdict.BUSY))


async def test_a_renewed_lease_keeps_the_key(store: KeyStore) -> None:
    await store.claim(name("a"), b"input", "one", GONE)
    await store.extend(name("a"), "one", LEASE)

    assert await store.claim(name("a"), b"input", "two", LEASE) == Claimed(Verdict.BUSY)


async def test_a_settled_key_is_nobodys_and_has_its_content(store: KeyStore) -> None:
    await store.claim(name("a"), b"input", "one", LEASE)
    await store.write(name("a"), "one", b"outcome \xff", 0, settled=True)

    found = [await store.claim(name("a"), b"input", owner, LEASE) for owner in ("two", "three")]

    assert found == [Claimed(Verdict.SETTLED, b"outcome \xff")] * 2
    assert await store.write(name("a"), "two", b"other", LEASE, settled=False) is False


async def test_a_key_that_is_given_back_unsettled_is_free_with_its_content(store: KeyStore) -> None:
    await store.claim(name("a"), b"input", "one", LEASE)
    await store.write(name("a"), "one", b"sent", 0, settled=False)

    assert await store.claim(name("a"), b"input", "two", LEASE) == Claimed(Verdict.OWNED, b"sent")


async def test_another_input_is_refused_until_the_key_is_forgotten(store: KeyStore) -> None:
    await store.claim(name("a"), b"input", "one", LEASE)
    other = await store.claim(name("a"), b"other", "two", LEASE)
    await store.write(name("a"), "one", b"", 0, settled=False)
    forgotten = await store.claim(name("a"), b"other", "two", LEASE)

    assert (other, forgotten) == (Claimed(Verdict.OTHER_INPUT), Claimed(Verdict.OWNED))


async def test_a_caller_has_so_many_keys_and_bytes_and_others_have_their_own(store: KeyStore) -> None:
    for key in ("a", "b"):
        await store.claim(name(key), b"input", "one", LEASE)
    await store.write(name("a"), "one", bytes(2 * UNIT_BYTES), LEASE, settled=False)

    claimed = [(await store.claim(name(key), b"input", "one", LEASE)).verdict for key in ("c", "d", "a")]
    other = await store.claim(name("c", "ravi"), b"input", "one", LEASE)
    await store.write(name("b"), "one", b"", 0, settled=False)
    freed = await store.claim(name("d"), b"input", "one", LEASE)

    assert claimed == [Verdict.OWNED, Verdict.FULL, Verdict.BUSY]
    assert (other.verdict, freed.verdict) == (Verdict.OWNED, Verdict.OWNED)


async def test_keys_are_kept_in_the_file_for_their_time_and_beyond_the_process(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "keys.sqlite3"
    before = SqliteKeys(path, LIMITS, clock)
    await before.claim(name("a"), b"input", "one", LEASE)
    await before.write(name("a"), "one", b"outcome", 0, settled=True)
    await before.close()
    store = SqliteKeys(path, LIMITS, clock)

    clock.now += LIMITS.keep_seconds - 1
    kept = await store.claim(name("a"), b"input", "two", LEASE)
    clock.now += 1
    over = await store.claim(name("a"), b"other", "two", LEASE)
    await store.close()

    assert (kept, over) == (Claimed(Verdict.SETTLED, b"outcome"), Claimed(Verdict.OWNED))
    assert path.stat().st_mode & 0o777 == 0o600


async def test_keys_in_redis_expire_after_their_time_whatever_is_written(redis_url: str, redis_prefix: str) -> None:
    async with client_of(redis_url) as redis:
        store = RedisKeys(redis, redis_prefix, LIMITS)
        await store.claim(name("a"), b"input", "one", LEASE)
        await store.write(name("a"), "one", b"outcome", 0, settled=True)

        lives = {key: await redis.ttl(key) async for key in redis.scan_iter(match=f"{redis_prefix}*")}

    assert len(lives) == 2
    assert all(LIMITS.keep_seconds - 60 < seconds <= LIMITS.keep_seconds for seconds in lives.values())


async def test_a_store_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    missing = SqliteKeys(tmp_path / "missing" / "keys.sqlite3", LIMITS, time.time)
    redis = RedisKeys(client_of("redis://127.0.0.1:1"), "", LIMITS)

    for store in (missing, redis):
        with pytest.raises(IdempotencyUnavailable):
            await store.claim(name("a"), b"input", "one", LEASE)
    await redis.close()
