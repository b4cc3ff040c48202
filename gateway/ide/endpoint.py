"""Where a browser gets the IDE."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from starlette.types import Receive, Scope, Send

from gateway.ide.page import Example, Ide

Examples: TypeAlias = Callable[[], Sequence[Example]]
"""Gives the operations that a page opens beside its own, when it is loaded."""


def no_examples() -> Sequence[Example]:
    """The page's own are all there are."""
    return ()


class IdeEndpoint:
    """An ASGI app that answers every request with the IDE's page; process lifetime.

    Args:
        ide: The front end's build, or what stands in for it.
        examples: Operations that the page opens beside its own.
    """

    def __init__(self, ide: Ide, examples: Examples = no_examples) -> None:
        self._ide = ide
        self._examples = examples

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page; to a HEAD its headers alone, which the server sees to."""
        del scope, receive
        page = self._ide.page(self._examples())
        await send({"type": "http.response.start", "status": 200, "headers": page.headers})
        await send({"type": "http.response.body", "body": page.body})
