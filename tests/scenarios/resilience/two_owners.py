"""One send-tasks API at one address, whose things have the same ids for two owners and say whose they are."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, Final

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.app import create_app
from gateway.sandbox.server import serving
from gateway.settings import load_settings
from tests.lifespan import lifespan_of
from tests.secrets import ANSWERS_WATCHED

OWNERS: Final = ("house", "acme")
_IDS = ("1", "2")
_META = {"page": {"total": 2, "perPage": 20}}
_TIMES = {"created-at": "2020-01-01T00:00:00Z", "updated-at": "2020-01-01T00:00:00Z"}
_ATTRIBUTES = {"delivery-type": "delivery", "status": "pending", **_TIMES}


class TwoOwners:
    """The upstream, as an ASGI app; lives one test.

    Attributes:
        asked: Owner, method and path of each request.
        trouble: What is answered instead to an owner, if anything.
        gate: Answers wait for it.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.trouble: Callable[[str], Response | None] = lambda _: None
        self._deliverable: dict[tuple[str, str], bool] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        owner = request.headers["authorization"].removeprefix("Bearer token of ")
        assert owner in OWNERS
        path = scope["path"].removeprefix("/api/v1")
        self.asked.append((owner, request.method, path))
        await self.gate.wait()
        if request.method == "PATCH":
            changed = orjson.loads(await request.body())["data"]
            self._deliverable[owner, changed["id"]] = changed["attributes"]["deliverable"]
        answer = self.trouble(owner) or Response(orjson.dumps(self._answer(owner, path)))
        await answer(scope, receive, send)

    async def was_asked(self, times: int) -> None:
        """Wait for so many requests."""
        async with asyncio.timeout(10):
            while len(self.asked) < times:  # noqa: ASYNC110 - has no event for each number
                await asyncio.sleep(0.002)

    def _answer(self, owner: str, path: str) -> dict[str, Any]:
        if path.endswith("/product"):
            return {"data": {"id": "p1", "attributes": {"name": f"the product of {owner}"}}}
        if path == "/send-tasks":
            return {"data": [self._delivery(owner, one) for one in _IDS], "meta": _META}
        return {"data": self._delivery(owner, path.rpartition("/")[2])}

    def _delivery(self, owner: str, delivery_id: str) -> dict[str, Any]:
        state = {
            "deliverable": self._deliverable.get((owner, delivery_id), True),
            "created-by": f"the people of {owner}",
        }
        return {"id": delivery_id, "attributes": {**state, **_ATTRIBUTES}}


def settings_for(upstream_url: str) -> dict[str, str]:
    """A gateway for both owners, each with a key of its own, and a caller of the first who may not read deliveries."""
    keys = {name: sha256(f"key of {name}".encode()).hexdigest() for name in (*OWNERS, "clerk")}
    return {
        "GATEWAY_DELIVERIES__URL": f"{upstream_url}/api/v1",
        "GATEWAY_DELIVERIES__TOKEN": "token of house",
        "GATEWAY_ACCOUNTS__ACME__DELIVERIES__TOKEN": "token of acme",
        **{f"GATEWAY_AUTH__API_KEYS__{name.upper()}": key for name, key in keys.items()},
        "GATEWAY_AUTH__API_KEY_ACCOUNT__ACME": "acme",
        "GATEWAY_AUTH__API_KEY_SCOPES__CLERK": "sms:read",
    }


@asynccontextmanager
async def gateway(settings: Mapping[str, str]) -> AsyncIterator[str]:
    """A gateway as in a process of its own; its URL."""
    app = create_app(load_settings(settings))
    async with lifespan_of(app), serving(app) as url:
        yield f"{url}/graphql"


@asynccontextmanager
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=30, event_hooks=ANSWERS_WATCHED) as client:
        yield client
