"""Checks of single values in a request to the simulated logistics API; each refuses with a 422 that names the field."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.sandbox.logistics.errors import invalid

Check = Callable[[Any, str], Any]
"""Takes a value and the path of its field; returns the value to keep, or raises Refused."""


def text(value: Any, path: str) -> str:  # noqa: ANN401 - anything may come in
    """A string."""
    if not isinstance(value, str):
        raise invalid(path, "must be a string")
    return value


def required_text(value: Any, path: str) -> str:  # noqa: ANN401 - anything may come in
    """A string with something in it."""
    if not text(value, path).strip():
        raise invalid(path, "must not be empty")
    return str(value)


def flag(value: Any, path: str) -> bool:  # noqa: ANN401 - anything may come in
    """A boolean."""
    if not isinstance(value, bool):
        raise invalid(path, "must be true or false")
    return value


def count(value: Any, path: str) -> int:  # noqa: ANN401 - anything may come in
    """An integer of at least 0, such as a quantity or an amount in 1/1000 cents."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(path, "must be an integer")
    if value < 0:
        raise invalid(path, "must be 0 or more")
    return value


def number(value: Any, path: str) -> float:  # noqa: ANN401 - anything may come in
    """Any number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(path, "must be a number")
    return value


def measure(value: Any, path: str) -> float:  # noqa: ANN401 - anything may come in
    """A number of at least 0."""
    if number(value, path) < 0:
        raise invalid(path, "must be 0 or more")
    return float(value)


def moment(value: Any, path: str) -> str:  # noqa: ANN401 - anything may come in
    """A date-time with its offset; kept in UTC, as "2019-08-24T14:15:22Z"."""
    try:
        parsed = datetime.fromisoformat(text(value, path))
    except ValueError:
        raise invalid(path, "must be a date-time such as 2019-08-24T14:15:22Z") from None
    if parsed.tzinfo is None:
        raise invalid(path, "must say its offset, such as Z")
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def currency(value: Any, path: str) -> str:  # noqa: ANN401 - anything may come in
    """An ISO 4217 code in form, or the empty string for no price."""
    code = text(value, path)
    if code and not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise invalid(path, "must be an ISO 4217 code")
    return code


def record(value: Any, path: str) -> Mapping[str, Any]:  # noqa: ANN401 - anything may come in
    """A JSON object."""
    if not isinstance(value, dict):
        raise invalid(path, "must be an object")
    return value


def records(value: Any, path: str) -> list[Mapping[str, Any]]:  # noqa: ANN401 - anything may come in
    """A JSON array of objects."""
    return [record(element, f"{path}[{index}]") for index, element in enumerate(array(value, path))]


def array(value: Any, path: str) -> Sequence[Any]:  # noqa: ANN401 - anything may come in
    """A JSON array."""
    if not isinstance(value, list):
        raise invalid(path, "must be an array")
    return value


def one_of(choices: Collection[str]) -> Check:
    """A check that a value is one of these words, in this case."""
    listed = ", ".join(sorted(choices))

    def check(value: Any, path: str) -> str:  # noqa: ANN401 - anything may come in
        if text(value, path) not in choices:
            raise invalid(path, f"must be one of {listed}")
        return str(value)

    return check
