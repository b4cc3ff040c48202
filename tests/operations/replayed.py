"""The simulators as a transport without sockets: quick enough for thousands of operations, and failing at will."""

from typing import cast
from zlib import crc32

import httpx
from starlette.types import ASGIApp

from resolvers.errors import UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call, Headers


class ReplayedUpstream:
    """Asks a simulator each question once, and repeats its answer after that; lifetime: one test.

    Args:
        app: The simulator.
        authorization: What it wants to see.
        failing: Of how many in 100 questions the answer is always a failure, a nonsense or a 404.
    """

    def __init__(self, app: ASGIApp, authorization: str, failing: int = 0) -> None:
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))
        self._authorization = authorization
        self._failing = failing
        self._answers: dict[tuple[str, str, bytes | None], Answer] = {}

    async def send(self, call: Call) -> Answer:
        """The simulator's answer, or the failure that is this question's fate."""
        fate = crc32(call.url.encode()) % 100
        if fate < self._failing:
            return self._fail(call, fate % 4)
        key = (call.method, call.url, call.body)
        if key not in self._answers:
            headers = dict(call.headers) | {"authorization": self._authorization}
            answer = await self._client.request(call.method, call.url, headers=headers, content=call.body)
            self._answers[key] = Answer(answer.status_code, cast("Headers", answer.headers), answer.content)
        return self._answers[key]

    def _fail(self, call: Call, how: int) -> Answer:
        if how == 0:
            raise UpstreamUnavailable(call.upstream, "It is down.")
        if how == 1:
            raise UpstreamTimeout(call.upstream, "It is slow.")
        return Answer(404 if how == 2 else 200, {}, b"<html>")
