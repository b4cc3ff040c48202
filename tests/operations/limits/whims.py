"""Simulated upstreams whose answers are changed on their way, as no document forbids."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LISTS: Final = ("data", "tasks", "organizations", "updated_tasks")
"""Where answers hold lists of records."""

_BEHIND: Final = re.compile(rb"((?<![a-z_])page(?:%5Bnumber%5D)?=)([2-9]|[1-9][0-9]+)(?![0-9])")
"""The number of a page behind the first."""

REFUSALS: Final = (400, 404, 409, 422)
"""None of which is sent again."""


@dataclass
class Whims:
    """An upstream in front of a simulator; lifetime: one test.

    Args:
        app: The simulator's.
        chance: Says what becomes of each answer.
        moved: Whether a page of new records has come before all others, since a client saw the list.
        calls: Methods and paths; logins are left out.
    """

    app: ASGIApp
    chance: random.Random
    moved: bool = False
    calls: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/oauth/token":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        self.calls.append(f"{request.method} {request.url.path}?{request.url.query}")
        new = self.moved and _BEHIND.search(scope["query_string"]) is None
        if self.moved:
            scope = {**scope, "query_string": _BEHIND.sub(_one_page_before, scope["query_string"])}
        answer = await _answer(self.app, scope, receive)
        if answer.status_code < 300:
            if request.method != "GET":
                answer = self._of_change(answer)
            else:
                answer = self._of_list(answer, new=new) if _is_list(answer) else self._of_one(answer)
        await answer(scope, receive, send)

    def _of_one(self, answer: Response) -> Response:
        """A record that may be gone."""
        return Response(b"{}", 404) if self.chance.random() < 0.2 else answer

    def _of_list(self, answer: Response, *, new: bool) -> Response:
        """A list with other records among them, or that is refused."""
        if self.chance.random() < 0.05:
            return Response(b"{}", 400)
        others = 1.0 if new else self.chance.choice([0.0, 0.0, 0.3, 1.0])
        return _with_records(answer, lambda one: self._renamed(one) if self.chance.random() < others else one)

    def _of_change(self, answer: Response) -> Response:
        """Refuse a change, or make it and report it in part."""
        reported = self.chance.choice(["all", "all", "ids", "some", "nothing", "no content", "refused"])
        if reported == "refused":
            return Response(b"{}", self.chance.choice(REFUSALS))
        if reported == "no content":
            return Response(status_code=204)
        if reported == "nothing":
            return Response(b"{}", answer.status_code)
        if reported == "ids":
            return _with_records(answer, _only_id)
        some = self.chance.random() if reported == "some" else 1.0
        return _with_records(answer, lambda one: one if self.chance.random() <= some else None)

    def _renamed(self, record: Any) -> Any:  # noqa: ANN401 - of any kind
        name = next((one for one in ("jobId", "id") if one in record), None)
        if name is None:
            return record
        old = str(record[name])
        new = str(self.chance.randrange(10**6, 10**9))
        return {**record, name: new if old.isdigit() else old[: -len(new)] + new}


async def _answer(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """The whole answer of an application."""
    status, body = 500, b""

    async def keep(message: Message) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    await app(scope, receive, keep)
    return Response(body, status, media_type="application/json")


def _one_page_before(found: re.Match[bytes]) -> bytes:
    return b"%s%d" % (found[1], int(found[2]) - 1)


def _is_list(answer: Response) -> bool:
    body = orjson.loads(answer.body)
    return isinstance(body, list) or any(isinstance(body.get(name), list) for name in LISTS)


def _with_records(answer: Response, change: Callable[[Any], Any]) -> Response:
    """The answer with each of its records changed, or left out where that gives None."""
    body = orjson.loads(answer.body)
    if isinstance(body, list):
        return Response(orjson.dumps(_changed(body, change)), answer.status_code)
    for name in (*LISTS, "organization"):
        if isinstance(body.get(name), list):
            body[name] = _changed(body[name], change)
        elif isinstance(body.get(name), dict):
            body[name] = change(body[name]) or {}
    return Response(orjson.dumps(body), answer.status_code)


def _changed(records: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    return [new for one in records if (new := change(one) if isinstance(one, dict) else one) is not None]


def _only_id(record: Any) -> Any:  # noqa: ANN401 - of any kind
    return {name: value for name, value in record.items() if name in {"id", "type", "jobId", "tracking_id"}}
