"""Calls on a connection that was used before: each has its own time, and one that is given up ends the connection."""

import asyncio

import pytest

from resolvers.errors import UpstreamTimeout
from resolvers.upstreams.transport.wire.wire import Wire
from tests.upstreams.transport.wire.talking_server import Talk, answer, answering, by_turns, call_to, serving


def silent_until(event: asyncio.Event) -> Talk:
    """Answer once something has happened."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await event.wait()
        writer.write(answer(b"late"))

    return talk


async def time_out(wire: Wire, seconds: float) -> None:
    """Let so much time pass: that of a call that nobody answers."""
    async with serving(silent_until(asyncio.Event())) as server:
        with pytest.raises(UpstreamTimeout):
            await wire.send(call_to(server.url, timeout=seconds))


async def test_a_call_has_its_own_time_however_little_the_one_before_it_had(wire: Wire) -> None:
    may_answer = asyncio.Event()

    async with serving(by_turns(answering(b"1"), silent_until(may_answer))) as server:
        await wire.send(call_to(server.url, timeout=0.1))
        patient = asyncio.ensure_future(wire.send(call_to(server.url)))
        await time_out(wire, 0.15)
        may_answer.set()

        answered = await patient

    assert answered.body == b"late"
    assert server.connections == 1


async def test_a_call_is_late_at_its_own_time_however_much_the_one_before_it_had(wire: Wire) -> None:
    async with serving(by_turns(answering(b"1"), silent_until(asyncio.Event()))) as server:
        await wire.send(call_to(server.url, timeout=60))

        async with asyncio.timeout(5):
            with pytest.raises(UpstreamTimeout):
                await wire.send(call_to(server.url, timeout=0.05))

    assert server.connections == 1


async def test_a_call_is_late_even_where_the_time_of_the_one_before_it_ended_meanwhile(wire: Wire) -> None:
    async with serving(by_turns(answering(b"1"), silent_until(asyncio.Event()))) as server:
        await wire.send(call_to(server.url, timeout=0.05))

        async with asyncio.timeout(5):
            with pytest.raises(UpstreamTimeout):
                await wire.send(call_to(server.url, timeout=0.15))

    assert server.connections == 1


async def test_a_kept_connection_survives_the_time_of_its_last_call(wire: Wire) -> None:
    async with serving(answering(b"1")) as server:
        await wire.send(call_to(server.url, timeout=0.05))
        await time_out(wire, 0.1)
        await wire.send(call_to(server.url))

    assert server.connections == 1


async def test_a_call_given_up_ends_the_connection_that_would_bring_its_answer(wire: Wire) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.set()
        try:
            await reader.read()
        finally:
            ended.set()

    async with serving(by_turns(answering(b"1"), wait_for_the_end)) as server:
        await wire.send(call_to(server.url))
        given_up = asyncio.ensure_future(wire.send(call_to(server.url)))
        await asked.wait()

        given_up.cancel()

        async with asyncio.timeout(5):
            await ended.wait()
    assert server.connections == 1
