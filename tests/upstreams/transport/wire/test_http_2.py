"""Upstreams that speak HTTP/2 alone: found by their handshakes, asked by httpx, and held to the same as all others."""

import asyncio
import gzip
from pathlib import Path

import pytest

from resolvers.errors import UpstreamBadAnswer, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Method
from resolvers.upstreams.transport.wire import httpx_wire
from resolvers.upstreams.transport.wire.wire import Connections, Wire
from tests.upstreams.transport.wire.certificates import server_context, write_certificate
from tests.upstreams.transport.wire.http_2_server import (
    Http2Connection,
    Request,
    Talk,
    refusing_http_1,
    serving_http_2,
)
from tests.upstreams.transport.wire.proxy_server import proxying
from tests.upstreams.transport.wire.talking_server import answering, call_to, serving


@pytest.fixture
def wire(trusting_wire: Wire) -> Wire:
    return trusting_wire


def saying(body: bytes, *headers: tuple[str, str], status: str = "200") -> Talk:
    return lambda connection, request: connection.answer(request, body, *headers, status=status)


def say_nothing(_: Http2Connection, __: Request) -> None:
    pass


def by_path(talks: dict[str, Talk]) -> Talk:
    return lambda connection, request: talks[request.headers[":path"]](connection, request)


async def send_as(wire: Wire, url: str, account: str) -> Answer:
    call = call_to(url)
    call.identity = account
    call.authorization = f"Bearer {account}"
    return await wire.send(call)


async def test_calls_of_an_account_share_a_connection_and_accounts_do_not(wire: Wire, certificate: Path) -> None:
    async with serving_http_2(saying(b"{}"), certificate) as server:
        for account in ("own", "acme", "own", "session:1", "acme"):
            await send_as(wire, server.url, account)

    accounts = [[request.headers["authorization"] for request in one.requests] for one in server.connections]
    assert accounts == [["Bearer own"] * 2, ["Bearer acme"] * 2, ["Bearer session:1"]]


async def test_calls_at_once_are_on_their_way_together(wire: Wire, certificate: Path) -> None:
    waiting: list[Request] = []

    def talk(connection: Http2Connection, request: Request) -> None:
        waiting.append(request)
        if len(waiting) == 20:
            for one in reversed(waiting):
                connection.answer(one, one.headers[":path"].encode())

    async with serving_http_2(talk, certificate) as server:
        answers = await asyncio.gather(*(send_as(wire, f"{server.url}{number}", "own") for number in range(20)))

    assert [answer.body for answer in answers] == [f"/{number}".encode() for number in range(20)]
    assert len(server.connections) == 1


async def test_calls_without_an_account_share_no_connection(
    trusting_connections: Connections, certificate: Path
) -> None:
    logins = Wire(trusting_connections, keeps_connections=False)
    async with serving_http_2(saying(b"{}"), certificate) as server:
        for _ in range(3):
            await logins.send(call_to(server.url))

    assert [len(connection.requests) for connection in server.connections] == [1, 1, 1]


async def test_a_request_goes_out_as_it_is(wire: Wire, certificate: Path) -> None:
    path = "/rest/v1/jobs%20x?filter%5Bid%5D=1,2&a=b+c&d=~'()"
    async with serving_http_2(saying(b"no", ("retry-after", "7"), ("set-cookie", "a=b")), certificate) as server:
        call = call_to(server.url.rstrip("/") + path, method="POST")
        call.authorization, call.body, call.headers = "Bearer secret", b"body", (("accept", "application/json"),)
        answer = await wire.send(call)
        await wire.send(call_to(server.url))

    first, second = server.requests
    assert (answer.status, answer.body, answer.headers, call.tries) == (200, b"no", {"retry-after": "7"}, 1)
    assert bytes(first.body) == b"body"
    assert first.headers == {
        ":method": "POST",
        ":authority": server.url.removeprefix("https://").rstrip("/"),
        ":scheme": "https",
        ":path": path,
        "user-agent": "graphql-rest-gateway",
        "accept-encoding": "gzip",
        "accept": "application/json",
        "authorization": "Bearer secret",
        "content-length": "4",
    }
    assert "cookie" not in second.headers


@pytest.mark.parametrize("status", ["204", "302", "404", "500"])
async def test_an_answer_comes_back_whatever_its_status(wire: Wire, certificate: Path, status: str) -> None:
    async with serving_http_2(saying(b"", ("location", "/x"), status=status), certificate) as server:
        answer = await wire.send(call_to(server.url))

    assert (answer.status, answer.body, len(server.requests)) == (int(status), b"", 1)


async def test_a_server_that_refuses_http_1_by_an_alert_is_asked_over_http_2(wire: Wire, certificate: Path) -> None:
    async with serving_http_2(saying(b"{}"), certificate) as server, refusing_http_1(server.url) as url:
        answers = [await wire.send(call_to(url)) for _ in range(2)]

    assert [answer.body for answer in answers] == [b"{}"] * 2
    assert len(server.connections) == 1


async def test_a_server_that_speaks_both_is_asked_over_http_1(wire: Wire, certificate: Path) -> None:
    async with serving(answering(b"{}"), server_context(certificate, "h2", "http/1.1")) as server:
        answers = [await wire.send(call_to(server.url)) for _ in range(2)]

    assert [answer.body for answer in answers] == [b"{}"] * 2
    assert set(server.protocols) == {"http/1.1"}


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_server_behind_a_proxy_is_asked_over_http_2_in_a_tunnel(
    *, refuses: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path, host="upstream.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    connections = Connections()
    async with (
        serving_http_2(saying(b"{}"), certificate) as server,
        refusing_http_1(server.url) as refusing,
        proxying() as proxy,
    ):
        monkeypatch.setenv("https_proxy", f"http://user:password@{proxy.address}")
        url = (refusing if refuses else server.url).replace("localhost", "upstream.test")
        answers = [await Wire(connections).send(call_to(url)) for _ in range(2)]
        await connections.close()

    assert [answer.body for answer in answers] == [b"{}"] * 2
    assert len(server.connections) == 1
    assert all(head.startswith(b"CONNECT upstream.test:") for head in proxy.heads)
    assert all(b"Basic dXNlcjpwYXNzd29yZA==" in head for head in proxy.heads)


async def test_an_answer_may_be_as_long_as_allowed_and_no_longer(
    trusting_connections: Connections, certificate: Path
) -> None:
    async with serving_http_2(saying(bytes(100_001)), certificate) as server:
        allowed = await Wire(trusting_connections, max_answer_bytes=100_001).send(call_to(server.url))
        with pytest.raises(UpstreamBadAnswer, match="more than 100000 bytes") as refused:
            await Wire(trusting_connections, max_answer_bytes=100_000).send(call_to(server.url, method="POST"))

    assert len(allowed.body) == 100_001
    assert refused.value.outcome_unknown


async def test_a_compressed_answer_is_decompressed_as_far_as_allowed(
    trusting_connections: Connections, certificate: Path
) -> None:
    zipped = (gzip.compress(b'{"a": 1}'), gzip.compress(bytes(10_000_000)), b"no gzip")
    talks = {f"/{number}": saying(body, ("content-encoding", "gzip")) for number, body in enumerate(zipped)}
    wire = Wire(trusting_connections, max_answer_bytes=20_000)
    async with serving_http_2(by_path(talks), certificate) as server:
        answer = await wire.send(call_to(f"{server.url}0"))
        with pytest.raises(UpstreamBadAnswer, match="more than 20000 bytes"):
            await wire.send(call_to(f"{server.url}1"))
        with pytest.raises(UpstreamBadAnswer, match="cannot be read"):
            await wire.send(call_to(f"{server.url}2"))

    assert answer.body == b'{"a": 1}'


def cut(connection: Http2Connection, _: Request) -> None:
    connection.end()


def cut_in_mid_body(connection: Http2Connection, request: Request) -> None:
    connection.h2.send_headers(request.stream, [(":status", "200"), ("content-length", "100")])
    connection.h2.send_data(request.stream, b"half")
    connection.flush()
    connection.end()


def reset(connection: Http2Connection, request: Request) -> None:
    connection.h2.reset_stream(request.stream, 2)


def reset_in_mid_body(connection: Http2Connection, request: Request) -> None:
    connection.h2.send_headers(request.stream, [(":status", "200")])
    connection.h2.send_data(request.stream, b"half")
    connection.h2.reset_stream(request.stream, 2)


def go_away(connection: Http2Connection, request: Request) -> None:
    connection.h2.close_connection(2, last_stream_id=request.stream)


@pytest.mark.parametrize(("method", "unknown"), [("GET", False), ("POST", True)])
@pytest.mark.parametrize("talk", [cut, cut_in_mid_body, reset, reset_in_mid_body, go_away])
async def test_an_answer_that_the_server_ends_is_none_and_leaves_a_change_in_doubt(
    wire: Wire, certificate: Path, talk: Talk, method: Method, *, unknown: bool
) -> None:
    async with serving_http_2(by_path({"/": talk, "/next": saying(b"{}")}), certificate) as server:
        with pytest.raises(UpstreamUnavailable) as failed:
            await wire.send(call_to(server.url, method=method))
        answer = await wire.send(call_to(f"{server.url}next"))

    assert failed.value.outcome_unknown is unknown
    assert answer.body == b"{}"


EMPTY_DATA_OF_NO_STREAM = bytes(9)


def write_nonsense(connection: Http2Connection, _: Request) -> None:
    connection.write(EMPTY_DATA_OF_NO_STREAM)


def promise_more(connection: Http2Connection, request: Request) -> None:
    connection.answer(request, b"{}", ("content-length", "3"))


def say_too_much_of_it(connection: Http2Connection, request: Request) -> None:
    connection.answer(request, b"{}", *((f"x-{number}", "y" * 8000) for number in range(20)))


@pytest.mark.parametrize("talk", [write_nonsense, saying(b"", status="abc"), promise_more, say_too_much_of_it])
async def test_what_is_no_http_2_is_a_bad_answer(wire: Wire, certificate: Path, talk: Talk) -> None:
    async with serving_http_2(by_path({"/": talk, "/next": saying(b"{}")}), certificate) as server:
        with pytest.raises(UpstreamBadAnswer, match="cannot be read") as failed:
            await wire.send(call_to(server.url, method="POST"))
        answer = await wire.send(call_to(f"{server.url}next"))

    assert failed.value.outcome_unknown
    assert answer.body == b"{}"


async def test_an_answer_that_takes_too_long_is_a_timeout_and_disturbs_no_other_call(
    wire: Wire, certificate: Path
) -> None:
    slow: list[tuple[Http2Connection, Request]] = []
    talks: dict[str, Talk] = {"/": say_nothing, "/slow": lambda *request: slow.append(request), "/next": saying(b"2")}
    async with serving_http_2(by_path(talks), certificate) as server:
        other = asyncio.ensure_future(send_as(wire, f"{server.url}slow", ""))
        with pytest.raises(UpstreamTimeout, match=r"within 0\.2 s") as failed:
            await wire.send(call_to(server.url, method="POST", timeout=0.2))
        answered = await wire.send(call_to(f"{server.url}next"))
        ((connection, request),) = slow
        connection.answer(request, b"1")

        assert (await other).body == b"1"

    assert failed.value.outcome_unknown
    assert answered.body == b"2"


async def test_a_server_that_never_shakes_hands_is_a_timeout_and_nothing_was_sent(
    wire: Wire, certificate: Path
) -> None:
    away = asyncio.Event()
    async with (
        serving_http_2(saying(b"{}"), certificate) as server,
        refusing_http_1(server.url, until=away) as url,
    ):
        await send_as(wire, url, "1")
        away.set()
        call = call_to(url, method="POST", timeout=0.2)
        call.identity = "2"
        with pytest.raises(UpstreamTimeout) as failed:
            await wire.send(call)

    assert not failed.value.outcome_unknown
    assert len(server.requests) == 1


async def test_many_answers_that_were_given_up_take_no_room_from_later_ones(wire: Wire, certificate: Path) -> None:
    """The window that all calls of a connection share is 16 MiB, and httpx never gives back what these take of it."""
    arrived = asyncio.Event()

    def give(connection: Http2Connection, request: Request) -> None:
        connection.answer(request, bytes(4 * 1024 * 1024))
        arrived.set()

    async with serving_http_2(by_path({"/": give, "/next": saying(bytes(100_000))}), certificate) as server:
        for _ in range(6):
            arrived.clear()
            call = asyncio.ensure_future(wire.send(call_to(server.url)))
            await arrived.wait()
            call.cancel()
            await asyncio.wait([call])
        answer = await wire.send(call_to(f"{server.url}next"))

    assert len(answer.body) == 100_000


async def test_connections_are_kept_for_so_many_accounts(
    wire: Wire, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx_wire, "MAX_POOLS", 2)
    async with serving_http_2(saying(b"{}"), certificate) as server:
        for account in ("1", "2", "1", "3", "1", "2"):
            await send_as(wire, server.url, account)

    assert [len(connection.requests) for connection in server.connections] == [3, 1, 1, 1]


async def test_a_call_on_its_way_outlasts_the_place_of_its_account(
    wire: Wire, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx_wire, "MAX_POOLS", 1)
    held: list[tuple[Http2Connection, Request]] = []
    asked = asyncio.Event()

    def hold(*request: object) -> None:
        held.append(request)  # type: ignore[arg-type]  # the arguments of a talk
        asked.set()

    async with serving_http_2(by_path({"/": hold, "/next": saying(b"2")}), certificate) as server:
        first = asyncio.ensure_future(send_as(wire, server.url, "1"))
        await asked.wait()
        await send_as(wire, f"{server.url}next", "2")
        ((connection, request),) = held
        connection.answer(request, b"1")

        assert (await first).body == b"1"


async def test_no_call_is_sent_when_the_connections_are_closed(
    wire: Wire, trusting_connections: Connections, certificate: Path
) -> None:
    async with serving_http_2(saying(b"{}"), certificate) as server:
        await wire.send(call_to(server.url))
        await trusting_connections.close()
        with pytest.raises(UpstreamUnavailable) as failed:
            await wire.send(call_to(server.url, method="POST"))

    assert not failed.value.outcome_unknown
    assert len(server.requests) == 1


async def test_a_connection_that_the_server_may_have_closed_meanwhile_is_not_used_again(
    wire: Wire, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx_wire, "IDLE_SECONDS", 0.01)
    async with serving_http_2(saying(b"{}"), certificate) as server:
        await wire.send(call_to(server.url))
        (connection,) = (one for one in server.connections if one.requests)
        connection.end()
        await asyncio.sleep(0.02)
        answer = await wire.send(call_to(server.url, method="POST"))

    assert answer.body == b"{}"
    assert len(server.connections) == 2
