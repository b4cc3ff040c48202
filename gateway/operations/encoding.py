"""Writes answers as JSON, whatever an upstream has passed through in them."""

import json
import logging
from typing import Any, Final

import orjson

TOO_DEEP: Final = {
    "message": "An upstream passed a value through that is nested too deeply to be written.",
    "extensions": {"code": "UPSTREAM_BAD_ANSWER"},
}

_LOG: Final = logging.getLogger(__name__)


def encode(answer: dict[str, Any]) -> bytes:
    """An answer's bytes.

    orjson writes no integers beyond 64 bits and nothing below 254 levels; an upstream's free-form values may have both.
    """
    try:
        return orjson.dumps(answer)
    except orjson.JSONEncodeError as error:
        _LOG.warning("An answer is written the slow way: %s", error)
    try:
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), default=_builtin).encode()
    except (RecursionError, UnicodeEncodeError):
        return orjson.dumps({"data": None, "errors": [TOO_DEEP]})


def _builtin(value: object) -> Any:  # noqa: ANN401 - whatever JSON has for it
    return orjson.loads(orjson.dumps(value))
