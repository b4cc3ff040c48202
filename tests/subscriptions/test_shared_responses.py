from gateway.subscriptions.response import Response
from gateway.subscriptions.shared_responses import MAX_RESPONSES, MAX_SECONDS, SharedResponses
from tests.subscriptions.feed import Event, Feed
from tests.subscriptions.socket_client import initialized

QUERY = "subscription { events { number loaded } }"
RESPONSE = Response(b"{}", "c1", whole=True)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def loads(port: int, feed: Feed, *operations: dict[str, object]) -> list[int]:
    """By which loaders one event is answered for each operation, each over its own socket."""
    numbers = []
    for operation in operations:
        async with initialized(port) as client:
            await client.say("subscribe", "a", **operation)
            (await feed.opened.get()).events.put_nowait(Event(1, "c1"))
            numbers.append((await client.hear())["payload"]["data"]["events"]["loaded"])
    return numbers


async def test_an_event_is_executed_once_for_all_who_ask_the_same(port: int, feed: Feed) -> None:
    assert await loads(port, feed, {"query": QUERY}, {"query": QUERY}) == [1, 1]


async def test_who_asks_something_else_has_an_execution_of_its_own(port: int, feed: Feed) -> None:
    others = "subscription { events { loaded number } }"
    varied = "subscription ($n: Boolean = true) { events { number @include(if: $n) loaded } }"

    numbers = await loads(
        port,
        feed,
        {"query": QUERY},
        {"query": others},
        {"query": varied},
        {"query": varied, "variables": {"n": False}},
    )

    assert numbers == [1, 2, 3, 4]


def test_an_event_at_the_same_place_that_says_something_else_is_executed() -> None:
    shared = SharedResponses(Clock())
    shared.keep("asked", Event(1, "c1"), RESPONSE)

    assert shared.find("asked", Event(1, "c1")) is RESPONSE
    assert shared.find("asked", Event(2, "c1")) is None
    assert shared.find("something else", Event(1, "c1")) is None


def test_a_response_is_good_for_a_moment_only() -> None:
    clock = Clock()
    shared = SharedResponses(clock)
    shared.keep("asked", Event(1, "c1"), RESPONSE)
    clock.seconds = MAX_SECONDS + 0.001

    assert shared.find("asked", Event(1, "c1")) is None


def test_the_oldest_responses_make_room() -> None:
    shared = SharedResponses(Clock())
    for number in range(MAX_RESPONSES + 1):
        shared.keep("asked", Event(number, f"c{number}"), RESPONSE)

    assert shared.find("asked", Event(0, "c0")) is None
    assert shared.find("asked", Event(1, "c1")) is RESPONSE


def test_what_has_no_place_is_not_kept() -> None:
    shared = SharedResponses(Clock())
    shared.keep("asked", ValueError("no cursor"), RESPONSE)

    assert shared.find("asked", ValueError("no cursor")) is None
