"""Upstreams that do not answer a posted job, before or after it took effect."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Holding:
    """Holds requests that post jobs, before or after they take effect. Lifetime: one test."""

    def __init__(self, phase: str) -> None:
        self._phase = phase
        self.posted = 0
        self.held = asyncio.Event()

    def around(self, app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/rest/v1/jobs"):
                self.posted += 1
                await self._hold(app, scope, receive)
            await app(scope, receive, send)

        return answer

    async def _hold(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        async def drop(_: Message) -> None:
            """As if the answer were lost with its connection."""

        if self._phase == "after":
            await app(scope, receive, drop)
        self.held.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        raise ConnectionResetError
