"""Whatever a server says, a call ends in an answer or an error of ours, and the next call is none the worse for it."""

import asyncio
import gzip
from random import Random

import pytest

from resolvers.errors import UpstreamError
from resolvers.upstreams.call import Answer
from resolvers.upstreams.transport.wire.wire import Wire
from tests.upstreams.transport.wire.talking_server import answer, call_to, serving

WHOLE = (
    answer(b'{"a": 1}'),
    answer(gzip.compress(b'{"a": 1}'), "content-encoding: gzip"),
    b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n',
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"[]"),
    b"HTTP/1.0 200 OK\r\n\r\n{}",
)
TROUBLES = (b"\r\n", b"\r", b"\n", b"\0", b":", b"-1", b"HTTP/1.1 200 OK\r\n", b"content-length: 3\r\n", b"\xff", b"0")
ROUNDS = 400
ROUNDS_WITH_MORE = 150
PATIENCE = 0.02
"""Seconds until a call is given up whose answer will never be whole."""


def troubled(random: Random) -> bytes:
    """An answer with up to three things wrong."""
    said = bytearray(random.choice(WHOLE))
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(said) + 1)
        until = min(len(said), at + random.choice((0, 0, 1, 5)))
        said[at:until] = random.choice(TROUBLES)
    return bytes(said)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_an_answer_with_anything_wrong_is_an_answer_or_an_error_of_ours(wire: Wire, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - the same troubles each time
    right = answer(b"right")
    says = right

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        if says is not right:
            await writer.drain()
            writer.close()

    outcomes: list[object] = []
    async with serving(talk) as server:
        for _ in range(ROUNDS):
            says = troubled(random)
            outcomes += await asyncio.gather(wire.send(call_to(server.url, method="POST")), return_exceptions=True)
            says = right
            outcomes.append((await wire.send(call_to(server.url))).body)

    assert outcomes[1::2] == [b"right"] * ROUNDS
    assert {type(outcome) for outcome in outcomes[::2]} >= {Answer}
    assert all(isinstance(outcome, Answer | UpstreamError) for outcome in outcomes[::2])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_comes_in_one_read_with_an_answer_the_next_caller_gets_its_own(wire: Wire, seed: int) -> None:
    """The server keeps the connection open and goes on as if nothing had happened."""
    random = Random(seed)  # noqa: S311 - the same troubles each time
    right = answer(b"right")
    says = right

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)

    next_bodies = []
    async with serving(talk) as server:
        for _ in range(ROUNDS_WITH_MORE):
            more = random.choice((b"", answer(b"wrong"), random.choice(WHOLE), random.choice(TROUBLES)))
            says = random.choice((troubled(random), random.choice(WHOLE))) + more[: random.randint(0, len(more))]
            call = call_to(server.url, method="POST", timeout=PATIENCE)
            await asyncio.gather(wire.send(call), return_exceptions=True)
            says = right
            next_bodies.append((await wire.send(call_to(server.url, method="POST"))).body)

    assert next_bodies == [b"right"] * ROUNDS_WITH_MORE
