"""Requests and responses of the simulated logistics API: bodies, query parameters, checks of values, and errors.

The vendor's document shows no errors; `{code, message}` with 400, 401, 403, 404, 409 and 422 is assumed.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_INT64_MAX = 2**63 - 1

Check = Callable[[Any, str], Any]
"""Takes a value and the path of its field; returns the value to store, or raises Refused."""


class Refused(Exception):
    """A request was refused with an error response.

    Args:
        status: The HTTP status.
        code: The error code, for programs.
        message: The explanation, for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def malformed(message: str) -> Refused:
    """400: the request cannot be parsed."""
    return Refused(400, "bad_request", message)


def unauthenticated(message: str) -> Refused:
    """401: the credentials are missing, wrong or expired."""
    return Refused(401, "unauthorized", message)


def forbidden(message: str) -> Refused:
    """403: the credentials are valid, but lack the role."""
    return Refused(403, "forbidden", message)


def not_found(kind: str, identity: str) -> Refused:
    """404: there is no record of this kind with this id."""
    return Refused(404, "not_found", f"There is no {kind} {identity}.")


def version_conflict(sent: str) -> Refused:
    """409: the record has changed since the revision in the request."""
    return Refused(409, "version_conflict", f"version_rev {sent} is not the current revision; read the task again.")


def already_exists(message: str) -> Refused:
    """409: a unique value is already in use."""
    return Refused(409, "already_exists", message)


def invalid(path: str, rule: str) -> Refused:
    """422: the field at `path` violates a rule."""
    return Refused(422, "validation_failed", f"{path}: {rule}")


def invalid_status(message: str) -> Refused:
    """422: the status of the record does not allow the operation."""
    return Refused(422, "invalid_status", message)


async def read_body(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body.

    Raises:
        Refused: 400 if the body is not a JSON object.
    """
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise malformed("The body must be a JSON object.")
    return body


def read_page(request: Request) -> tuple[int, int]:
    """Return `page` (default 1) and `per_page` (default 200) of a list request.

    Raises:
        Refused: 400 if one of them is not an integer of at least 1.
    """
    return _positive(request, "page", 1), _positive(request, "per_page", 200)


def read_descending(request: Request) -> bool:
    """Return whether the `order` of a list request is descending, newest first.

    Raises:
        Refused: 400 if `order` is neither asc nor desc.
    """
    order = request.query_params.get("order", "asc")
    if order not in ("asc", "desc"):
        raise malformed("order: must be asc or desc")
    return order == "desc"


def _positive(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    # int64 in the document, and the length bounds what `int` has to parse.
    if not re.fullmatch("[0-9]{1,19}", text) or not 1 <= int(text) <= _INT64_MAX:
        raise malformed(f"{name}: must be an integer of at least 1")
    return int(text)


def answer(content: Any, status: int = 200) -> Response:  # noqa: ANN401 - any JSON value
    """Return a JSON response."""
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")


async def answer_refused(_: Request, error: Exception) -> Response:
    """Exception handler for `Refused`."""
    if not isinstance(error, Refused):
        raise error
    return answer({"code": error.code, "message": error.message}, error.status)


async def answer_unrouted(request: Request, error: Exception) -> Response:
    """Exception handler for an unknown path or method."""
    if not isinstance(error, HTTPException):
        raise error
    message = f"{request.method} {request.url.path}: {error.detail}"
    code = "method_not_allowed" if error.status_code == 405 else "not_found"
    return answer({"code": code, "message": message}, error.status_code)


def check_text(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    """Check for a string."""
    if not isinstance(value, str):
        raise invalid(path, "must be a string")
    return value


def check_required_text(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    """Check for a string that is not blank."""
    if not check_text(value, path).strip():
        raise invalid(path, "must not be empty")
    return str(value)


def check_flag(value: Any, path: str) -> bool:  # noqa: ANN401 - any JSON value
    """Check for a boolean."""
    if not isinstance(value, bool):
        raise invalid(path, "must be true or false")
    return value


def check_count(value: Any, path: str) -> int:  # noqa: ANN401 - any JSON value
    """Check for an integer of at least 0, such as a quantity or an amount in 1/1000 cents."""
    # In Python a bool is an int, in JSON it is no number.
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(path, "must be an integer")
    if value < 0:
        raise invalid(path, "must be 0 or more")
    return value


def check_number(value: Any, path: str) -> float:  # noqa: ANN401 - any JSON value
    """Check for a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(path, "must be a number")
    return value


def check_measure(value: Any, path: str) -> float:  # noqa: ANN401 - any JSON value
    """Check for a number of at least 0."""
    if check_number(value, path) < 0:
        raise invalid(path, "must be 0 or more")
    return float(value)


def check_moment(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    """Check for a date-time with an offset, and convert it to UTC, as "2019-08-24T14:15:22Z"."""
    try:
        parsed = datetime.fromisoformat(check_text(value, path))
    except ValueError:
        raise invalid(path, "must be a date-time such as 2019-08-24T14:15:22Z") from None
    # `date-time` in the document, which has an offset by RFC 3339 (5.6).
    if parsed.tzinfo is None:
        raise invalid(path, "must say its offset, such as Z")
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_currency(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    """Check for the form of an ISO 4217 code, or the empty string for no price."""
    code = check_text(value, path)
    # Its form only: the list of ISO 4217 changes.
    if code and not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise invalid(path, "must be an ISO 4217 code")
    return code


def check_object(value: Any, path: str) -> Mapping[str, Any]:  # noqa: ANN401 - any JSON value
    """Check for a JSON object."""
    if not isinstance(value, dict):
        raise invalid(path, "must be an object")
    return value


def check_objects(value: Any, path: str) -> list[Mapping[str, Any]]:  # noqa: ANN401 - any JSON value
    """Check for a JSON array of objects."""
    return [check_object(element, f"{path}[{index}]") for index, element in enumerate(check_array(value, path))]


def check_array(value: Any, path: str) -> Sequence[Any]:  # noqa: ANN401 - any JSON value
    """Check for a JSON array."""
    if not isinstance(value, list):
        raise invalid(path, "must be an array")
    return value


def check_one_of(choices: Collection[str]) -> Check:
    """Return a check that a value is one of `choices`, case-sensitive."""
    listed = ", ".join(sorted(choices))

    def check(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
        if check_text(value, path) not in choices:
            raise invalid(path, f"must be one of {listed}")
        return str(value)

    return check
