"""A real HTTP server on a free loopback port that answers as scripted and keeps what it was asked."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.sandbox.server import serving


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it stood on the wire: path and query still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True, strict_parsing=bool(self.query)))

    @property
    def json(self) -> object:
        return json.loads(self.body)


@dataclass
class RecordingServer:
    """Answers and requests of one test; what has no scripted answer is answered 500.

    Args:
        url: The server's base, without a slash at its end.
        requests: What it was asked, in the order of arrival.
    """

    url: str = ""
    requests: list[RecordedRequest] = field(default_factory=list)
    _answers: dict[tuple[str, str], Response] = field(default_factory=dict)
    _next: dict[tuple[str, str], list[Response]] = field(default_factory=dict)

    def answer(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer every such request so from now on; the path is the one on the wire, without its query."""
        self._answers[method, path] = Response(body, status, headers)

    def answer_next(self, method: str, path: str, *bodies: bytes) -> None:
        """Answer the next such requests with these bodies, one each, and those behind them as was said before."""
        self._next[method, path] = [Response(body) for body in bodies]

    @property
    def only_request(self) -> RecordedRequest:
        (request,) = self.requests
        return request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = scope["raw_path"].decode("ascii")
        query = scope["query_string"].decode("ascii")
        self.requests.append(
            RecordedRequest(request.method, path, query, dict(request.headers), await request.body()),
        )
        unscripted = Response(f"no answer is scripted for {request.method} {path}", 500)
        answer = self._answers.get((request.method, path), unscripted)
        next_ones = self._next.get((request.method, path))
        await (next_ones.pop(0) if next_ones else answer)(scope, receive, send)


@asynccontextmanager
async def recording_server() -> AsyncIterator[RecordingServer]:
    """A recording server for as long as the block runs."""
    server = RecordingServer()
    async with serving(server) as server.url:
        yield server
