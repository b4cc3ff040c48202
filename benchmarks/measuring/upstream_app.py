"""The static upstreams as an ASGI app, where there is no nginx; slower, so that ratios come out nearer to 1."""

import os
from typing import Final
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from measuring.bodies import price_body, static_bodies

_BODIES: Final = dict(static_bodies(int(os.environ["BENCHMARK_DELIVERIES"])))
_PRICE: Final = price_body()
_requests = 0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    global _requests  # noqa: PLW0603 - one process, one count
    _requests += 1
    while (await receive()).get("more_body"):
        pass
    body = _body(scope["path"], scope["query_string"].decode())
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body or b""))]
    await send({"type": "http.response.start", "status": 404 if body is None else 200, "headers": headers})
    await send({"type": "http.response.body", "body": body or b""})


def _body(path: str, query: str) -> bytes | None:
    match path:
        case "/requests":
            return f"requests {_requests}".encode()
        case "/logistics/price":
            return _PRICE
        case "/rest/v1/sms":
            path = f"/rest/v1/sms/{parse_qs(query)['jobId'][0]}"
    return _BODIES.get(path)
