"""What is kept takes the memory that it is counted with."""

import tracemalloc

import orjson

from gateway.http.operations import Reply
from gateway.operations.encoding import compact
from gateway.operations.kept_answers import KeptAnswer, KeptAnswers

ANSWERS = 2_000


def test_kept_answers_take_no_more_memory_than_they_are_counted_with() -> None:
    kept = KeptAnswers(64 * 1024 * 1024)
    tracemalloc.start()

    for number in range(ANSWERS):
        reply = Reply(200, compact(orjson.dumps({"data": {"delivery": {"id": f"Delivery:{number}"}}})))
        touched = (f"own/delivery/{number}",)
        kept.put(_key(number), KeptAnswer(reply, 1.0, touched))

    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counted = sum(answer.size for number in range(ANSWERS) if (answer := kept.get(_key(number))) is not None)
    assert counted > 0
    assert used <= counted


def _key(number: int) -> tuple[str, str, str | None, bytes]:
    return ("own", f"{{ delivery(id: {number}) {{ id }} }}", None, b"")


def test_compact_bytes_are_the_same_bytes() -> None:
    encoded = orjson.dumps({"a": list(range(1000))})

    assert compact(encoded) == encoded
