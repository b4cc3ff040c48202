import httpx
import pytest

from gateway.http.negotiation import (
    EVENT_STREAM,
    GRAPHQL_RESPONSE,
    HTML,
    JSON,
    AcceptedCoding,
    coding_negotiator,
    negotiator,
)
from gateway.http.refusals import NotAcceptable

BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
EVERYTHING = b"application/graphql-response+json, application/graphql+json, application/json, text/event-stream"
REFUSED = ["text/plain", "", "*/*;q=0", "application/json; charset=latin1", "application/json;q=nan", "text/html"]


@pytest.mark.parametrize(
    ("accept", "favourite"),
    [
        (b"application/json", JSON),
        (b"application/graphql-response+json", GRAPHQL_RESPONSE),
        (b"APPLICATION/GraphQL-Response+JSON; charset=UTF-8", GRAPHQL_RESPONSE),
        (b"*/*", JSON),
        (b"application/*", JSON),
        (b"application/*;q=0.5, */*;q=0.1", JSON),
        (b"application/graphql-response+json, */*", GRAPHQL_RESPONSE),
        (b"application/graphql-response+json, application/json;q=0.9", GRAPHQL_RESPONSE),
        (b"application/json, application/graphql-response+json", GRAPHQL_RESPONSE),
        (b"application/json, application/graphql-response+json;q=0.9", JSON),
        (b"application/json;q=0, */*", GRAPHQL_RESPONSE),
        (b"application/json;q=oops, application/graphql-response+json;q=0.1", GRAPHQL_RESPONSE),
        (b"text/plain, application/json;q=0.1", JSON),
        (EVERYTHING, GRAPHQL_RESPONSE),
        (b"text/event-stream", EVENT_STREAM),
        (b"text/event-stream, application/json;q=0.9", EVENT_STREAM),
        (BROWSER, HTML),
        (b"text/*", HTML),
    ],
)
def test_the_client_gets_its_favourite(accept: bytes, favourite: bytes) -> None:
    negotiate = negotiator((GRAPHQL_RESPONSE, JSON, HTML, EVENT_STREAM))

    assert negotiate(accept) == favourite


@pytest.mark.parametrize("accept", REFUSED)
def test_a_client_that_takes_none_of_the_offers_is_refused(accept: str) -> None:
    negotiate = negotiator((GRAPHQL_RESPONSE, JSON))

    with pytest.raises(NotAcceptable, match="application/graphql-response\\+json, application/json"):
        negotiate(accept.encode())


async def test_not_acceptable_is_a_406_with_an_error_that_says_what_there_is(client: httpx.AsyncClient) -> None:
    response = await client.post("", json={"query": "{ hello }"}, headers={"accept": "text/event-stream"})

    assert response.status_code == 406
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_INPUT"}


async def test_two_accept_headers_count_as_one_list(client: httpx.AsyncClient) -> None:
    headers = [("accept", "text/plain"), ("accept", "application/graphql-response+json")]

    response = await client.post("", json={"query": "{ hello }"}, headers=headers)

    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"


ANY_CODING = (b"zstd", b"br", b"gzip")


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        (b"gzip", AcceptedCoding(b"gzip")),
        (b"gzip, deflate, br, zstd", AcceptedCoding(b"zstd")),
        (b"gzip, deflate, br", AcceptedCoding(b"br")),
        (b"GZIP;Q=1.0, br; q=0.9", AcceptedCoding(b"gzip")),
        (b"x-gzip", AcceptedCoding(b"gzip")),
        (b"zstd;q=0, br;q=0.1", AcceptedCoding(b"br")),
        (b"gzip;q=0.5, identity;q=0.5", AcceptedCoding(b"gzip")),
        (b"*", AcceptedCoding(b"gzip")),
        (b"*;q=0.5, br;q=0.4", AcceptedCoding(b"gzip")),
        (b"gzip;q=0, *", AcceptedCoding(b"zstd")),
        (b"gzip, identity;q=0", AcceptedCoding(b"gzip", required=True)),
        (b"gzip, *;q=0", AcceptedCoding(b"gzip", required=True)),
        (b"gzip;q=0.5, identity", None),
        (b"*;q=0, identity", None),
        (b"gzip;q=oops", None),
        (b"deflate, compress", None),
        (b"identity", None),
        (b"gzip;q=0", None),
        (b"", None),
    ],
)
def test_the_client_gets_its_favourite_content_coding(accept_encoding: bytes, coding: AcceptedCoding | None) -> None:
    assert coding_negotiator(ANY_CODING)(accept_encoding) == coding


@pytest.mark.parametrize("accept_encoding", [b"identity;q=0", b"*;q=0", b"deflate, identity;q=0", b"gzip;q=0, *;q=0"])
def test_a_client_that_takes_no_form_of_a_response_is_refused(accept_encoding: bytes) -> None:
    with pytest.raises(NotAcceptable, match="zstd, br, gzip, identity"):
        coding_negotiator(ANY_CODING)(accept_encoding)
