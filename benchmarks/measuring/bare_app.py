"""The least that Python can do behind a socket: reads a request and answers the same bytes each time."""

import os
from pathlib import Path
from typing import Final

from starlette.types import Receive, Scope, Send

_ANSWER: Final = Path(os.environ["BENCHMARK_ANSWER"]).read_bytes()
_HEADERS: Final = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ANSWER))]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _ANSWER})
