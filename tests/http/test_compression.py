import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx
import orjson
import pytest
from starlette.types import Scope

from gateway.http.compression import AT_ONCE, Compression, CompressionConfig
from gateway.http.endpoint import Endpoint, EndpointConfig
from gateway.operations.request import CompressedBodies, GraphQLRequest, Reply
from gateway.operations.responses.response_cache import REVALIDATED
from gateway.sandbox.server import serving
from tests.http.codings import DECODE, decoder
from tests.http.conftest import authenticate

CODINGS: Final = sorted(DECODE)
SMALL: Final = orjson.dumps({"data": "x" * 100})
LARGE: Final = orjson.dumps({"data": ["0123456789"] * 200})
HUGE: Final = orjson.dumps({"data": ["0123456789"] * 10_000})


class OneReply:
    """Runs each operation with the same reply; test lifetime."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply

    async def run(self, request: GraphQLRequest, scope: Scope, caller: str) -> Reply:
        del request, scope, caller
        return self.reply


@asynccontextmanager
async def answering(reply: Reply, compression: Compression | None = None) -> AsyncIterator[httpx.AsyncClient]:
    config = EndpointConfig(compression=compression or Compression(CompressionConfig()))
    async with (
        serving(Endpoint(OneReply(reply), authenticate, config)) as base,
        httpx.AsyncClient(base_url=base, trust_env=False) as client,
    ):
        del client.headers["accept-encoding"]
        yield client


async def raw(client: httpx.AsyncClient, method: str, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
    """Return a response, and its body as it came."""
    given = {"json": {"query": "{ a }"}} if method == "POST" else {"params": {"query": "{ a }"}}
    async with client.stream(method, "/", headers=headers, **given) as response:  # type: ignore[arg-type]  # one of the two
        return response, b"".join([piece async for piece in response.aiter_raw()])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body", [LARGE, HUGE], ids=["large", "huge"])
async def test_a_response_comes_in_the_coding_that_its_client_accepts(body: bytes, coding: str, method: str) -> None:
    async with answering(Reply(200, body)) as client:
        response, sent = await raw(client, method, {"accept-encoding": coding})

    assert response.headers["content-encoding"] == coding
    assert response.headers["content-length"] == str(len(sent))
    assert len(sent) < len(body) / 2
    assert DECODE[coding](sent) == body


@pytest.mark.parametrize(
    ("body", "accept_encoding", "coding"),
    [
        (LARGE, None, None),
        (LARGE, "identity", None),
        (LARGE, "gzip;q=0", None),
        (SMALL, "gzip, br, zstd", None),
        (SMALL, "gzip, identity;q=0", "gzip"),
        (LARGE, "gzip, br, zstd", "zstd"),
    ],
)
async def test_a_response_stays_as_it_is_if_it_is_small_or_its_client_wants_it_so(
    body: bytes, accept_encoding: str | None, coding: str | None
) -> None:
    headers = {} if accept_encoding is None else {"accept-encoding": accept_encoding}
    async with answering(Reply(200, body)) as client:
        response, sent = await raw(client, "POST", headers)

    assert response.headers.get("content-encoding") == coding
    assert (sent == body) is (coding is None)


async def test_a_client_that_takes_no_form_of_a_response_is_refused_before_anything_runs() -> None:
    async with answering(Reply(200, LARGE)) as client:
        response, sent = await raw(client, "POST", {"accept-encoding": "deflate, identity;q=0"})

    assert response.status_code == 406
    assert orjson.loads(sent)["errors"][0]["extensions"]["code"] == "BAD_INPUT"


@pytest.mark.parametrize("coding", [*CODINGS, "identity"])
async def test_each_form_of_a_response_has_an_entity_tag_of_its_own(coding: str) -> None:
    reply = Reply(200, LARGE, (*REVALIDATED, (b"etag", b'"v1"')))
    tags = {one: '"v1"' if one == "identity" else f'"v1-{one}"' for one in (*CODINGS, "identity")}

    async with answering(reply) as client:
        first, _ = await raw(client, "GET", {"accept-encoding": coding})
        known = {
            tag: await raw(client, "GET", {"accept-encoding": coding, "if-none-match": tag}) for tag in tags.values()
        }
        weak, _ = await raw(client, "GET", {"accept-encoding": coding, "if-none-match": f"W/{tags[coding]}"})

    assert first.headers["etag"] == weak.headers["etag"] == tags[coding]
    assert "accept-encoding" in first.headers["vary"]
    assert {tag for tag, (response, _) in known.items() if response.status_code == 304} == {tags[coding]}
    assert weak.status_code == 304
    unchanged, nothing = known[tags[coding]]
    assert (unchanged.headers["etag"], unchanged.headers["vary"], nothing) == (tags[coding], first.headers["vary"], b"")
    assert "content-encoding" not in unchanged.headers


async def test_head_is_answered_as_get_but_for_the_body() -> None:
    async with answering(Reply(200, LARGE, ((b"etag", b'"v1"'),))) as client:
        got, sent = await raw(client, "GET", {"accept-encoding": "br"})
        head, nothing = await raw(client, "HEAD", {"accept-encoding": "br"})

    assert nothing == b""
    names = ("content-encoding", "content-length", "etag", "vary")
    assert [head.headers[name] for name in names] == [got.headers[name] for name in names]
    assert head.headers["content-length"] == str(len(sent))


async def test_large_errors_are_compressed_too() -> None:
    async with answering(Reply(400, LARGE, executed=False, has_errors=True)) as client:
        response, sent = await raw(
            client, "POST", {"accept-encoding": "gzip", "accept": "application/graphql-response+json"}
        )

    assert response.status_code == 400
    assert gzip.decompress(sent) == LARGE


@pytest.mark.parametrize("body", [LARGE, HUGE], ids=["large", "huge"])
async def test_a_kept_response_is_compressed_once_in_each_coding(body: bytes) -> None:
    kept = CompressedBodies(len(body) // 2)
    async with answering(Reply(200, body, compressed=kept)) as client:
        first = {coding: await raw(client, "POST", {"accept-encoding": coding}) for coding in CODINGS}
        made = dict(kept.bodies)
        # Other bytes of the same meaning, so that a form that is made again is seen.
        kept.bodies[b"gzip"] = planted = gzip.compress(body, 9)
        _, again = await raw(client, "POST", {"accept-encoding": "gzip"})

    assert {coding: sent for coding, (_, sent) in first.items()} == {name.decode(): one for name, one in made.items()}
    assert again == planted != made[b"gzip"]


async def test_what_many_wait_for_is_compressed_once() -> None:
    kept = CompressedBodies(len(HUGE) // 2)
    compression = Compression(CompressionConfig())
    reply = Reply(200, HUGE, compressed=kept)

    replies = await asyncio.gather(*(compression.compressed(reply, b"zstd") for _ in range(5)))

    assert len(HUGE) > AT_ONCE
    assert {id(one.body) for one in replies} == {id(kept.bodies[b"zstd"])}


async def test_a_client_that_leaves_takes_the_form_from_nobody_else() -> None:
    kept = CompressedBodies(len(HUGE) // 2)
    compression = Compression(CompressionConfig())
    first, second = (
        asyncio.create_task(compression.compressed(Reply(200, HUGE, compressed=kept), b"gzip")) for _ in "12"
    )
    await asyncio.sleep(0)

    first.cancel()

    assert gzip.decompress((await second).body) == HUGE


def test_forms_are_kept_within_their_room() -> None:
    kept = CompressedBodies(10)

    kept.keep(b"gzip", b"123456")
    kept.keep(b"br", b"12345")
    kept.keep(b"zstd", b"1234")

    assert kept.bodies == {b"gzip": b"123456", b"zstd": b"1234"}


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_each_part_of_a_stream_can_be_read_as_soon_as_it_comes(coding: str) -> None:
    compression = Compression(CompressionConfig())
    stream = compression.stream(coding.encode())
    decode = decoder(coding)
    parts = [b":\n\n", *(b'event: next\ndata: {"number": %d}\n\n' % number for number in range(200))]

    sent = [stream.part(part) for part in parts]

    assert [decode(one) for one in sent] == parts
    assert decode(stream.end()) == b""
    assert sum(map(len, sent)) < sum(map(len, parts)) / 2
    counts = compression.sent[coding.encode()]
    assert (counts.plain, counts.compressed) == (sum(map(len, parts)), sum(map(len, sent)))


async def test_the_bytes_of_compressed_responses_are_counted() -> None:
    compression = Compression(CompressionConfig())
    async with answering(Reply(200, LARGE), compression) as client:
        _, sent = await raw(client, "POST", {"accept-encoding": "br"})
        await raw(client, "POST", {})

    assert (compression.sent[b"br"].plain, compression.sent[b"br"].compressed) == (len(LARGE), len(sent))
    assert compression.sent[b"gzip"].plain == 0
