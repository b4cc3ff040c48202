"""What a process keeps is bounded, however many different things it is asked for."""

import sys
from typing import Final

import pytest

from gateway.settings.groups import CacheSettings
from resolvers.cache.kind import CachedKind, Freshness, always
from resolvers.cache.records import CacheConfig, RecordCache
from resolvers.upstreams.names import UpstreamName
from tests.scenarios.resilience.little_gateway import LittleGateway, Wire, delivery, now
from tests.upstreams.transport.virtual_time import in_virtual_time

MOST: Final = 500
PAGE: Final = CachedKind[int]("page", int, UpstreamName.SMS, always(Freshness.LIST), lists=("numbers",), shared=False)
NUMBER: Final = CachedKind[int]("number", int, UpstreamName.SMS, always(Freshness.FINAL), lists=("numbers",))


@in_virtual_time
async def test_thousands_of_different_operations_leave_no_more_behind_than_the_bound() -> None:
    gateway = LittleGateway(Wire(), Wire(), cache=CacheSettings(max_entries=MOST))

    told = await gateway.load(delivery, seconds=40, every=0.01)

    assert all(one.is_whole for one in told)
    assert len(told) == 4000
    assert len(gateway.records.memory) == MOST
    assert (gateway.records.in_flight_reads, gateway.records.batches) == ({}, set())


@in_virtual_time
async def test_a_million_records_that_come_and_change_leave_no_more_behind_than_the_bound() -> None:
    cache = RecordCache(CacheConfig(max_entries=MOST, max_bytes=1_000_000), clock=now)

    for number in range(1_000_000):
        cache.keep(NUMBER, f"{cache.prefix('own', NUMBER)}{number}", number, cache.invalidations.mark, ())
        if number % 1000 == 0:
            await cache.forget("own", NUMBER, [str(number)])

    assert len(cache.memory) <= MOST
    assert cache.memory.bytes <= 1_000_000
    # The rest that a cache keeps is per identity, per list, or bounded by itself.
    assert sum(sys.getsizeof(part) for part in (cache._prefixes, cache.in_flight_reads, cache.batches)) < 2000
    assert len(cache._generations) == 1


async def test_identities_without_number_leave_no_more_behind_than_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.cache.records.REMEMBERED_LISTS", 30)
    monkeypatch.setattr("resolvers.cache.records.REMEMBERED_PREFIXES", 30)
    cache = RecordCache(CacheConfig(max_entries=30), clock=lambda: 0.0)

    for number in range(300):
        identity = f"session:{number}"
        cache.keep(NUMBER, f"{cache.prefix(identity, NUMBER)}1", 1, cache.invalidations.mark, ())
        await cache.forget(identity, NUMBER, ["1"])

    assert len(cache._generations) == 30
    assert len(cache._prefixes) <= 30


async def test_a_list_whose_last_change_made_room_is_not_taken_for_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.cache.records.REMEMBERED_LISTS", 3)
    cache = RecordCache(CacheConfig(), clock=lambda: 0.0)
    seen = {cache.prefix("ann", PAGE)}

    for number in range(10):
        await cache.forget("ann", NUMBER)
        for other in range(number):
            await cache.forget(f"other {other}", NUMBER)
        prefix = cache.prefix("ann", PAGE)
        assert prefix not in seen
        seen.add(prefix)
