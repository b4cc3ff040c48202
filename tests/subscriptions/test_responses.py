"""An event is executed once for all who ask the same about it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.subscriptions.responses import MAX_RESPONSES, MAX_SECONDS, Response, SharedResponses
from tests.subscriptions.feed import Event, Feed
from tests.subscriptions.socket_client import NEW, connected, initialized

QUERY = "subscription { events { number loaded } }"
RESUMABLE = "subscription ($after: String) { events(after: $after) { number loaded } }"
EVENT = Event(1, "c1")


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Executions:
    """Executes events as slowly as a test wants, and counts."""

    def __init__(self, *, whole: bool = True) -> None:
        self.executed: list[object] = []
        self.may_end = asyncio.Event()
        self.failure: Exception | None = None
        self._whole = whole

    async def __call__(self, event: object) -> Response:
        self.executed.append(event)
        number = len(self.executed)
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        return Response(str(number).encode(), "c1", whole=self._whole)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared(clock: Clock) -> SharedResponses:
    return SharedResponses(clock)


@pytest.fixture
def quick() -> Executions:
    executions = Executions()
    executions.may_end.set()
    return executions


async def loads(port: int, feed: Feed, *operations: dict[str, object]) -> list[int]:
    """By which loaders one event is answered for each operation, each over its own socket."""
    numbers = []
    for operation in operations:
        async with initialized(port) as client:
            await client.say("subscribe", "a", **operation)
            (await feed.opened.get()).events.put_nowait(Event(1, "c1"))
            numbers.append((await client.hear())["payload"]["data"]["events"]["loaded"])
    return numbers


async def explained(port: int, feed: Feed, operation: dict[str, object]) -> dict[str, Any]:
    """What one event is answered where the client wants to know of calls."""
    async with connected(port, NEW, headers={"x-gateway-explain": "1"}) as client:
        await client.say("connection_init")
        await client.hear()
        await client.say("subscribe", "a", **operation)
        (await feed.opened.get()).events.put_nowait(Event(1, "c1"))
        payload: dict[str, Any] = (await client.hear())["payload"]
        return payload


async def bodies(shared: SharedResponses, execute: Executions, asked: Sequence[object], event: object) -> list[bytes]:
    """What comes of one event for each who asks, one after the other."""
    return [(await shared.response(one, event, execute)).body for one in asked]


async def test_an_event_is_executed_once_for_all_who_ask_the_same(port: int, feed: Feed) -> None:
    assert await loads(port, feed, {"query": QUERY}, {"query": QUERY}) == [1, 1]


async def test_who_resumes_from_elsewhere_gets_the_same_response_to_the_same_event(port: int, feed: Feed) -> None:
    variables = {"after": "c0"}

    assert await loads(port, feed, {"query": RESUMABLE}, {"query": RESUMABLE, "variables": variables}) == [1, 1]


async def test_who_asks_something_else_has_an_execution_of_its_own(port: int, feed: Feed) -> None:
    others = "subscription { events { loaded number } }"
    varied = "subscription ($n: Boolean = true) { events { number @include(if: $n) loaded } }"
    spread = """subscription ($n: Boolean = true) { events { ...Part } }
        fragment Part on Event { loaded number @include(if: $n) }"""

    numbers = await loads(
        port,
        feed,
        {"query": QUERY},
        {"query": others},
        {"query": varied},
        {"query": varied, "variables": {"n": False}},
        {"query": spread},
        {"query": spread, "variables": {"n": False}},
    )

    assert numbers == [1, 2, 3, 4, 5, 6]


async def test_who_wants_to_know_of_calls_has_an_execution_of_its_own(port: int, feed: Feed) -> None:
    numbers = await loads(port, feed, {"query": QUERY})
    payloads = [await explained(port, feed, {"query": QUERY}) for _ in range(2)]

    assert numbers == [1]
    assert [payload["data"]["events"]["loaded"] for payload in payloads] == [2, 3]
    assert [payload["extensions"] for payload in payloads] == [{"gateway": {"calls": []}}] * 2


async def test_an_event_at_the_same_place_that_says_something_else_is_executed(
    shared: SharedResponses, quick: Executions
) -> None:
    await bodies(shared, quick, ["asked"], EVENT)

    assert await bodies(shared, quick, ["asked"], Event(1, "c1")) == [b"1"]
    assert await bodies(shared, quick, ["asked"], Event(2, "c1")) == [b"2"]
    assert await bodies(shared, quick, ["something else"], EVENT) == [b"3"]


async def test_a_response_is_good_for_a_moment_only(shared: SharedResponses, clock: Clock, quick: Executions) -> None:
    await bodies(shared, quick, ["asked"], EVENT)
    clock.seconds = MAX_SECONDS + 0.001

    assert await bodies(shared, quick, ["asked", "asked"], EVENT) == [b"2", b"2"]


async def test_the_oldest_responses_make_room(shared: SharedResponses, quick: Executions) -> None:
    for number in range(MAX_RESPONSES + 1):
        await bodies(shared, quick, ["asked"], Event(number, f"c{number}"))

    assert await bodies(shared, quick, ["asked"], Event(1, "c1")) == [b"2"]
    assert await bodies(shared, quick, ["asked"], Event(0, "c0")) == [str(MAX_RESPONSES + 2).encode()]


async def test_what_has_no_place_or_is_for_one_client_alone_is_not_shared(
    shared: SharedResponses, quick: Executions
) -> None:
    without_place = ValueError("no cursor")

    assert await bodies(shared, quick, ["asked", "asked"], without_place) == [b"1", b"2"]
    assert await bodies(shared, quick, [None, None], EVENT) == [b"3", b"4"]


async def test_a_response_with_errors_is_shared_while_it_is_on_its_way_and_not_kept(shared: SharedResponses) -> None:
    executions = Executions(whole=False)
    waiting = [asyncio.ensure_future(shared.response("asked", EVENT, executions)) for _ in range(3)]
    await asyncio.sleep(0)
    executions.may_end.set()

    together = [response.body for response in await asyncio.gather(*waiting)]
    later = await bodies(shared, executions, ["asked"], EVENT)

    assert together == [b"1", b"1", b"1"]
    assert later == [b"2"]


async def test_an_event_on_its_way_is_executed_anew_only_for_who_got_another_one_at_that_place(
    shared: SharedResponses,
) -> None:
    executions = Executions()
    events = [EVENT, EVENT, Event(2, "c1")]
    waiting = [asyncio.ensure_future(shared.response("asked", event, executions)) for event in events]
    await asyncio.sleep(0)
    executions.may_end.set()

    assert [response.body for response in await asyncio.gather(*waiting)] == [b"1", b"1", b"2"]
    assert executions.executed == [EVENT, Event(2, "c1")]


async def test_a_client_that_leaves_lets_one_of_the_others_execute_what_all_wait_for(shared: SharedResponses) -> None:
    executions = Executions()
    leaving, *staying = [asyncio.ensure_future(shared.response("asked", EVENT, executions)) for _ in range(4)]
    await asyncio.sleep(0)

    leaving.cancel()
    await asyncio.wait([leaving])
    executions.may_end.set()

    assert [response.body for response in await asyncio.gather(*staying)] == [b"2", b"2", b"2"]


async def test_clients_that_leave_together_end_and_execute_nothing_more(shared: SharedResponses) -> None:
    executions = Executions()
    leaving = [asyncio.ensure_future(shared.response("asked", EVENT, executions)) for _ in range(3)]
    await asyncio.sleep(0)

    for client in leaving:
        client.cancel()
    done, _ = await asyncio.wait(leaving, timeout=1)

    assert executions.executed == [EVENT]
    assert all(client.cancelled() for client in done)
    assert len(done) == 3


async def test_a_client_that_leaves_while_it_waits_disturbs_nobody(shared: SharedResponses) -> None:
    executions = Executions()
    first, leaving, last = [asyncio.ensure_future(shared.response("asked", EVENT, executions)) for _ in range(3)]
    await asyncio.sleep(0)

    leaving.cancel()
    await asyncio.wait([leaving])
    executions.may_end.set()

    assert leaving.cancelled()
    assert [response.body for response in await asyncio.gather(first, last)] == [b"1", b"1"]


async def test_a_failure_that_nothing_foresaw_is_that_of_all_who_wait_and_of_nobody_later(
    shared: SharedResponses,
) -> None:
    executions = Executions()
    executions.failure = failure = ZeroDivisionError()
    waiting = [asyncio.ensure_future(shared.response("asked", EVENT, executions)) for _ in range(2)]
    await asyncio.sleep(0)
    executions.may_end.set()

    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    executions.failure = None

    assert outcomes == [failure, failure]
    assert await bodies(shared, executions, ["asked"], EVENT) == [b"2"]
