import math
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from resolvers.errors import InputRefused, UpstreamBadAnswer, UpstreamError, UpstreamUnconfigured
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.tokens import LogisticsTokenClient
from resolvers.upstreams.transport.retry import Retry, RetryConfig
from resolvers.upstreams.transport.stack import loop_clock
from tests.upstreams.httpx_transport import HttpxTransport
from tests.upstreams.recording_server import RecordingServer

SCOPE = CallScope(deadline=math.inf)


async def no_pause(seconds: float) -> None:
    del seconds


@pytest.fixture
def tokens(server: RecordingServer, transport: HttpxTransport) -> LogisticsTokenClient:
    return LogisticsTokenClient(transport, LogisticsConfig(server.url, client_key="key", secret_key="planted-secret"))


async def test_a_code_is_exchanged_for_two_tokens(tokens: LogisticsTokenClient, server: RecordingServer) -> None:
    server.answer(
        "POST",
        "/oauth2/token",
        b'{"bearer_token": "planted-b", "refresh_token": "planted-r", "server_time": "2019-08-24T14:15:22Z"}',
    )

    pair = await tokens.exchange_code(SCOPE, "the-code")

    assert (pair.bearer_token, pair.refresh_token) == ("planted-b", "planted-r")
    assert "planted" not in repr(pair)
    assert server.only_request.headers["content-type"] == "application/json"
    assert server.only_request.json == {"client_key": "key", "secret_key": "planted-secret", "code": "the-code"}


async def test_a_refresh_token_gives_a_new_bearer_token(tokens: LogisticsTokenClient, server: RecordingServer) -> None:
    server.answer("POST", "/oauth2/refresh", b'{"bearer_token": "planted-b2"}')

    found = await tokens.refresh(SCOPE, "planted-r")

    assert (found.bearer_token, found.refresh_token) == ("planted-b2", None)
    assert server.only_request.json == {"client_key": "key", "refresh_token": "planted-r"}


async def test_a_refresh_token_that_the_upstream_replaces_is_returned(
    tokens: LogisticsTokenClient, server: RecordingServer
) -> None:
    server.answer("POST", "/oauth2/refresh", b'{"bearer_token": "planted-b2", "refresh_token": "planted-r2"}')

    found = await tokens.refresh(SCOPE, "planted-r")

    assert (found.bearer_token, found.refresh_token) == ("planted-b2", "planted-r2")
    assert "planted" not in repr(found)


async def test_a_session_is_exchanged_for_tokens_and_its_user(
    tokens: LogisticsTokenClient, server: RecordingServer
) -> None:
    server.answer(
        "POST",
        "/platform/sso/token",
        b'{"bearer_token": "planted-b", "refresh_token": "planted-r", "user": {"email": "a@example.com"}}',
    )

    found = await tokens.exchange_session(SCOPE, "the-session")

    assert (found.bearer_token, found.refresh_token, found.user) == (
        "planted-b",
        "planted-r",
        {"email": "a@example.com"},
    )
    assert "planted" not in repr(found)
    assert server.only_request.json == {"session_id": "the-session"}


async def test_without_keys_no_token_is_asked_for(server: RecordingServer, transport: HttpxTransport) -> None:
    tokens = LogisticsTokenClient(transport, LogisticsConfig(server.url))

    for attempt in (tokens.exchange_code(SCOPE, "the-code"), tokens.refresh(SCOPE, "planted-r")):
        with pytest.raises(UpstreamUnconfigured, match="GATEWAY_LOGISTICS__CLIENT_KEY"):
            await attempt

    assert server.requests == []


async def test_a_wrong_code_is_refused(tokens: LogisticsTokenClient, server: RecordingServer) -> None:
    server.answer("POST", "/oauth2/token", b'{"code": "invalid_code", "message": "used up"}', status=400)

    with pytest.raises(InputRefused, match="used up"):
        await tokens.exchange_code(SCOPE, "the-code")


ISSUES: Final[dict[str, tuple[str, Callable[[LogisticsTokenClient], Awaitable[object]]]]] = {
    "a refresh token": ("/oauth2/refresh", lambda tokens: tokens.refresh(SCOPE, "planted-r")),
    "a code": ("/oauth2/token", lambda tokens: tokens.exchange_code(SCOPE, "the-code")),
    "a session id": ("/platform/sso/token", lambda tokens: tokens.exchange_session(SCOPE, "planted-s")),
}


@pytest.mark.parametrize(("path", "issue"), ISSUES.values(), ids=ISSUES)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_may_be_used_up_is_sent_once_and_no_change_with_it(
    server: RecordingServer,
    transport: HttpxTransport,
    path: str,
    issue: Callable[[LogisticsTokenClient], Awaitable[object]],
    status: int,
) -> None:
    server.answer("POST", path, status=status)
    retrying = Retry(transport, RetryConfig(), clock=loop_clock, sleep=no_pause, random=lambda: 0.0)
    config = LogisticsConfig(server.url, client_key="key", secret_key="planted-secret")

    with pytest.raises(UpstreamError) as caught:
        await issue(LogisticsTokenClient(retrying, config))

    assert len(server.requests) == 1
    assert not caught.value.outcome_unknown


async def test_an_answer_without_a_token_is_a_bad_one_that_shows_no_secret(
    tokens: LogisticsTokenClient, server: RecordingServer
) -> None:
    server.answer("POST", "/oauth2/refresh", b'{"token": "planted-b"}')

    with pytest.raises(UpstreamBadAnswer, match="bearer_token") as caught:
        await tokens.refresh(SCOPE, "planted-r")

    assert "planted" not in str(caught.value)
