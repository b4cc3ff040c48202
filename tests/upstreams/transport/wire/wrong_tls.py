"""Servers whose TLS is wrong in one way each, by the reason that operators are told."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from resolvers.upstreams.transport.wire import failures
from tests.upstreams.transport.wire.certificates import server_context
from tests.upstreams.transport.wire.talking_server import answering, serving

DAY: Final = timedelta(days=1)
CERTIFICATES: Final[dict[str, dict[str, Any]]] = {
    failures.EXPIRED: {"begins": -2 * DAY, "ends": -DAY},
    failures.NOT_YET_VALID: {"begins": DAY, "ends": 2 * DAY},
    failures.OTHER_NAME: {"host": "api.example.com"},
    failures.UNKNOWN_CA: {},
    failures.WANTS_CERTIFICATE: {},
}


def wants_certificates(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Refuse each connection by an alert, which servers of asyncio keep to themselves."""
    with suppress(OSError):
        while True:
            accepted = context.wrap_socket(listener.accept()[0], server_side=True, do_handshake_on_connect=False)
            with suppress(OSError):
                accepted.do_handshake()
            with socket.socket(fileno=accepted.detach()) as refused, suppress(OSError):
                refused.shutdown(socket.SHUT_WR)
                while refused.recv(4096):
                    pass


@asynccontextmanager
async def encrypted(reason: str, certificate: Path) -> AsyncIterator[str]:
    """A server whose TLS is wrong in one way."""
    context = server_context(certificate)
    if reason != failures.WANTS_CERTIFICATE:
        async with serving(answering(b"{}"), context) as server:
            yield server.url
        return
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=wants_certificates, args=(listener, context))
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
        await asyncio.to_thread(thread.join)
