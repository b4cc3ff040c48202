"""Writes JSON whatever is in it: responses with what an upstream has passed through, and variables as keys."""

import json
import logging
from typing import Any, Final

import orjson

TOO_DEEP: Final = {
    "message": "An upstream passed a value through that is nested too deeply to be written.",
    "extensions": {"code": "UPSTREAM_BAD_ANSWER"},
}

_LOG: Final = logging.getLogger(__name__)


def encode(response: dict[str, Any]) -> bytes:
    """A response's bytes."""
    try:
        return encode_part(response)
    except (RecursionError, UnicodeEncodeError):
        return orjson.dumps({"data": None, "errors": [TOO_DEEP]})


def encode_part(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """A part of a response.

    orjson writes no integers beyond 64 bits and nothing below 254 levels; an upstream's free-form values may have both.

    Raises:
        RecursionError: it is nested too deeply.
        UnicodeEncodeError: it holds half of a surrogate pair.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        _LOG.warning("An answer is written the slow way: %s", error)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_builtin).encode()


def variables_key(variables: dict[str, Any] | None) -> bytes:
    """Bytes that are the same for the same variables; clients may send integers beyond 64 bits."""
    if not variables:
        return b""
    try:
        return compact(orjson.dumps(variables, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError:
        return json.dumps(variables, sort_keys=True).encode()


def _builtin(value: object) -> Any:  # noqa: ANN401 - whatever JSON has for it
    return orjson.loads(orjson.dumps(value))


def compact(encoded: bytes) -> bytes:
    """The same bytes in no more memory than they need: the encoder's own have room for 4 KiB however short they are."""
    return bytes(memoryview(encoded))
