"""The least transport that reaches a real server: no policy, one connection pool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httpx

from resolvers.upstreams.call import Answer, Call, Headers


class HttpxTransport:
    """Sends calls as they are. Lifetime: test."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def send(self, call: Call) -> Answer:
        response = await self._http.request(
            call.method,
            call.url,
            headers=list(call.headers),
            content=call.body,
        )
        return Answer(response.status_code, cast("Headers", response.headers), response.content)


@asynccontextmanager
async def httpx_transport() -> AsyncIterator[HttpxTransport]:
    """A transport for as long as the block runs."""
    async with httpx.AsyncClient() as http:
        yield HttpxTransport(http)
