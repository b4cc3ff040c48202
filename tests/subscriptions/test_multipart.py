import asyncio

import pytest

from gateway.subscriptions.connections import SubscriptionsConfig
from tests.subscriptions.conftest import Serve
from tests.subscriptions.feed import Event, Feed, Served
from tests.subscriptions.socket_client import SUBSCRIPTION
from tests.subscriptions.stream_client import MULTIPART, asking

APOLLO_CLIENT = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
APOLLO_IOS = f"{MULTIPART},application/graphql-response+json,application/json"


@pytest.mark.parametrize("accept", [MULTIPART, APOLLO_CLIENT, APOLLO_IOS])
async def test_each_event_is_a_payload_and_the_last_boundary_closes(port: int, feed: Feed, accept: str) -> None:
    async with asking(port, SUBSCRIPTION, accept) as answer:
        assert await answer.until(b"\r\n--graphql") == b""
        source = await feed.opened.get()
        source.events.put_nowait(Event(1, "c1"))
        source.events.put_nowait(None)
        part, rest = await answer.part(), await answer.until(b"never")

    assert answer.response.headers["content-type"] == 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
    assert part == {"payload": {"data": {"events": {"number": 1}}}}
    assert rest == b"--\r\n"


async def test_a_document_that_is_not_valid_is_a_payload_with_errors(port: int) -> None:
    async with asking(port, "subscription { nothing }", MULTIPART) as answer:
        await answer.until(b"\r\n--graphql")
        part = await answer.part()

    assert isinstance(part, dict)
    assert part["payload"]["errors"][0]["extensions"] == {"code": "BAD_INPUT"}


async def test_signs_of_life_are_empty_parts(serve: Serve) -> None:
    config = SubscriptionsConfig(keep_alive_seconds=0.01)
    async with serve(config) as port, asking(port, SUBSCRIPTION, MULTIPART) as answer:
        await answer.until(b"\r\n--graphql")

        assert [await answer.part() for _ in range(2)] == [{}, {}]


async def test_the_end_of_the_process_leaves_the_last_boundary_open(port: int, feed: Feed, served: Served) -> None:
    async with asking(port, SUBSCRIPTION, MULTIPART) as answer:
        await answer.until(b"\r\n--graphql")
        source = await feed.opened.get()
        served.subscriptions.stop_accepting()
        await asyncio.wait_for(source.closed.wait(), 5)

        assert await answer.until(b"never") == b""


@pytest.mark.parametrize("accept", ["multipart/mixed;deferSpec=20220824, application/json", "*/*", "application/json"])
async def test_who_does_not_ask_for_this_protocol_gets_json(port: int, accept: str) -> None:
    async with asking(port, "{ hello }", accept) as answer:
        assert answer.response.headers["content-type"] == "application/json; charset=utf-8"
