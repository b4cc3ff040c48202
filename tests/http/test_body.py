"""How a body is put together, by the pieces that the server hands over: on a socket it alone decides where they end."""

import pytest
from starlette.types import Message, Receive

from gateway.http.refusals import BodyTooLarge, ClientGone
from gateway.http.request import read_body, whole_body


def piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def giving(messages: list[Message]) -> Receive:
    async def receive() -> Message:
        return messages.pop(0)

    return receive


async def read(messages: list[Message], limit: int) -> bytes:
    receive = giving(messages)
    first = await receive()
    body = whole_body(first, limit)
    return await read_body(first, receive, limit) if body is None else body


@pytest.mark.parametrize(
    "messages",
    [
        [piece(b"abcdef", more=False)],
        [piece(b"abc", more=True), piece(b"def", more=False)],
        [piece(b"", more=True), piece(b"abcdef", more=True), piece(b"", more=False)],
    ],
)
async def test_a_body_up_to_the_limit_is_whole_however_it_comes(messages: list[Message]) -> None:
    assert await read(messages, limit=6) == b"abcdef"


@pytest.mark.parametrize(
    "messages",
    [
        [piece(b"abcdefg", more=False)],
        [piece(b"abcdefg", more=True), piece(b"never read", more=False)],
        [piece(b"abc", more=True), piece(b"defg", more=True), piece(b"never read", more=False)],
    ],
)
async def test_reading_stops_at_the_first_piece_over_the_limit(messages: list[Message]) -> None:
    with pytest.raises(BodyTooLarge, match="6 bytes"):
        await read(messages, limit=6)

    assert [message["body"] for message in messages] in ([], [b"never read"])


async def test_a_connection_that_closes_midway_is_no_body() -> None:
    with pytest.raises(ClientGone):
        await read([piece(b"abc", more=True), {"type": "http.disconnect"}], limit=6)
