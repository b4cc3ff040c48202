"""ASGI apps with static responses: the upstreams without nginx, and the least that Python can do behind a socket.

uvicorn imports this module in the server's process and calls one of the two factories, which read their configuration
from the environment.
"""

import os
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from measuring.bodies import price_body, static_bodies


def create_upstream() -> ASGIApp:
    """Create the static upstreams. They are slower than nginx, which brings all ratios nearer to 1."""
    bodies = dict(static_bodies(int(os.environ["BENCHMARK_DELIVERIES"])))
    bodies["/logistics/price"] = price_body()
    requests = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal requests
        if scope["type"] != "http":
            return
        requests += 1
        bodies["/requests"] = f"requests {requests}".encode()
        await _respond(receive, send, bodies.get(_path(scope)))

    return app


def create_bare() -> ASGIApp:
    """Create an app that reads a request and sends the same bytes each time."""
    body = Path(os.environ["BENCHMARK_ANSWER"]).read_bytes()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _respond(receive, send, body)

    return app


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    if path == "/rest/v1/sms":
        return f"{path}/{parse_qs(scope['query_string'].decode())['jobId'][0]}"
    return path


async def _respond(receive: Receive, send: Send, body: bytes | None) -> None:
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body or b""))]
    await send({"type": "http.response.start", "status": 404 if body is None else 200, "headers": headers})
    await send({"type": "http.response.body", "body": body or b""})
