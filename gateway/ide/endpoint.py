"""Where a browser gets the IDE."""

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from gateway.ide.page import Example, Ide


class IdeEndpoint:
    """An ASGI app that answers every request with the IDE's page; lives as long as its process.

    Args:
        ide: The front end's build, or what stands in for it.
        examples: Operations that the page opens beside its own.
    """

    def __init__(self, ide: Ide, examples: Sequence[Example] = ()) -> None:
        self._page = ide.page(examples)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page; to a HEAD its headers alone, which the server sees to."""
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": self._page.headers})
        await send({"type": "http.response.body", "body": self._page.body})
