import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from resolvers.cache.records import RecordCache
from tests.cache.notes import BATCHED_NOTE, NOTE, Clock, Notes, Operation, Owner, process, turns
from tests.redis_groups import ask
from tests.redis_server import RedisServer, client_of

WAIT_SECONDS: Final = 20.0
"""Far above what anything takes; only a test that fails waits so long."""


@pytest.fixture
def notes() -> Notes:
    notes = Notes()
    notes.write("ann", "1", "old", final=True)
    return notes


async def text(operation: Operation, note_id: str = "1") -> str | None:
    note = await operation.load(note_id)
    return note.text if note else None


async def end(cache: RecordCache, operation: Operation) -> None:
    """End an operation, and its read, which nobody joins."""
    batches = [batch.task for batch in cache.batches if batch.task]
    operation.reading.cancel()
    await asyncio.wait(batches)


async def test_what_one_process_fetched_another_serves(notes: Notes, redis_url: str, redis_prefix: str) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        await text(Operation(one, ann))
        await one.close()

        served = await text(Operation(other, ann))

        assert served == "old"
        assert len(notes.fetched) == 1
        assert other.by_kind[NOTE.name].from_redis == 1


async def test_a_record_keeps_its_age_on_its_way_through_redis(notes: Notes, redis_url: str, redis_prefix: str) -> None:
    notes.write("ann", "1", "old")
    clock, ann = Clock(), Owner("ann", notes)
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        await text(Operation(one, ann))
        await turns(5)
        clock.advance(3)
        early = Operation(other, ann)
        await text(early)
        clock.advance(7)
        late = Operation(other, ann)
        await text(late)

        assert early.reading.stale == {}
        assert early.reading.fresh_until <= clock.now - 10 + 5
        assert list(late.reading.stale.values()) == [10]


async def test_a_cold_record_that_all_processes_want_is_fetched_by_one(
    notes: Notes, redis_url: str, redis_prefix: str
) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        found = await asyncio.gather(*(text(Operation(cache, ann)) for cache in (one, other) for _ in range(20)))

        assert found == ["old"] * 40
        assert len(notes.fetched) == 1


async def test_a_process_that_fails_to_fetch_leaves_it_to_the_others(
    notes: Notes, redis_url: str, redis_prefix: str
) -> None:
    clock, broken = Clock(), Notes(gate=asyncio.Event())
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        failing = Operation(one, Owner("ann", broken)).load("1")
        while not broken.fetched:  # noqa: ASYNC110 - it comes with the socket
            await asyncio.sleep(0)
        waiting = Operation(other, Owner("ann", notes)).load("1")
        broken.failure = RuntimeError("not ours")  # type: ignore[assignment]  # any failure will do
        assert broken.gate
        broken.gate.set()

        with pytest.raises(RuntimeError):
            await failing
        note = await waiting

        assert note
        assert note.text == "old"


GIVEN_UP: Final[dict[str, Callable[[RecordCache, Operation], Awaitable[None]]]] = {
    "by its operation": end,
    "by its process": lambda cache, _: cache.close(),
}


@pytest.mark.parametrize("give_up", GIVEN_UP.values(), ids=GIVEN_UP)
async def test_a_fetch_that_is_given_up_leaves_it_to_the_others_at_once(
    notes: Notes, redis_url: str, redis_prefix: str, give_up: Callable[[RecordCache, Operation], Awaitable[None]]
) -> None:
    clock, held = Clock(), Notes(gate=asyncio.Event())
    async with (
        process(redis_url, redis_prefix, clock, lease_seconds=600) as one,
        process(redis_url, redis_prefix, clock, lease_seconds=600) as other,
    ):
        giving_up = Operation(one, Owner("ann", held))
        giving_up.load("1")
        while not held.fetched:  # noqa: ASYNC110 - it comes with the socket
            await asyncio.sleep(0)
        await give_up(one, giving_up)

        async with asyncio.timeout(WAIT_SECONDS):
            assert await text(Operation(other, Owner("ann", notes))) == "old"


async def test_a_batch_takes_from_redis_what_is_there(notes: Notes, redis_url: str, redis_prefix: str) -> None:
    for number in range(2, 5):
        notes.write("ann", str(number), f"note {number}", final=True)
    clock, ann = Clock(), Owner("ann", notes)
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        first = Operation(one, ann, kind=BATCHED_NOTE)
        await asyncio.gather(first.load("1"), first.load("2"))
        await one.close()
        second = Operation(other, ann, kind=BATCHED_NOTE)

        found = await asyncio.gather(*(second.load(str(number)) for number in range(1, 5)))

        assert [note and note.text for note in found] == ["old", "note 2", "note 3", "note 4"]
        assert notes.fetched == [("ann", "1,2"), ("ann", "3,4")]


async def test_every_process_has_forgotten_a_record_before_its_change_is_answered(
    notes: Notes, redis_url: str, redis_prefix: str
) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        await text(Operation(one, ann))
        await text(Operation(other, ann))
        notes.write("ann", "1", "new", final=True)

        await one.forget("ann", NOTE, ["1"])

        assert other.memory.peek("ann/note/1") is None
        assert [await text(Operation(cache, ann)) for cache in (other, one)] == ["new", "new"]
        assert one.counts.unacknowledged == 0


async def test_what_one_process_read_before_anothers_change_does_not_come_back(
    notes: Notes, redis_url: str, redis_prefix: str
) -> None:
    clock, slow = Clock(), Notes(dict(notes.texts), gate=asyncio.Event())
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        before = Operation(other, Owner("ann", slow)).load("1")
        while not slow.fetched:  # noqa: ASYNC110 - it comes with the socket
            await asyncio.sleep(0)
        # Cut off from the news of other processes, it has only Redis to tell it that it comes too late.
        other.shared.link.on_notice = lambda _: None  # type: ignore[union-attr]  # it has one
        notes.write("ann", "1", "new", final=True)
        await one.forget("ann", NOTE, ["1"])
        assert slow.gate
        slow.gate.set()
        await before
        await other.close()

        assert await text(Operation(one, Owner("ann", notes))) == "new"


async def test_what_redis_holds_but_nobody_can_read_is_fetched_anew(
    notes: Notes, redis_url: str, redis_prefix: str
) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(redis_url, redis_prefix, clock) as cache, client_of(redis_url) as redis:
        await redis.set(f"{redis_prefix}record:ann/note/1", b'[1000.0,1005.0,"active",{"owner":5}]')

        assert await text(Operation(cache, ann)) == "old"


@pytest.mark.parametrize(
    "notice", [b"", b"{}", b"\xff", b'["a"]', b'["a",1,[2]]', b'["a",1,["k"]', b'{"v":2,"keys":["k"]}']
)
async def test_a_notice_that_cannot_be_read_makes_a_process_forget_everything_and_go_on_listening(
    notes: Notes, redis_url: str, redis_prefix: str, notice: bytes
) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        await text(Operation(other, ann))
        await one.shared.link.client.publish(f"{redis_prefix}forgotten", notice)  # type: ignore[union-attr]  # it has one
        async with asyncio.timeout(5):
            while other.memory.peek("ann/note/1") is not None:  # noqa: ASYNC110 - it comes with the socket
                await asyncio.sleep(0.01)
        await text(Operation(other, ann))
        notes.write("ann", "1", "new", final=True)

        await one.forget("ann", NOTE, ["1"])

        assert await text(Operation(other, ann)) == "new"
        assert one.counts.unacknowledged == 0
        assert (other.counts.unreadable_notices, other.counts.redis_failures) == (1, 0)


async def test_a_listener_that_fails_in_a_way_nobody_foresaw_is_not_taken_for_a_good_one(
    notes: Notes, redis_url: str, redis_prefix: str
) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(redis_url, redis_prefix, clock) as one, process(redis_url, redis_prefix, clock) as other:
        await text(Operation(other, ann))
        assert other.shared
        broken = [RuntimeError("not foreseen")]

        def break_once(_: object) -> None:
            if broken:
                raise broken.pop()

        other.shared.link.on_notice = break_once
        await one.forget("ann", NOTE, ["1"])
        async with asyncio.timeout(5):
            while other.memory.peek("ann/note/1") is not None:  # noqa: ASYNC110 - it comes with the socket
                await asyncio.sleep(0.01)

        await _back(other)

        assert other.counts.redis_failures == 1


async def test_a_url_that_the_library_cannot_use_holds_up_no_start(notes: Notes, redis_prefix: str) -> None:
    async with asyncio.timeout(5), process("redis://127.0.0.1/0?foo=bar", redis_prefix, Clock()) as cache:
        assert await text(Operation(cache, Owner("ann", notes))) == "old"


async def test_every_key_in_redis_ends_by_itself(notes: Notes, redis_url: str, redis_prefix: str) -> None:
    async with process(redis_url, redis_prefix, Clock()) as cache, client_of(redis_url) as redis:
        await text(Operation(cache, Owner("ann", notes)))
        await cache.forget("ann", NOTE, ["2"])
        await cache.close()

        keys = [key async for key in redis.scan_iter(f"{redis_prefix}*")]
        lives = [await redis.ttl(key) for key in keys]

        assert len(keys) >= 2
        assert min(lives) > 0


async def test_redis_killed_in_the_middle_costs_no_operation_and_one_warning_and_is_used_again_when_it_returns(
    notes: Notes, own_redis: RedisServer, redis_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="resolvers.cache")
    clock, ann = Clock(), Owner("ann", notes)
    async with process(own_redis.url, redis_prefix, clock) as one, process(own_redis.url, redis_prefix, clock) as two:
        await text(Operation(one, ann))
        own_redis.kill()
        for number in range(20):
            notes.write("ann", f"cold {number}", "text", final=True)
            assert await text(Operation(one, ann), f"cold {number}") == "text"
            assert await text(Operation(one, ann)) == "old"
        assert len(notes.fetched) == 21
        two.shared.link.available = False  # type: ignore[union-attr]  # it has one
        warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
        own_redis.start()
        await _back(one)
        await _back(two)

        await text(Operation(one, ann), "cold 1")
        await one.close()
        await text(Operation(two, ann), "cold 1")

        assert {record.name for record in warnings} == {"resolvers.cache.redis_link"}
        assert one.counts.redis_failures >= 1
        assert two.by_kind[NOTE.name].from_redis == 1
        assert notes.fetched.count(("ann", "cold 1")) == 2


async def test_what_changed_while_redis_was_away_is_forgotten_there_and_everywhere_when_it_returns(
    notes: Notes, own_redis: RedisServer, redis_prefix: str
) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(own_redis.url, redis_prefix, clock) as one, process(own_redis.url, redis_prefix, clock) as two:
        await text(Operation(one, ann))
        await text(Operation(two, ann))
        own_redis.freeze()
        notes.write("ann", "1", "new", final=True)
        await one.forget("ann", NOTE, ["1"])
        assert await text(Operation(one, ann)) == "new"
        own_redis.thaw()
        await _back(one)

        two_has_heard = two.memory.peek("ann/note/1") is None
        served = await text(Operation(two, ann))

        assert two_has_heard
        assert served == "new"


async def test_a_redis_that_is_not_there_at_the_start_delays_nobody(notes: Notes, redis_prefix: str) -> None:
    started = time.monotonic()
    async with process(RedisServer().url, redis_prefix, Clock()) as cache:
        found = await text(Operation(cache, Owner("ann", notes)))

    assert found == "old"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("command", ["eval", "mget"])
async def test_a_command_that_redis_refuses_is_no_outage(
    command: str, notes: Notes, own_redis: RedisServer, redis_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(own_redis.url, redis_prefix, clock) as one:
        await text(Operation(one, ann))
        await ask(own_redis, "ACL", "SETUSER", "default", f"-{command}")
        for number in range(5):
            notes.write("ann", f"cold {number}", "text", final=True)
            assert await text(Operation(one, ann), f"cold {number}") == "text"
        kept = await text(Operation(one, ann))
        await turns()

        assert one.shared is not None
        assert one.shared.link.available
        assert kept == "old"
        assert len(notes.fetched) == 6
        assert (one.counts.redis_failures, one.counts.redis_refused >= 5) == (0, True)
        assert caplog.text.count("Redis refuses a command") == 1


async def test_what_redis_refuses_to_forget_is_not_read_from_it_before_it_is_forgotten(
    notes: Notes, own_redis: RedisServer, redis_prefix: str
) -> None:
    clock, ann = Clock(), Owner("ann", notes)
    async with process(own_redis.url, redis_prefix, clock) as one:
        await text(Operation(one, ann))
        await ask(own_redis, "ACL", "SETUSER", "default", "-eval")
        notes.write("ann", "1", "new", final=True)
        await one.forget("ann", NOTE, ["1"])
        while_refused = await text(Operation(one, ann))
        await ask(own_redis, "ACL", "SETUSER", "default", "+eval")
        await _back(one)
    async with process(own_redis.url, redis_prefix, clock) as two:
        afterwards = await text(Operation(two, ann))

    assert (while_refused, afterwards) == ("new", "new")


async def _back(cache: RecordCache) -> None:
    """Until the process has found Redis again."""
    async with asyncio.timeout(5):
        while not (cache.shared and cache.shared.link.available):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
