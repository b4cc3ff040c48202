import math

import pytest

from resolvers.errors import (
    Conflicting,
    InputRefused,
    UpstreamAuth,
    UpstreamBadAnswer,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.logistics.base_client import LogisticsConfig
from resolvers.upstreams.logistics.client import LogisticsClient
from resolvers.upstreams.logistics.requests import NewTask, PriceRequest
from resolvers.upstreams.transport.retry import Retry, RetryConfig
from resolvers.upstreams.transport.stack import loop_clock
from tests.upstreams.httpx_transport import HttpxTransport
from tests.upstreams.recording_server import RecordingServer
from tests.upstreams.samples import sample

TASK = sample("logistics_task.json")
SCOPE = CallScope(deadline=math.inf)


@pytest.fixture
def client(server: RecordingServer, transport: HttpxTransport) -> LogisticsClient:
    return LogisticsClient(transport, LogisticsConfig(server.url))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>down for maintenance</html>",
        TASK[:-100],
        b'{"code": "internal", "message": "something broke"}',
        b'{"id": "t1"}',
        b"[]",
        b"\xff",
        b"",
    ],
)
async def test_nonsense_is_a_bad_answer(client: LogisticsClient, server: RecordingServer, body: bytes) -> None:
    server.answer("GET", "/platform/tasks/t1", body)

    with pytest.raises(UpstreamBadAnswer) as caught:
        await client.task(SCOPE, "t1")

    assert not caught.value.outcome_unknown


async def test_nonsense_after_a_creation_leaves_its_outcome_unknown(
    client: LogisticsClient, server: RecordingServer
) -> None:
    server.answer("POST", "/platform/tasks", b"<html>")

    with pytest.raises(UpstreamBadAnswer) as caught:
        await client.create_tasks(SCOPE, [NewTask()], draft=False)

    assert caught.value.outcome_unknown


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InputRefused),
        (401, UpstreamAuth),
        (403, UpstreamAuth),
        (409, Conflicting),
        (422, InputRefused),
        (429, UpstreamRateLimited),
        (500, UpstreamUnavailable),
        (503, UpstreamUnavailable),
        (302, UpstreamBadAnswer),
    ],
)
async def test_each_error_status_becomes_its_error(
    client: LogisticsClient, server: RecordingServer, status: int, error: type[Exception]
) -> None:
    server.answer("POST", "/price", b'{"code": "refused", "message": "no"}', status=status)

    with pytest.raises(error):
        await client.price(SCOPE, PriceRequest("car", []))


async def test_a_refusal_carries_the_upstreams_own_words(client: LogisticsClient, server: RecordingServer) -> None:
    server.answer("POST", "/price", b'{"code": 1042, "message": "two stops are needed"}', status=422)

    with pytest.raises(InputRefused, match="two stops are needed"):
        await client.price(SCOPE, PriceRequest("car", []))


async def test_a_price_is_asked_for_again_and_no_outcome_of_it_is_unknown(
    server: RecordingServer, transport: HttpxTransport
) -> None:
    server.answer("POST", "/price", status=503)

    async def no_pause(seconds: float) -> None:
        del seconds

    retrying = Retry(transport, RetryConfig(), clock=loop_clock, sleep=no_pause, random=lambda: 0.0)

    with pytest.raises(UpstreamUnavailable) as caught:
        await LogisticsClient(retrying, LogisticsConfig(server.url)).price(SCOPE, PriceRequest("car", ()))

    assert len(server.requests) == RetryConfig().max_tries
    assert not caught.value.outcome_unknown
