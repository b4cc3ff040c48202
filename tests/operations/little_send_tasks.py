"""A send-tasks API on a socket that treats lists of ids as it likes, and an account over it."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.sandbox.server import serving
from resolvers.accounts import Account
from resolvers.context import Context
from resolvers.learned import CommaLists
from resolvers.upstreams.call import CallScope
from resolvers.upstreams.deliveries.client import DeliveriesClient, DeliveriesConfig
from resolvers.upstreams.names import UpstreamName
from tests.contract.operations import execute
from tests.upstreams.httpx_transport import httpx_transport

Task = dict[str, Any]

WORDS: Final = ("completed", "waiting", "error")


class RefusedError(Exception):
    """What the API answers with a 400."""


def taken(ids: Sequence[str]) -> frozenset[str] | None:
    return frozenset(ids)


def refused(ids: Sequence[str]) -> frozenset[str] | None:
    if len(ids) > 1:
        raise RefusedError
    return frozenset(ids)


def ignored(ids: Sequence[str]) -> frozenset[str] | None:
    return None if len(ids) > 1 else frozenset(ids)


def first_alone(ids: Sequence[str]) -> frozenset[str] | None:
    return frozenset(ids[:1])


def last_alone(ids: Sequence[str]) -> frozenset[str] | None:
    return frozenset(ids[-1:])


def spoilt_by_17(ids: Sequence[str]) -> frozenset[str] | None:
    if "17" in ids:
        raise RefusedError
    return frozenset(ids)


TREATMENTS: Final = (taken, refused, ignored, first_alone, last_alone)
Treatment = Callable[[Sequence[str]], frozenset[str] | None]
"""Which ids a list of them names; None for all there are."""


@dataclass
class LittleSendTasks:
    """Deliveries 1 to `length`, with statuses in turn; lifetime: one test.

    Args:
        length: How many there are.
        treatment: What becomes of lists of ids.
        largest_page: However many are asked for.
        calls: The query of each list, and the path of each single question.
    """

    length: int = 43
    treatment: Treatment = taken
    largest_page: int = 200
    calls: list[str] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.comma_lists = CommaLists(lambda: self.now)

    def task(self, number: int) -> Task:
        times = {"created-at": "2029-12-31T00:00:00Z", "updated-at": "2029-12-31T00:00:00Z"}
        attributes = {"deliverable": True, "delivery-type": "delivery", "status": WORDS[number % 3], **times}
        return {"type": "send-tasks", "id": str(number), "attributes": attributes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        own_id = scope["path"].removeprefix("/send-tasks").strip("/")
        self.calls.append(own_id or request.query_params.get("filter[id]", "all"))
        await (self._one(own_id) if own_id else self._list(request))(scope, receive, send)

    def _one(self, own_id: str) -> Response:
        if own_id == "17" and self.treatment is spoilt_by_17:
            return JSONResponse({"errors": [{"title": "Bad id"}]}, 400)
        if not 1 <= int(own_id) <= self.length:
            return JSONResponse({"errors": [{"title": "Not Found"}]}, 404)
        return JSONResponse({"data": self.task(int(own_id))})

    def _list(self, request: Request) -> Response:
        given = request.query_params
        found = [self.task(number + 1) for number in range(self.length)]
        if "filter[id]" in given:
            try:
                named = self.treatment(given["filter[id]"].split(","))
            except RefusedError:
                return JSONResponse({"errors": [{"title": "Invalid Query Parameter"}]}, 400)
            found = [task for task in found if named is None or task["id"] in named]
        if "filter[status]" in given:
            found = [task for task in found if task["attributes"]["status"] == given["filter[status]"]]
        size = min(int(given.get("page[size]", "20")), self.largest_page)
        start = (int(given.get("page[number]", "1")) - 1) * size
        page = {"total": len(found), "perPage": size}
        return JSONResponse({"data": found[start : start + size], "meta": {"page": page}})


@dataclass
class Asking:
    """Asks one account over the API, each operation anew."""

    upstream: LittleSendTasks
    account: Account

    async def ask(self, document: str) -> Any:  # noqa: ANN401 - as it was answered
        """The data of an answer without errors; calls are counted anew."""
        data, errors = await self.ask_with_errors(document)
        assert errors == []
        return data

    async def ask_with_errors(self, document: str) -> tuple[Any, list[list[str | int]]]:
        """The data, and where errors are."""
        self.upstream.calls.clear()
        result = await execute(document, {}, Context(self.account, CallScope(deadline=math.inf)))
        return result.data, [error.path or [] for error in result.errors or ()]


@asynccontextmanager
async def asking(upstream: LittleSendTasks) -> AsyncIterator[Asking]:
    """An account over the API as long as the block runs."""
    async with serving(upstream) as url, httpx_transport() as transport:
        client = DeliveriesClient(transport, DeliveriesConfig(url))
        yield Asking(upstream, Account("own", {UpstreamName.DELIVERIES: client}, comma_lists=upstream.comma_lists))
