import asyncio

import pytest

from gateway.subscriptions.connections import SubscriptionsConfig
from resolvers.errors import BadInput
from tests.subscriptions.conftest import Serve
from tests.subscriptions.feed import MAX_MESSAGE_BYTES, Event, Feed, unknown_record
from tests.subscriptions.socket_client import NEW, OLD, SUBSCRIPTION, connected, initialized


async def test_a_subscription_gives_each_event_and_then_its_end(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query=SUBSCRIPTION)
        source = await feed.opened.get()
        for event in (Event(1, "c1"), Event(2, "c2"), None):
            source.events.put_nowait(event)

        said = [await client.hear() for _ in range(3)]

    assert said == [
        {"id": "a", "type": "next", "payload": {"data": {"events": {"number": 1}}}},
        {"id": "a", "type": "next", "payload": {"data": {"events": {"number": 2}}}},
        {"id": "a", "type": "complete"},
    ]


async def test_each_event_is_answered_with_loaders_of_its_own(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query="subscription { events { loaded again: loaded } }")
        source = await feed.opened.get()
        source.events.put_nowait(Event(1, "c1"))
        source.events.put_nowait(Event(2, "c2"))

        said = [(await client.hear())["payload"]["data"]["events"] for _ in range(2)]

    assert said == [{"loaded": 1, "again": 1}, {"loaded": 2, "again": 2}]


async def test_a_query_and_a_mutation_are_answered_once_each(port: int, feed: Feed) -> None:
    feed.may_touch.set()
    async with initialized(port) as client:
        await client.say("subscribe", "q", query="query ($n: String!) { hello(name: $n) }", variables={"n": "Ada"})
        query = [await client.hear() for _ in range(2)]
        await client.say("subscribe", "m", query="mutation { touch }")
        mutation = [await client.hear() for _ in range(2)]

    assert query == [
        {"id": "q", "type": "next", "payload": {"data": {"hello": "Hello, Ada"}}},
        {"id": "q", "type": "complete"},
    ]
    assert mutation[0]["payload"] == {"data": {"touch": True}}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("subscription { nothing }", "Cannot query field"),
        ("subscription {", "Syntax Error"),
        ("subscription ($a: Int!) { events { number } }", "Variable '$a'"),
        ('subscription { events(after: "never made") { number } }', "No cursor of this gateway"),
        ("query A { hello } query B { hello }", "several operations"),
    ],
)
async def test_an_operation_that_cannot_run_is_an_error_of_its_id(port: int, query: str, message: str) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query=query)
        said = await client.hear()

    assert (said["id"], said["type"]) == ("a", "error")
    assert message in said["payload"][0]["message"]
    assert said["payload"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_a_source_that_breaks_is_the_last_thing_said_of_its_subscription(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query=SUBSCRIPTION)
        source = await feed.opened.get()
        source.events.put_nowait(Event(1, "c1"))
        source.events.put_nowait(BadInput("The log was rebuilt.", path=["after"]))
        first, second = [await client.hear() for _ in range(2)]

    assert first["type"] == "next"
    assert (second["type"], second["payload"][0]["message"]) == ("error", "The log was rebuilt.")


async def test_an_unforeseen_error_is_masked(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query=SUBSCRIPTION)
        (await feed.opened.get()).events.put_nowait(ZeroDivisionError("planted secret"))
        said = await client.hear()

    assert said["payload"][0]["extensions"] == {"code": "INTERNAL"}
    assert "planted" not in str(said)


async def test_an_error_given_as_an_event_is_one_event_and_the_others_go_on(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query=SUBSCRIPTION)
        source = await feed.opened.get()
        source.events.put_nowait(unknown_record())
        source.events.put_nowait(Event(2, "c2"))
        first, second = [await client.hear() for _ in range(2)]

    assert first["payload"]["data"] is None
    assert first["payload"]["errors"][0]["extensions"] == {"code": "NOT_FOUND"}
    assert second["payload"] == {"data": {"events": {"number": 2}}}


async def test_a_client_that_completes_closes_the_source_and_may_use_the_id_again(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query=SUBSCRIPTION)
        source = await feed.opened.get()
        await client.say("complete", "a")
        await client.say("complete", "never there")
        await client.say("subscribe", "a", query="{ hello }")
        said = await client.hear()
        await asyncio.wait_for(source.closed.wait(), 5)

    assert said["payload"] == {"data": {"hello": "Hello, world"}}


async def test_a_lost_connection_closes_every_source(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        for operation_id in ("a", "b"):
            await client.say("subscribe", operation_id, query=SUBSCRIPTION)
        sources = [await feed.opened.get() for _ in range(2)]

    assert all(await asyncio.wait_for(asyncio.gather(*(source.closed.wait() for source in sources)), 5))


async def test_a_mutation_runs_to_its_end_although_its_client_has_left(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "m", query="mutation { touch }")
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}
    feed.may_touch.set()

    await asyncio.wait_for(feed.touched.wait(), 5)


async def test_a_ping_is_answered_before_and_after_connection_init(port: int) -> None:
    async with connected(port, NEW) as client:
        await client.say("ping")
        early = await client.hear()
        await client.say("connection_init")
        await client.hear()
        await client.say("pong")
        await client.say("ping", note="how far is it?")
        late = await client.hear()

    assert early == late == {"type": "pong"}


async def test_signs_of_life_are_sent_while_nothing_happens(serve: Serve) -> None:
    async with serve(SubscriptionsConfig(keep_alive_seconds=0.01)) as port, initialized(port) as client:
        said = [await client.hear() for _ in range(2)]

    assert said == [{"type": "ping"}, {"type": "ping"}]


async def test_of_two_offered_protocols_the_newer_is_spoken(port: int) -> None:
    async with connected(port, OLD, NEW) as client:
        assert client.connection.subprotocol == NEW


async def test_the_handshake_tells_the_request_id(port: int) -> None:
    async with connected(port, NEW, headers={"x-request-id": "i-1"}) as client:
        assert client.connection.response is not None
        assert client.connection.response.headers["x-request-id"] == "i-1"


async def test_more_operations_than_allowed_are_refused_and_the_others_go_on(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        for operation_id in ("a", "b", "c"):
            await client.say("subscribe", operation_id, query=SUBSCRIPTION)
        sources = [await feed.opened.get() for _ in range(3)]
        await client.say("subscribe", "d", query=SUBSCRIPTION)
        refused = await client.hear()
        sources[0].events.put_nowait(Event(1, "c1"))
        event = await client.hear()

    assert (refused["id"], refused["type"]) == ("d", "error")
    assert refused["payload"][0]["extensions"] == {"code": "RATE_LIMITED", "retryable": True}
    assert (event["id"], event["type"]) == ("a", "next")


async def test_a_message_over_the_limit_closes_the_socket(port: int) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query="#" * MAX_MESSAGE_BYTES + "{ hello }")

        assert (await client.closing())[0] == 1009
