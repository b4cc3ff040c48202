"""Writes JSON whatever is in it: responses with what an upstream has passed through, and variables as keys.

Writes responses in pieces, so that one that grows too large is given up before it is built.

What an operation reads once it may repeat in its response as often as it likes: by aliases, by the same id again, or by
records that lead to each other. A response that seems to be large is therefore encoded a few objects of a list at a
time, and the sum is looked at after each of them.
"""

import json
import logging
from typing import Any, Final

import orjson

from gateway.operations.documents.request_limits import RequestCounts
from resolvers.errors import OperationTooExpensive

TOO_DEEP: Final = {
    "message": "An upstream passed a value through that is nested too deeply to be written.",
    "extensions": {"code": "UPSTREAM_BAD_ANSWER"},
}

_CONTAINERS: Final = (dict, list)

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


MAX_BYTES: Final = 16 * 1024 * 1024

AT_ONCE: Final = 256 * 1024
"""What is encoded by one call, in bytes as estimated; so much may be built in vain, and more of a list whose objects
are much larger than its first and its last."""

MOST_OBJECTS: Final = 64
"""Objects of a list that is too large for one call which are encoded by the next."""

_PLAIN: Final = 16
"""An estimate of a number, a boolean, a null or a key, in bytes."""


class ResponseWriter:
    """Encodes responses up to a size; process lifetime.

    Args:
        max_bytes: The largest body of a response, and of a subscription's event.
        counts: Where refusals are counted.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, counts: RequestCounts | None = None) -> None:
        self._max_bytes = max_bytes
        self._counts = counts or RequestCounts()

    def write(self, response: dict[str, Any]) -> tuple[bytes, bool]:
        """The response's bytes, and whether they are it: where it is too large they say so."""
        pieces = _Pieces(self._max_bytes)
        try:
            pieces.add(response)
        except (RecursionError, UnicodeEncodeError):
            return encode(response), True
        except _TooLargeError:
            self._counts.response += 1
            return encode({"data": None, "errors": [self._refusal()]}), False
        return b"".join(pieces.written), True

    def _refusal(self) -> dict[str, Any]:
        message = (
            f"The response is larger than the {self._max_bytes} bytes that are sent; what was changed is changed. Ask "
            "for smaller pages, or for less of each record."
        )
        return {"message": message, "extensions": {"code": OperationTooExpensive.code}}


class _TooLargeError(Exception):
    """What has been written is above the limit."""


class _Pieces:
    """What has been written of one response; lifetime: the writing."""

    def __init__(self, room: int) -> None:
        self.written: list[bytes] = []
        self._room = room

    def add(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        if type(value) not in _CONTAINERS or _estimate(value) <= AT_ONCE:
            self._put(encode_part(value))
        elif type(value) is dict:
            self._put(b"{")
            for number, (key, one) in enumerate(value.items()):
                self._put((b"," if number else b"") + encode_part(key) + b":")
                self.add(one)
            self._put(b"}")
        else:
            self._put(b"[")
            self._add_objects(value)
            self._put(b"]")

    def _add_objects(self, objects: list[Any]) -> None:
        start = 0
        while start < len(objects):
            if start:
                self._put(b",")
            chunk = objects[start : start + MOST_OBJECTS]
            del chunk[_fitting(chunk[0]) :]
            del chunk[_fitting(chunk[-1]) :]
            if len(chunk) > 1:
                self._put(encode_part(chunk)[1:-1])
            else:
                self.add(chunk[0])
            start += len(chunk)

    def _put(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise _TooLargeError
        self.written.append(piece)


def _fitting(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """How many such values are encoded by one call."""
    return max(1, AT_ONCE // (_estimate(value) + 1))


def _estimate(value: Any) -> int:  # noqa: ANN401 - any JSON value
    """About how many bytes a value is written in, from the larger of a list's first and last object."""
    if type(value) is str:
        return len(value)
    if type(value) is list:
        # Each once: of lists in lists, both ends of a single object would take twice the time for each level.
        return len(value) * max(map(_estimate, {0: value[0], len(value) - 1: value[-1]}.values())) if value else _PLAIN
    if type(value) is not dict:
        return _PLAIN
    size = _PLAIN * len(value)
    for one in value.values():
        # Of most objects nearly all values are plain, and a call for each would cost more than the rest.
        kind = type(one)
        size += len(one) if kind is str else _estimate(one) if kind in _CONTAINERS else _PLAIN
    return size
