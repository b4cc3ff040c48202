"""What is kept takes the memory that it is counted with."""

import tracemalloc

import orjson

from gateway.operations.request import Reply
from gateway.operations.responses.encoding import compact
from gateway.operations.responses.response_cache import CachedResponse, ResponseCache

RESPONSES = 2_000


def test_cached_responses_take_no_more_memory_than_they_are_counted_with() -> None:
    cache = ResponseCache(64 * 1024 * 1024)
    tracemalloc.start()

    for number in range(RESPONSES):
        reply = Reply(200, compact(orjson.dumps({"data": {"delivery": {"id": f"Delivery:{number}"}}})))
        touched = (f"own/delivery/{number}",)
        cache.put(_key(number), CachedResponse(reply, 1.0, touched))

    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counted = sum(response.size for number in range(RESPONSES) if (response := cache.get(_key(number))) is not None)
    assert counted > 0
    assert used <= counted


def _key(number: int) -> tuple[str, str, str | None, bytes]:
    return ("own", f"{{ delivery(id: {number}) {{ id }} }}", None, b"")


def test_compact_bytes_are_the_same_bytes() -> None:
    encoded = orjson.dumps({"a": list(range(1000))})

    assert compact(encoded) == encoded
