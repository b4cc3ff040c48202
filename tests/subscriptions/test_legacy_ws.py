import asyncio

import pytest

from gateway.subscriptions.connections import SubscriptionsConfig
from tests.subscriptions.conftest import Serve
from tests.subscriptions.feed import Event, Feed
from tests.subscriptions.socket_client import OLD, SUBSCRIPTION, connected, initialized


async def test_a_subscription_gives_each_event_and_then_its_end(port: int, feed: Feed) -> None:
    async with initialized(port, OLD) as client:
        await client.say("start", "1", query=SUBSCRIPTION)
        source = await feed.opened.get()
        source.events.put_nowait(Event(1, "c1"))
        source.events.put_nowait(None)
        said = [await client.hear() for _ in range(2)]

    assert said == [
        {"id": "1", "type": "data", "payload": {"data": {"events": {"number": 1}}}},
        {"id": "1", "type": "complete"},
    ]


async def test_an_operation_that_cannot_run_is_an_error_with_all_that_is_wrong(port: int) -> None:
    async with initialized(port, OLD) as client:
        await client.say("start", "1", query="{ a b }")
        said = await client.hear()

    assert (said["id"], said["type"]) == ("1", "error")
    assert said["payload"]["message"] == said["payload"]["errors"][0]["message"]
    assert len(said["payload"]["errors"]) == 2


async def test_stop_closes_the_source(port: int, feed: Feed) -> None:
    async with initialized(port, OLD) as client:
        await client.say("start", "1", query=SUBSCRIPTION)
        source = await feed.opened.get()
        await client.say("stop", "1")

        assert await asyncio.wait_for(source.closed.wait(), 5)


async def test_a_second_operation_under_a_running_id_takes_its_place(port: int, feed: Feed) -> None:
    async with initialized(port, OLD) as client:
        await client.say("start", "1", query=SUBSCRIPTION)
        first = await feed.opened.get()
        await client.say("start", "1", query=SUBSCRIPTION)
        second = await feed.opened.get()
        await asyncio.wait_for(first.closed.wait(), 5)
        second.events.put_nowait(Event(2, "c2"))

        assert (await client.hear())["payload"] == {"data": {"events": {"number": 2}}}


async def test_a_second_connection_init_has_a_new_token(port: int) -> None:
    async with initialized(port, OLD, authorization="ada 1000") as client:
        await client.say("connection_init", authorization="ada 2000")
        assert await client.hear() == {"type": "connection_ack"}
        await client.say("connection_init", authorization="ada 0")

        assert (await client.closing())[0] == 4403


async def test_wrong_credentials_are_told_before_the_socket_closes(port: int) -> None:
    async with connected(port, OLD) as client:
        await client.say("connection_init", authorization="mallory")
        said = await client.hear()

    assert said["type"] == "connection_error"
    assert said["payload"]["message"] == "This token is not known."


async def test_connection_terminate_closes_the_socket(port: int) -> None:
    async with initialized(port, OLD) as client:
        await client.say("connection_terminate")

        assert (await client.closing())[0] == 1000


async def test_signs_of_life_are_sent_while_nothing_happens(serve: Serve) -> None:
    async with serve(SubscriptionsConfig(keep_alive_seconds=0.01)) as port, initialized(port, OLD) as client:
        assert await client.hear() == {"type": "ka"}


@pytest.mark.parametrize("kind", ["ping", "subscribe", "complete"])
async def test_words_of_the_newer_protocol_are_unknown(port: int, kind: str) -> None:
    async with initialized(port, OLD) as client:
        await client.say(kind, "1")

        assert (await client.closing())[0] == 4400
