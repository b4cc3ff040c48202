"""A little gateway to open the IDE on: the real page and assets over a schema of two fields."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from strawberry.asgi import GraphQL

from gateway.ide.page import Example, Ide

EXAMPLES = [
    Example("Deliveries", query="# Says hello.\nquery Deliveries {\n  hello\n}\n"),
    Example("Follow a task", query="subscription FollowTask {\n  steps\n}\n", variables={}),
]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def steps(self) -> AsyncIterator[str]:
        yield "ACCEPTED"


class Endpoint:
    def __init__(self, ide: Ide) -> None:
        self._ide = ide
        self._graphql = GraphQL[None, None](strawberry.Schema(Query, subscription=Subscription))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            page = self._ide.page(EXAMPLES)
            await send({"type": "http.response.start", "status": 200, "headers": page.headers})
            await send({"type": "http.response.body", "body": page.body})
        else:
            await self._graphql(scope, receive, send)


def application(ide: Ide) -> Starlette:
    endpoint = Endpoint(ide)
    return Starlette(
        routes=[Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint), Mount("/ide", ide.assets)]
    )


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve `app` on a free loopback port; yields its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
