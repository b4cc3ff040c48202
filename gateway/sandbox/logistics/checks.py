"""Checks of single values in requests to the simulated logistics API; each raises a 422 that names the field."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.sandbox.logistics.requests import invalid

Check = Callable[[Any, str], Any]
"""Takes a value and the path of its field; returns the value to store, or raises Refused."""


def text(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    """Check for a string."""
    if not isinstance(value, str):
        raise invalid(path, "must be a string")
    return value


def required_text(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    """Check for a string that is not blank."""
    if not text(value, path).strip():
        raise invalid(path, "must not be empty")
    return str(value)


def flag(value: Any, path: str) -> bool:  # noqa: ANN401 - any JSON value
    """Check for a boolean."""
    if not isinstance(value, bool):
        raise invalid(path, "must be true or false")
    return value


def count(value: Any, path: str) -> int:  # noqa: ANN401 - any JSON value
    """Check for an integer of at least 0, such as a quantity or an amount in 1/1000 cents."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(path, "must be an integer")
    if value < 0:
        raise invalid(path, "must be 0 or more")
    return value


def number(value: Any, path: str) -> float:  # noqa: ANN401 - any JSON value
    """Check for a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(path, "must be a number")
    return value


def measure(value: Any, path: str) -> float:  # noqa: ANN401 - any JSON value
    """Check for a number of at least 0."""
    if number(value, path) < 0:
        raise invalid(path, "must be 0 or more")
    return float(value)


def moment(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    """Check for a date-time with an offset, and convert it to UTC, as "2019-08-24T14:15:22Z"."""
    try:
        parsed = datetime.fromisoformat(text(value, path))
    except ValueError:
        raise invalid(path, "must be a date-time such as 2019-08-24T14:15:22Z") from None
    if parsed.tzinfo is None:
        raise invalid(path, "must say its offset, such as Z")
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def currency(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
    """Check for the form of an ISO 4217 code, or the empty string for no price."""
    code = text(value, path)
    if code and not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise invalid(path, "must be an ISO 4217 code")
    return code


def record(value: Any, path: str) -> Mapping[str, Any]:  # noqa: ANN401 - any JSON value
    """Check for a JSON object."""
    if not isinstance(value, dict):
        raise invalid(path, "must be an object")
    return value


def records(value: Any, path: str) -> list[Mapping[str, Any]]:  # noqa: ANN401 - any JSON value
    """Check for a JSON array of objects."""
    return [record(element, f"{path}[{index}]") for index, element in enumerate(array(value, path))]


def array(value: Any, path: str) -> Sequence[Any]:  # noqa: ANN401 - any JSON value
    """Check for a JSON array."""
    if not isinstance(value, list):
        raise invalid(path, "must be an array")
    return value


def one_of(choices: Collection[str]) -> Check:
    """Return a check that a value is one of `choices`, case-sensitive."""
    listed = ", ".join(sorted(choices))

    def check(value: Any, path: str) -> str:  # noqa: ANN401 - any JSON value
        if text(value, path) not in choices:
            raise invalid(path, f"must be one of {listed}")
        return str(value)

    return check
