import asyncio

import orjson
import pytest

from gateway.subscriptions.connections import SubscriptionsConfig
from tests.subscriptions.conftest import Serve
from tests.subscriptions.feed import MAX_MESSAGE_BYTES, Event, Feed, Served
from tests.subscriptions.socket_client import SUBSCRIPTION
from tests.subscriptions.stream_client import Answer, asking

RESUMABLE = "subscription ($after: String) { events(after: $after) { number } }"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_event_has_its_cursor_as_id_and_the_end_is_told(port: int, feed: Feed, method: str) -> None:
    async with asking(port, SUBSCRIPTION, method=method) as answer:
        source = await feed.opened.get()
        source.events.put_nowait(Event(1, "c1"))
        source.events.put_nowait(None)
        event, end, rest = await answer.event(), await answer.event(), await answer.until(b"\n\n")

    assert answer.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.response.headers["cache-control"] == "no-store"
    assert answer.response.headers["x-accel-buffering"] == "no"
    assert event == {"event": "next", "id": "c1", "data": '{"data":{"events":{"number":1}}}'}
    assert end == {"event": "complete", "data": ""}
    assert rest == b""


@pytest.mark.parametrize(
    "query",
    [
        SUBSCRIPTION,
        RESUMABLE,
        'subscription { events(after: "c0") { number } }',
        'subscription { ...Root } fragment Root on Subscription { events(after: "c0") { number } }',
    ],
)
async def test_last_event_id_stands_for_the_argument_after(port: int, feed: Feed, query: str) -> None:
    async with asking(port, query, headers={"last-event-id": "c7"}) as answer:
        source = await feed.opened.get()
        source.events.put_nowait(Event(8, "c8"))
        event = await answer.event()

    assert source.after == "c7"
    assert event["id"] == "c8"


async def test_without_last_event_id_the_argument_counts(port: int, feed: Feed) -> None:
    async with asking(port, 'subscription { events(after: "c0") { number } }'):
        source = await feed.opened.get()

    assert source.after == "c0"


async def test_a_cursor_that_was_never_made_is_bad_input(port: int) -> None:
    async with asking(port, SUBSCRIPTION, headers={"last-event-id": "never made"}) as answer:
        event, end = await answer.event(), await answer.event()

    assert orjson.loads(event["data"])["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    assert end["event"] == "complete"


@pytest.mark.parametrize("query", ["{ hello }", "mutation { touch }"])
async def test_a_query_and_a_mutation_are_one_event_and_the_end(port: int, feed: Feed, query: str) -> None:
    feed.may_touch.set()
    async with asking(port, query) as answer:
        event, end = await answer.event(), await answer.event()

    assert event["event"] == "next"
    assert orjson.loads(event["data"])["data"] in ({"hello": "Hello, world"}, {"touch": True})
    assert end["event"] == "complete"


async def test_a_document_that_is_not_valid_is_told_in_the_stream(port: int) -> None:
    async with asking(port, "{ nothing }") as answer:
        event, end = await answer.event(), await answer.event()

    assert answer.response.status_code == 200
    assert "Cannot query field" in event["data"]
    assert end["event"] == "complete"


@pytest.mark.parametrize(
    ("query", "method", "headers", "status"),
    [
        ("mutation { touch }", "GET", {}, 405),
        ("{ hello }", "POST", {"authorization": "mallory"}, 401),
        ("{ hello }", "POST", {"content-type": "text/plain"}, 415),
        ("#" * MAX_MESSAGE_BYTES, "POST", {}, 413),
        ("{ hello }", "POST", {"origin": "https://evil.example"}, 403),
    ],
)
async def test_a_request_that_http_refuses_has_its_status(
    port: int, query: str, method: str, headers: dict[str, str], status: int
) -> None:
    async with asking(port, query, method=method, headers=headers) as answer:
        assert answer.response.status_code == status


async def test_a_head_request_gets_the_headers_alone(port: int, feed: Feed) -> None:
    async with asking(port, SUBSCRIPTION, method="HEAD") as answer:
        assert answer.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert await answer.until(b"\n\n") == b""

    assert feed.sources == []


async def test_more_connections_than_a_caller_may_have_are_answered_429(serve: Serve, feed: Feed) -> None:
    async with serve(SubscriptionsConfig(connections_per_caller=1)) as port, asking(port, SUBSCRIPTION):
        await feed.opened.get()
        async with asking(port, SUBSCRIPTION) as second:
            assert second.response.status_code == 429


async def test_a_client_that_leaves_closes_the_source(port: int, feed: Feed) -> None:
    async with asking(port, SUBSCRIPTION):
        source = await feed.opened.get()

    assert await asyncio.wait_for(source.closed.wait(), 5)


async def test_signs_of_life_are_sent_while_nothing_happens(serve: Serve) -> None:
    config = SubscriptionsConfig(keep_alive_seconds=0.01)
    async with serve(config) as port, asking(port, SUBSCRIPTION) as answer:
        said = [await answer.until(b"\n\n") for _ in range(3)]

    assert said == [b":", b":", b":"]


async def ended_without_completion(answer: Answer, feed: Feed) -> None:
    source = feed.sources[0]
    await asyncio.wait_for(source.closed.wait(), 5)
    assert await answer.event() == {}


async def test_a_token_that_runs_out_ends_the_stream_without_completing_it(port: int) -> None:
    async with asking(port, SUBSCRIPTION, headers={"authorization": "ada 0.01"}) as answer:
        assert answer.response.status_code == 200
        assert await answer.event() == {}


async def test_the_end_of_the_process_ends_the_stream_without_completing_it(
    port: int, feed: Feed, served: Served
) -> None:
    async with asking(port, SUBSCRIPTION) as answer:
        await feed.opened.get()
        served.subscriptions.stop_accepting()

        await ended_without_completion(answer, feed)
    async with asking(port, SUBSCRIPTION) as late:
        assert await late.event() == {}
