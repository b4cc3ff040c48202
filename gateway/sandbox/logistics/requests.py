"""Reads requests to the simulated logistics API and writes its answers."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.sandbox.logistics.errors import Refused, malformed

Handler = Callable[[Request], Awaitable[Response]]

_INT64_MAX = 2**63 - 1


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        Refused: 400, there is none.
    """
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise malformed("The body must be a JSON object.")
    return body


def read_page(request: Request) -> tuple[int, int]:
    """The `page` (default 1) and `per_page` (default 200) of a list request.

    Raises:
        Refused: 400, one of them is no integer of at least 1.
    """
    return _positive(request, "page", 1), _positive(request, "per_page", 200)


def read_descending(request: Request) -> bool:
    """Whether a list request asks for the newest first.

    Raises:
        Refused: 400, `order` is neither asc nor desc.
    """
    order = request.query_params.get("order", "asc")
    if order not in ("asc", "desc"):
        raise malformed("order: must be asc or desc")
    return order == "desc"


def answer(content: Any, status: int = 200) -> Response:  # noqa: ANN401 - whatever JSON can hold
    """A JSON answer."""
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")


async def answer_refused(_: Request, error: Exception) -> Response:
    """The answer to a request that was refused."""
    if not isinstance(error, Refused):
        raise error
    return answer({"code": error.code, "message": error.message}, error.status)


async def answer_unrouted(request: Request, error: Exception) -> Response:
    """The answer to a path or a method that the API does not have."""
    if not isinstance(error, HTTPException):
        raise error
    message = f"{request.method} {request.url.path}: {error.detail}"
    code = "method_not_allowed" if error.status_code == 405 else "not_found"
    return answer({"code": code, "message": message}, error.status_code)


def _positive(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,19}", text) or not 1 <= int(text) <= _INT64_MAX:
        raise malformed(f"{name}: must be an integer of at least 1")
    return int(text)
