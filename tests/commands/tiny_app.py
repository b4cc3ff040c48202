"""A minimal app for `gateway serve`: answers with its process id, the client and the scheme."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.settings import Settings, SettingsProblems


def create_app(settings: Settings | None = None) -> Starlette:
    del settings
    return Starlette(routes=[Route("/{path:path}", _answer)])


def create_failing_app() -> Starlette:
    raise SettingsProblems(["GATEWAY_TRUSTED_DOCUMENTS: planted"])


async def _answer(request: Request) -> JSONResponse:
    client = request.client.host if request.client else None
    return JSONResponse({"process": os.getpid(), "client": client, "scheme": request.url.scheme})
