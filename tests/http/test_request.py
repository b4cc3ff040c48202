"""How a request's body is read in pieces, which on a socket the server alone decides on, and which id it has."""

import re

import httpx
import pytest
from starlette.types import Message, Receive

from gateway.http.refusals import BodyTooLarge, ClientGone
from gateway.http.request import read_body, whole_body
from tests.http.schema_operations import SchemaOperations


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


@pytest.mark.parametrize("given", ["a", "0f8fad5b-d9cb-469f-a165-70867728950e", "~" * 128])
async def test_a_valid_request_id_is_taken_over_and_echoed(
    client: httpx.AsyncClient, operations: SchemaOperations, given: str
) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers={"x-request-id": given})

    assert response.headers["x-request-id"] == given
    assert operations.requests[0].request_id == given


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "t\tab", "é"])
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers=[(b"x-request-id", given.encode())])

    assert response.headers["x-request-id"] != given
    assert re.fullmatch("[!-~]{1,128}", response.headers["x-request-id"])


async def test_ids_of_our_own_differ_and_refusals_have_them_too(client: httpx.AsyncClient) -> None:
    served = await client.post("", json={"query": "{ hello }"})
    refused = await client.put("")
    options = await client.options("")

    assert len({answer.headers["x-request-id"] for answer in (served, refused, options)}) == 3
