import tracemalloc
from random import Random
from typing import Any

import msgspec
import pytest

from resolvers.cache.memory import BoundedMemory, Entry, FreshnessPolicy
from resolvers.cache.records import CacheConfig, RecordCache
from resolvers.kinds.deliveries import DELIVERY
from resolvers.upstreams.deliveries.records import Delivery

TERMS = FreshnessPolicy(5)
DELIVERY_JSON = """{"type": "send-tasks", "id": "%d", "attributes": {"deliverable": true, "delivery-type": "delivery",
"status": "completed", "created-at": "2018-09-24T12:17:44.653+02:00", "updated-at": "2018-09-25T08:00:01.000+02:00",
"priority": "normal", "batch-id": "1f0c66ab-36b1-4d6b-8a7c-%d", "message-id": "message-%d", "sent-by": "someone",
"ack-status-message": {"status": "FileOK", "note": "received %d"}, "sent-on": "20180924121744653",
"send-date": "2018-09-24 12:17:44", "packaged-by": "packager", "created-by": "author %d",
"sent-on-behalf-of-name": "A label with a name", "sent-on-behalf-of-dpid": "PADPIDA2014120%d"}}"""


def entry(cost: int = 1) -> Entry:
    return Entry("value", 0.0, 1.0, TERMS, cost)


def delivery(number: int) -> Delivery:
    return msgspec.json.decode(DELIVERY_JSON % ((number,) * 6), type=Delivery)


def test_the_least_recently_used_entry_goes_first() -> None:
    memory = BoundedMemory(max_entries=2, max_bytes=100)
    memory.put("first", entry())
    memory.put("second", entry())

    memory.peek("first")
    memory.put("third", entry())

    assert [key for key in ("first", "second", "third") if memory.peek(key)] == ["first", "third"]


def test_heavy_entries_push_out_as_many_light_ones_as_they_weigh() -> None:
    memory = BoundedMemory(max_entries=100, max_bytes=100)
    for number in range(10):
        memory.put(f"light {number}", entry(10))

    memory.put("heavy", entry(35))

    assert len(memory) == 7
    assert memory.bytes == 95


def test_an_entry_heavier_than_the_bound_is_not_kept_and_pushes_nothing_out() -> None:
    memory = BoundedMemory(max_entries=100, max_bytes=100)
    memory.put("light", entry(10))

    memory.put("too heavy", entry(101))

    assert memory.peek("light") is not None
    assert memory.peek("too heavy") is None


def test_an_entry_kept_again_weighs_once() -> None:
    memory = BoundedMemory(max_entries=100, max_bytes=100)
    memory.put("key", entry(60))

    memory.put("key", entry(50))

    assert memory.bytes == 50


def test_a_million_distinct_records_leave_no_more_than_the_bound() -> None:
    memory = BoundedMemory(max_entries=1_000, max_bytes=500_000)
    kept = entry(600)

    for number in range(1_000_000):
        memory.put(f"own/delivery/{number}", kept)

    assert len(memory) == 833
    assert memory.bytes == 833 * 600


async def test_aiocaches_own_interface_sees_the_same_entries() -> None:
    memory: Any = BoundedMemory(max_entries=10, max_bytes=100)
    kept = entry()

    await memory.set("one", kept)
    await memory.multi_set([("two", kept)])

    assert memory.peek("one") is kept
    assert await memory.multi_get(["one", "two", "three"]) == [kept, kept, None]
    assert await memory.get("one") is kept
    assert await memory.exists("two")
    assert await memory.delete("two") == 1
    assert not await memory.exists("two")
    assert await memory.clear()
    assert len(memory) == 0


def test_ten_thousand_deliveries_take_less_than_40_mib_and_no_more_than_is_counted() -> None:
    cache = RecordCache(CacheConfig(), clock=lambda: 0.0, random=Random(1))  # noqa: S311 - jitter
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    for number in range(10_000):
        cache.keep(DELIVERY, f"own/delivery/{number}", delivery(number), 0, ())

    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(cache.memory) == 10_000
    assert taken < 40 * 1024 * 1024
    assert taken == pytest.approx(cache.memory.bytes, rel=0.5)
    assert taken <= cache.memory.bytes
