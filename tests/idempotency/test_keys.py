"""Leases, deadlines, seals and the time of a repeat, at one gateway's keys in a file."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resolvers import errors
from resolvers.context import Context
from resolvers.errors import IdempotencyKeyInUse, UpstreamRefusal, UpstreamUnavailable
from resolvers.idempotency.keys import CallerKeys, IdempotencyKeys
from resolvers.idempotency.outcomes import Looked, Made, Request, kept_error, restored_error
from resolvers.idempotency.secrets import IdempotencyKey
from resolvers.idempotency.sqlite_store import SqliteKeys
from resolvers.idempotency.store import KeyLimits
from resolvers.idempotency.window import Window
from resolvers.upstreams.names import UpstreamName
from tests.contract import documents
from tests.contract.operations import context_over
from tests.contract.payloads import payload_of
from tests.upstreams.httpx_transport import httpx_transport
from tests.upstreams.recording_server import recording_server
from tests.upstreams.samples import sample

MEI = "key:mei of the house"
KEY = IdempotencyKey("a key of hers", None, "answer")
SOON = 0.05


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteKeys]:
    store = SqliteKeys(tmp_path / "keys.sqlite3", KeyLimits(), time.time)
    yield store
    await store.close()


class Sender:
    """One upstream request that is counted. Lifetime: one test."""

    def __init__(self, failure: Exception | None = None, found: Made[str] | Looked = Looked.ABSENT) -> None:
        self.sent = self.looked = 0
        self.failure = failure
        self.found = found
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def request(self) -> Request[str]:
        return Request(UpstreamName.SMS, "the job", self._send, self._find)

    async def _send(self) -> Made[str]:
        self.sent += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Made(("1",), ("one",))

    async def _find(self, _: Window) -> Made[str] | Looked:
        self.looked += 1
        return self.found


async def change(keys: IdempotencyKeys, sender: Sender, seconds: float = 10, key: IdempotencyKey = KEY) -> Made[str]:
    deadline = asyncio.get_running_loop().time() + seconds
    async with CallerKeys(keys, MEI).run(key, "input", 1, deadline) as run:
        return await run.part(0, sender.request)


async def test_who_waits_until_its_deadline_learns_that_the_first_is_in_progress(store: SqliteKeys) -> None:
    one, other, sender = IdempotencyKeys(store), IdempotencyKeys(store), Sender()
    sender.gate.clear()
    first = asyncio.create_task(change(one, sender))
    while not sender.sent:  # noqa: ASYNC110 - counts, and has no event
        await asyncio.sleep(0)

    # Of the same process, and of another one.
    for keys in (one, other):
        with pytest.raises(IdempotencyKeyInUse):
            await change(keys, sender, SOON)
    sender.gate.set()

    assert (await first).ids == (await change(other, sender)).ids == ("1",)
    assert (sender.sent, one.counts.in_use, other.counts.in_use, other.counts.replayed) == (1, 1, 1, 1)


async def test_a_lease_is_renewed_for_as_long_as_its_owner_works(store: SqliteKeys) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    sender = Sender()
    sender.gate.clear()
    first = asyncio.create_task(change(IdempotencyKeys(store, sleep=sleep), sender))
    while len(pauses) < 3:  # noqa: ASYNC110 - counts, and has no event
        await asyncio.sleep(0)
    sender.gate.set()
    await first
    ended = len(pauses)
    await asyncio.sleep(SOON)

    assert (set(pauses), len(pauses)) == ({1.5}, ended)


async def test_an_owner_that_was_suspended_past_its_lease_sends_nothing(tmp_path: Path) -> None:
    ahead = 0.0
    store = SqliteKeys(tmp_path / "keys.sqlite3", KeyLimits(), lambda: time.time() + ahead)
    sender, keys = Sender(), IdempotencyKeys(store)

    async with CallerKeys(keys, MEI).run(KEY, "input", 1, asyncio.get_running_loop().time() + 10) as run:
        # As if the process stood still for a while, so that it could not renew its lease.
        ahead = 6.0
        await change(IdempotencyKeys(store), sender)
        with pytest.raises(IdempotencyKeyInUse):
            await run.part(0, sender.request)

    assert sender.sent == 1
    await store.close()


async def test_nothing_of_a_bug_is_taken_for_an_outcome(store: SqliteKeys) -> None:
    keys, sender = IdempotencyKeys(store), Sender(RuntimeError("planted"), Made(("2",)))
    with pytest.raises(RuntimeError):
        await change(keys, sender)
    sender.failure = None

    found = await change(keys, sender)

    assert (found.ids, sender.sent, sender.looked) == (("2",), 1, 1)


async def test_a_failure_without_an_effect_leaves_the_key_free_for_another_input(store: SqliteKeys) -> None:
    keys, sender = IdempotencyKeys(store), Sender(UpstreamUnavailable(UpstreamName.SMS, "Down."))
    with pytest.raises(UpstreamUnavailable):
        await change(keys, sender)

    async with CallerKeys(keys, MEI).run(KEY, "other", 1, asyncio.get_running_loop().time() + 10) as run:
        assert not run.is_known


async def test_who_reads_the_store_learns_neither_keys_nor_callers_nor_what_an_upstream_says(tmp_path: Path) -> None:
    store = SqliteKeys(tmp_path / "keys.sqlite3", KeyLimits(), time.time)
    refusal = errors.InputRefused(UpstreamName.SMS, "+6591234567 is no number")
    with pytest.raises(errors.InputRefused):
        await change(IdempotencyKeys(store), Sender(refusal))
    await store.close()

    read = everything_in(tmp_path)
    assert read
    assert [secret for secret in (KEY.text.encode(), MEI.encode(), b"+6591234567", b"input") if secret in read] == []


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def refusals(base: type[UpstreamRefusal] = UpstreamRefusal) -> Iterator[type[UpstreamRefusal]]:
    yield base
    for kind in base.__subclasses__():
        yield from refusals(kind)


@pytest.mark.parametrize("kind", [*refusals(), errors.ChangeUnconfirmed])
def test_every_refusal_is_restored_as_it_was(kind: type[errors.UpstreamError]) -> None:
    error = kind(UpstreamName.LOGISTICS, "Refused.")
    match error:
        case errors.InputRefused():
            error.pointer = "/data"
            error.also = (errors.InputRefused(UpstreamName.LOGISTICS, "Also.", pointer="/more"),)
        case errors.RecordMissing():
            error.record_id = "4711"
        case errors.NotAllowedNow():
            error.raw_status = "complete"

    restored = restored_error(kept_error(error))

    assert type(restored) is kind
    own = {key: value for key, value in vars(error).items() if key != "also"}
    assert {key: value for key, value in vars(restored).items() if key != "also"} == own
    also = [one.pointer for one in getattr(restored, "also", ())]
    assert also == [one.pointer for one in getattr(error, "also", ())]


async def test_a_repeat_may_come_when_the_pickup_is_over(store: SqliteKeys) -> None:
    task = sample("logistics_task.json")
    own_id = json.loads(task)["id"]
    document = documents.CREATE_TASKS.replace("draft: $draft", 'draft: $draft, idempotencyKey: "a"')
    keys = IdempotencyKeys(store)
    async with recording_server() as upstream, httpx_transport() as transport:
        upstream.answer("POST", "/platform/tasks", b'{"tasks": [' + task + b"]}")
        upstream.answer("GET", f"/platform/tasks/{own_id}", task)

        def context(now: datetime, caller: str = MEI) -> Context:
            made = context_over(transport, upstream.url)
            made.now, made.keys = (lambda: now), CallerKeys(keys, caller)
            return made

        late = datetime(2031, 1, 1, tzinfo=UTC)
        first = await payload_of(document, documents.TASKS, context(datetime(2030, 1, 1, tzinfo=UTC)))
        repeat = await payload_of(document, documents.TASKS, context(late))
        too_late = await payload_of(document, documents.TASKS, context(late, "ravi"))
        posted = sum(one.method == "POST" for one in upstream.requests)

    assert repeat["errors"] == []
    assert [one["id"] for one in repeat["tasks"]] == [one["id"] for one in first["tasks"]]
    assert [error["__typename"] for error in too_late["errors"]] == ["InvalidInput"]
    assert posted == 1


async def test_a_key_where_none_are_kept_is_refused() -> None:
    document = documents.CREATE_TASKS.replace("draft: $draft", 'draft: $draft, idempotencyKey: "a"')
    async with recording_server() as upstream, httpx_transport() as transport:
        payload = await payload_of(document, documents.TASKS, context_over(transport, upstream.url))

        assert upstream.requests == []
    assert [error["__typename"] for error in payload["errors"]] == ["IdempotencyUnavailable"]
