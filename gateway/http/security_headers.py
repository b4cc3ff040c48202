"""Headers that tell browsers to be careful, on every answer that does not bring its own."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # No `default-src`: a script that becomes a worker would be bound by it.
    (b"content-security-policy", b"frame-ancestors 'none'"),
)
"""For answers that are no pages; a page has a policy of its own."""


class SecurityHeaders:
    """Adds the headers to an app's answers; process lifetime.

    Args:
        app: Whose headers of the same names stand.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_added(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message.get("headers", ())}
                added = [header for header in HEADERS if header[0] not in present]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, send_added if scope["type"] == "http" else send)
