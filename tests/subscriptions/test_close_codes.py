import asyncio

import pytest
from websockets.asyncio.client import connect

from gateway.subscriptions.connections import SubscriptionsConfig
from gateway.subscriptions.socket_channel import expired, init_timeout
from tests.subscriptions.conftest import Serve
from tests.subscriptions.feed import Event, Feed, Served
from tests.subscriptions.socket_client import NEW, OLD, SUBSCRIPTION, connected, initialized

PROTOCOLS = pytest.mark.parametrize(("protocol", "start"), [(NEW, "subscribe"), (OLD, "start")])


@pytest.mark.parametrize("protocol", [NEW, OLD])
@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"type":"unheard of"}',
        '{"type":7}',
        '{"type":"connection_init","payload":[]}',
        '{"type":"connection_init","payload":' + '{"a":' * 2000 + "1" + "}" * 2000 + "}",
    ],
)
async def test_what_is_no_message_of_the_protocol_closes_with_4400(port: int, protocol: str, text: str) -> None:
    async with connected(port, protocol) as client:
        await client.connection.send(text)

        assert (await client.closing())[0] == 4400


async def test_a_binary_message_closes_with_4400(port: int) -> None:
    async with connected(port, NEW) as client:
        await client.connection.send(b'{"type":"connection_init"}')

        assert await client.closing() == (4400, "Send text messages: this one is binary.")


@PROTOCOLS
@pytest.mark.parametrize(
    "message", ['"payload":{"query":"{hello}"}', '"id":"a"', '"id":"a","payload":{"query":7}', '"id":"","payload":{}']
)
async def test_an_operation_without_id_or_query_closes_with_4400(
    port: int, protocol: str, start: str, message: str
) -> None:
    async with initialized(port, protocol) as client:
        await client.connection.send(f'{{"type":"{start}",{message}}}')

        assert (await client.closing())[0] == 4400


@PROTOCOLS
async def test_an_operation_before_connection_init_closes_with_4401(port: int, protocol: str, start: str) -> None:
    async with connected(port, protocol) as client:
        await client.say(start, "a", query=SUBSCRIPTION)

        assert (await client.closing())[0] == 4401


@pytest.mark.parametrize("protocol", [NEW, OLD])
async def test_wrong_credentials_close_with_4403(port: int, protocol: str) -> None:
    async with connected(port, protocol) as client:
        await client.say("connection_init", authorization="mallory")

        assert await client.closing() == (4403, "This token is not known.")


async def test_credentials_that_cannot_be_checked_now_close_with_1013(port: int) -> None:
    async with connected(port, NEW) as client:
        await client.say("connection_init", authorization="patience")

        assert (await client.closing())[0] == 1013


async def test_a_token_that_runs_out_closes_with_4403(port: int) -> None:
    async with connected(port, NEW) as client:
        await client.say("connection_init", authorization="ada 0.01")

        assert await client.closing() == (4403, expired().reason)


async def test_with_the_token_its_subscriptions_end(port: int, feed: Feed) -> None:
    async with initialized(port, authorization="ada 1000") as client:
        await client.say("subscribe", "a", query=SUBSCRIPTION)
        source = await feed.opened.get()
        await client.say("ping", authorization="Bearer ada 0")

        assert (await client.closing())[0] == 4403
        await asyncio.wait_for(source.closed.wait(), 5)


async def test_a_ping_with_a_new_token_goes_on(port: int, feed: Feed) -> None:
    async with initialized(port, authorization="ada 1000") as client:
        await client.say("subscribe", "a", query=SUBSCRIPTION)
        await client.say("ping", authorization="Bearer ada 2000")
        assert await client.hear() == {"type": "pong"}
        (await feed.opened.get()).events.put_nowait(Event(1, "c1"))

        assert (await client.hear())["type"] == "next"


@pytest.mark.parametrize("token", ["mallory", "Bearer mallory", "Bearer eve 1000"])
async def test_a_ping_with_a_wrong_token_or_another_callers_closes_with_4403(port: int, token: str) -> None:
    async with initialized(port, authorization="ada 1000") as client:
        await client.say("ping", authorization=token)

        assert (await client.closing())[0] == 4403


async def test_no_common_protocol_closes_with_4406(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/graphql", proxy=None, close_timeout=1) as connection:
        await connection.wait_closed()

    assert connection.close_code == 4406


@pytest.mark.parametrize("protocol", [NEW, OLD])
async def test_a_missing_connection_init_closes_with_4408(serve: Serve, protocol: str) -> None:
    async with serve(SubscriptionsConfig(init_seconds=0.01)) as port, connected(port, protocol) as client:
        assert await client.closing() == (4408, init_timeout().reason)


async def test_a_second_operation_under_a_running_id_closes_with_4409(port: int, feed: Feed) -> None:
    async with initialized(port) as client:
        await client.say("subscribe", "a", query=SUBSCRIPTION)
        await feed.opened.get()
        await client.say("subscribe", "a", query=SUBSCRIPTION)

        assert await client.closing() == (4409, "Choose another id: Subscriber for a already exists")


async def test_a_reason_that_is_too_long_for_a_close_frame_is_cut(port: int) -> None:
    async with initialized(port) as client:
        for _ in range(2):
            await client.say("subscribe", "ä" * 200, query=SUBSCRIPTION)
        code, reason = await client.closing()

    assert code == 4409
    assert len(reason.encode()) <= 123


async def test_a_second_connection_init_closes_with_4429(port: int) -> None:
    async with initialized(port) as client:
        await client.say("connection_init")

        assert (await client.closing())[0] == 4429


async def test_more_connections_than_a_caller_may_have_close_with_1013(serve: Serve) -> None:
    async with (
        serve(SubscriptionsConfig(connections_per_caller=1)) as port,
        initialized(port, authorization="ada"),
        connected(port, NEW) as second,
        initialized(port, authorization="bob") as another,
    ):
        await second.say("connection_init", authorization="ada")
        await another.say("ping")

        assert (await second.closing())[0] == 1013
        assert await another.hear() == {"type": "pong"}


async def test_a_connection_that_ended_counts_no_longer(serve: Serve, feed: Feed) -> None:
    async with serve(SubscriptionsConfig(connections_per_caller=1)) as port:
        async with initialized(port) as first:
            await first.say("subscribe", "a", query=SUBSCRIPTION)
            source = await feed.opened.get()
        await asyncio.wait_for(source.closed.wait(), 5)

        async with initialized(port) as second:
            await second.say("ping")
            assert await second.hear() == {"type": "pong"}


async def test_the_end_of_the_process_closes_with_1012_and_lets_nobody_in(port: int, served: Served) -> None:
    async with initialized(port) as client:
        served.subscriptions.stop_accepting()

        assert (await client.closing())[0] == 1012
    async with connected(port, NEW) as late:
        assert (await late.closing())[0] == 1012
    assert not served.subscriptions.accepting
